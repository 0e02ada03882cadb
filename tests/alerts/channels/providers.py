"""Local servers in the place of providers: they refuse what the provider refuses, and answer in its words."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from alerts.channels.base import KINDS, Event, Message, Receipt
from alerts.domain.escalation import Severity
from alerts.transport import Transport
from tests.alerts.channels.messages import NOON, make_message, make_subject
from tests.servers import Seen, Target, answer
from uptime.lib.net import Guard

EVIL = 'A&B <!channel> @everyone <b>x</b> [a](http://evil.example) *b* _c_ `d` \\ ~e~ "f"\n# g\0'
FACTS = tuple((f"Fact {number}", "<&>*_" * 800) for number in range(12))


class RefusedError(Exception):
    """The provider's answer to what breaks its rules."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(said)
        self.status, self.said = status, said


def text_of(said: Any) -> str:
    return said if isinstance(said, str) else json.dumps(said)


@contextmanager
def provider(accept: Callable[[Seen], Any], status: int = 200) -> Iterator[Target]:
    """A server that answers what `accept` returns, or the RefusedError it raises."""

    def behave(target: Target, connection: Any, seen: Seen) -> None:
        try:
            reply = answer(status, text_of(accept(seen)))
        except RefusedError as refused:
            reply = answer(refused.status, text_of(refused.said))
        reply(target, connection, seen)

    with Target() as target:
        target.does(behave)
        yield target


def require(holds: object, status: int, said: Any) -> None:
    if not holds:
        raise RefusedError(status, said)


@dataclass(frozen=True)
class Sender:
    """Sends messages of one kind to one place."""

    name: str
    options: dict[str, Any]
    api: str = ""  # where the kind has an address of its own

    def __call__(self, message: Message | None = None, **more: Any) -> Receipt:
        kind = KINDS.get(self.name)
        if self.api:
            kind = replace(kind, api=self.api)
        with Transport(Guard(allow_private=True), 10) as way:
            return kind.send(message or make_message(), {**self.options, **more}, way)


def all_messages() -> list[Message]:
    """One of each event, hostile ones and ones beyond every limit."""
    long = "Ünïcödé 🚒 <&> " * 2000
    plain = [make_message(event=event, key=f"key-{event}") for event in Event if event is not Event.DIGEST]
    return [
        *plain,
        make_message(event=Event.DIGEST, subject=None, lines=tuple(f"Shop {n} <is> down" for n in range(51))),
        make_message(event=Event.UP, subject=make_subject(resolved_at=NOON + timedelta(minutes=5))),
        make_message(severity=Severity.CRITICAL, acknowledge_url="https://uptime.example/a/12?x=1&y=2"),
        make_message(severity=Severity.LOW, facts=(), text=""),
        make_message(title=EVIL, text=EVIL, facts=(("Cause", EVIL),), subject=make_subject(monitor=EVIL, cause=EVIL)),
        make_message(title=long, text=long, facts=FACTS, subject=make_subject(monitor=long, target=long, cause=long)),
        make_message(title=long, event=Event.DIGEST, lines=(long,) * 51, subject=None),
    ]
