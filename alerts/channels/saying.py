"""What the kinds for chats and phones share: marks, facts, texts cut to a provider's limit, and what answers mean."""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection

from alerts.channels.base import Event, Message, Permanent, Receipt, Temporary
from alerts.domain.escalation import Severity
from alerts.transport import Answer

MARKS = {  # seen before anything is read
    Event.DOWN: "🔴",
    Event.REMINDER: "🔴",
    Event.UP: "🟢",
    Event.EXPIRY: "🟠",
    Event.CHANNEL: "🟠",
    Event.DIGEST: "🟣",
    Event.TEST: "🔵",
}
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}
OPEN = "Open the incident"
ACKNOWLEDGE = "Acknowledge"


def units(text: str) -> int:
    """UTF-16 code units, which is what providers that count “characters” count at most."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def octets(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def json_octets(text: str) -> int:
    """Bytes of a text inside JSON, as `dumped` writes it."""
    return octets(json.dumps(text, ensure_ascii=False)) - 2


def same(text: str) -> str:
    return text


def cut(text: str, limit: int, escape: Callable[[str], str] = same, size: Callable[[str], int] = units) -> str:
    """`text`, escaped, no larger than `limit`. What is too long loses its end for an ellipsis before it is escaped, so
    that no escape is cut in two. Control characters are left out."""
    text = "".join(char for char in text if char == "\n" or char.isprintable())
    whole = escape(text)
    if size(whole) <= limit:
        return whole
    room = bisect_right(range(len(text) + 1), limit, key=lambda length: size(escape(_short(text, length))))
    return escape(_short(text, room - 1)) if room else ""


def _short(text: str, length: int) -> str:
    return text[:length].rstrip() + "…"


def heading(message: Message) -> str:
    """The title in one line, behind its mark."""
    return f"{MARKS[message.event]} {one_line(message.title)}"


def one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def body(message: Message) -> str:
    """The text, and the lines of a digest."""
    return "\n".join([message.text, *(f"• {one_line(line)}" for line in message.lines)])


def dumped(document: object) -> str:
    """A document as it goes over the wire and is kept."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def links(message: Message) -> list[tuple[str, str]]:
    """What can be done about it: pairs of words and address."""
    found = [(OPEN if message.subject else "Open", message.url), (ACKNOWLEDGE, message.acknowledge_url)]
    return [(words, url) for words, url in found if url]


def level(message: Message) -> int:
    """How loud it is: 0 for news that can wait, then 1 to 3 by the severity of what is wrong."""
    if message.event in {Event.UP, Event.TEST}:
        return 0
    return {Severity.LOW: 1, Severity.HIGH: 2, Severity.CRITICAL: 3}[message.severity]


def taken(
    answer: Answer,
    who: str,
    *,
    said: str = "",
    reference: str = "",
    gone: Collection[int] = (),
    lost: bool = False,
    retry_after_s: float | None = None,
) -> Receipt:
    """The receipt of an answer, or what it raises: Temporary where it may yet become well (408, 425, 429, 5xx and
    redirects), Permanent for every other refusal.

    `said`: the provider's words, where they are not the whole body; `gone`: statuses after which nothing else will be
    taken here either, `lost`: that the words say so; `retry_after_s`: what the body asks for."""
    words = f"{answer.status} {' '.join(said.split())[:300]}".strip() if said else answer.words
    if answer.ok:
        return Receipt(words, reference)
    reason = f"{who} answered {words}"
    if answer.status in {408, 425, 429} or not 400 <= answer.status < 500:
        wait = answer.retry_after_s if retry_after_s is None else retry_after_s
        raise Temporary(reason, wait)
    raise Permanent(reason, disable=lost or answer.status in gone)
