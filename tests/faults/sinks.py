"""Where alerts arrive: a webhook and a mailbox that remember every message with its key.

They are the oracle of alerting: what people were told is what came in here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from tests.inbox import Inbox
from tests.product import Product
from tests.servers import Target

MAIL_TO = "ops@example.com"
ALL = {"per_minute": 1000, "per_hour": 100_000}  # no digests
EVENTS = {" is down": "down", " is up again": "up", " was down for ": "up"}


@dataclass(frozen=True)
class Heard:
    """A message as it arrived. `whole`: it told of a beginning and an end at once."""

    sink: str
    incident: int
    event: str
    key: str
    whole: bool


class Sinks:
    """A context manager."""

    def __enter__(self) -> Self:
        self.hook, self.inbox = Target(), Inbox()
        self.inbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.close()
        self.inbox.stop()

    def told_by(self, product: Product) -> None:
        """Whatever goes wrong is told to both, each message by itself."""
        hook = add_channel(product, "webhook", {"url": f"{self.hook.url}/hook"}, **ALL)
        mail = add_channel(product, "email", {"addresses": MAIL_TO}, **ALL)
        tell(product, hook, mail)

    def heard(self) -> list[Heard]:
        return [*self._hooked(), *self._mailed()]

    def _hooked(self) -> Iterator[Heard]:
        for seen in list(self.hook.requests):
            said = json.loads(seen.body)
            event, title = said["type"].removeprefix("incident."), said["data"]["title"]
            incident = said["data"]["incident"]["id"]
            yield Heard("hook", incident, event, seen.headers["webhook-id"], " was down for " in title)

    def _mailed(self) -> Iterator[Heard]:
        for mail in list(self.inbox.messages):
            subject = str(mail["Subject"])
            event = next((event for words, event in EVENTS.items() if words in subject), subject)
            incident = int(str(mail["References"]).split("@")[0].removeprefix("<incident-"))
            yield Heard("mail", incident, event, str(mail["Message-ID"]), " was down for " in subject)


def add_channel(product: Product, kind: str, options: dict[str, object], **more: object) -> str:
    body = {"kind": kind, "options": options, "name": more.pop("name", kind), **more}
    made = product.session.post(f"{product.url}/api/v2/channels", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


def tell(product: Product, *channels: str) -> None:
    """Let the default policy tell these channels, at once."""
    steps = [{"type": "escalation", "step_members": [{"type": "channel", "id": each} for each in channels]}]
    [default] = product.session.get(f"{product.url}/api/v2/policies").json()["data"]
    changed = product.session.patch(f"{product.url}/api/v2/policies/{default['id']}", json={"steps": steps})
    assert changed.status_code == 200, changed.text
