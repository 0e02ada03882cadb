"""Our own sign of life to somebody outside: while it comes, all is well; when it stops, nobody here can tell you why.

Healthchecks.io, Better Stack's heartbeats, Cronitor and others speak this way: one address to call while all is well,
the same with `/fail` behind it when it is not.
"""

from urllib.parse import urlsplit

import redis
import requests
from django.conf import settings
from django.core.cache import cache

from monitors.services import pulses
from uptime.lib.version import VERSION
from uptime.pipeline.gather import recent
from uptime.pipeline.parts import Severity, Snapshot

TIMEOUT = (3, 5)  # seconds to connect, and between two pieces of the answer
NOWHERE = "none"  # HEARTBEAT_FAIL_URL of a service that knows silence only
EVERY_S = 30
SEEN, SEEN_FOR_S = "heartbeat:problem", 3 * EVERY_S


class HeartbeatError(RuntimeError):
    """The address did not take the word."""


def send() -> None:
    """Call the address that fits how we are; nothing while none is set. Raises HeartbeatError."""
    if not settings.HEARTBEAT_URL:
        return
    snapshot = recent()
    troubled = snapshot.state == "problem"
    before = _remember(troubled)
    if not troubled:
        _call(settings.HEARTBEAT_URL, "All is well.")
    elif before and (url := fail_url()):
        _call(url, reasons(snapshot))


def _remember(troubled: bool) -> bool:
    """Whether there was a problem the last time too: right after a start, much has yet to do its first work.

    A problem seen for the first time is not told, and all is not well either: nothing is called.
    """
    try:
        before = cache.get(SEEN, False)
        cache.set(SEEN, troubled, SEEN_FOR_S)
    except redis.RedisError:
        return True
    return before


def fail_url() -> str:
    """Where problems are told; empty where silence is all that is understood."""
    if settings.HEARTBEAT_FAIL_URL:
        return "" if settings.HEARTBEAT_FAIL_URL == NOWHERE else settings.HEARTBEAT_FAIL_URL
    parts = urlsplit(settings.HEARTBEAT_URL)
    return parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


def reasons(snapshot: Snapshot) -> str:
    return "\n".join(f"{part.title}: {problem.sentence}" for part, problem in snapshot.problems(Severity.PROBLEM))


def _call(url: str, text: str) -> None:
    # Straight to the address the operator named: no proxy or netrc of the environment, and no detours.
    with requests.Session() as session:
        session.trust_env = False
        headers = {"User-Agent": f"Uptime/{VERSION}", "Content-Type": "text/plain; charset=utf-8"}
        try:
            answer = session.post(
                url, text.encode(), headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            raise HeartbeatError(f"HEARTBEAT_URL does not answer: {type(error).__name__}") from None
        if not 200 <= answer.status_code < 300:
            raise HeartbeatError(f"HEARTBEAT_URL answered {answer.status_code}; it should be the final address")
    pulses.mark(pulses.HEARD)
