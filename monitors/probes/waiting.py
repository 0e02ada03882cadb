"""What a server says of when to come back: Retry-After (RFC 9110, 10.2.3), of an answer that is 429 or 503."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from monitors.probes.base import MAX_RETRY_AFTER_S
from monitors.probes.kinds import Answer, Finding

WAITING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
LONGEST_TEXT = 40  # characters of a date, and more than any sensible number has


def asked_to_wait(finding: Finding, answer: Answer) -> Finding:
    """The finding, with how long the server asks us to stay away; what is no failure is no reason to."""
    if finding.reason is None or answer.status not in WAITING:
        return finding
    return finding._replace(retry_after_s=retry_after(answer.header("retry-after"), datetime.now(UTC)))


def retry_after(text: str, now: datetime) -> int | None:
    """Seconds, from a number of them or from a date in any of the three forms; None for anything else.

    At most MAX_RETRY_AFTER_S; a date that is past is 0."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return max(0, min(round(seconds), MAX_RETRY_AFTER_S))
