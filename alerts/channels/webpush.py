"""Web push (RFC 8030): a notification in every browser in which a member has turned notifications on, whether a page
of ours is open or not. The body is what Safari and Firefox show by themselves (Push API, “Declarative push message”)
and what our service worker shows everywhere else. It is encrypted for each browser: the push service, which is the
browser maker's, cannot read it.

Browsers are of different makers, so that one message has several outcomes: one that is gone is forgotten, one that
took it is not told twice when another one is tried again.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django import forms

from alerts.channels.base import (
    Browser,
    ChannelKind,
    Event,
    Message,
    Permanent,
    Places,
    Receipt,
    Rendered,
    Temporary,
    Values,
)
from alerts.channels.saying import ACKNOWLEDGE, body, cut, dumped, heading, json_octets, level, taken
from alerts.transport import Answer, Transport
from monitors.probes.options import OptionsForm
from uptime.lib import webpush

# Octets of the text. A push service takes 4,096 of a body (RFC 8030, 7.2), Mozilla's 2,744 where the browser is a
# phone's (autopush, “HTTP Endpoints for Notifications”); 103 are around the text.
LIMIT = 2744 - webpush.OVERHEAD
TITLE, TEXT = 300, 1200
TTL_S = {Event.REMINDER: 3600, Event.TEST: 600}  # how long a browser that is off may still get it
LONGEST_TTL_S = 86_400
URGENT = 2  # of `level`: a phone that saves its battery gets it too (RFC 8030, 5.3)
GONE = {404, 410}  # RFC 8030, 7.3, and what the push services say of it
WHERE = "They are turned on under Alerts, Browsers, in the browser that is to show them."


class WebPushOptions(OptionsForm):
    section = "How it is shown"

    stay = forms.BooleanField(
        label="Stay on the screen until it is dismissed",
        required=False,
        initial=False,
        help_text="Of what is down. Phones, and some browsers, decide that by themselves.",
    )


@dataclass(frozen=True)
class WebPush(ChannelKind):
    def summary(self, options: Values) -> str:
        return f"{options.get('member_name') or 'the team'}'s browsers"

    def problem(self, options: Values) -> str:
        if options["browsers"]:
            return ""
        who = options.get("member_name")
        nobody = f"{who} has notifications on in no browser." if who else "Nobody in the team has notifications on."
        return f"{nobody} {WHERE}"

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message, options)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        """Browsers that took this message when it was tried before are left out."""
        tally = Tally(len(options["browsers"]))
        text = compact(document(message, options))
        for browser in in_order(options["browsers"]):
            if browser.last_key == message.key:
                tally.told.add(browser.pk)
                continue
            try:
                tally.took(browser, push(browser, text, message, options, transport))
            except (Temporary, Permanent) as problem:
                tally.failed(browser, problem)
        return tally.result() if tally.size else _nobody(self.problem(options))


def _nobody(problem: str) -> Receipt:
    raise Permanent(problem)


def in_order(browsers: list[Browser]) -> list[Browser]:
    """Those that took the last message first: all of them share one deadline, and who hangs shall hang last."""
    return sorted(browsers, key=lambda each: not each.last_key)


def push(browser: Browser, text: bytes, message: Message, options: Values, transport: Transport) -> Receipt:
    """One message to one browser. Raises Temporary or Permanent; with `disable` where the browser is no more."""
    secrets, key = browser.secrets, webpush.private_key(options["push_key"])
    sealed = webpush.encrypt(text, webpush.public_key(secrets["p256dh"]), webpush.auth_secret(secrets["auth"]))
    headers = {
        "Authorization": webpush.authorization(secrets["endpoint"], key, options["contact"], datetime.now(UTC)),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_S.get(message.event, LONGEST_TTL_S)),
        "Urgency": "high" if level(message) >= URGENT else "normal",
        "Topic": topic(message),
    }
    answer = transport.request("POST", secrets["endpoint"], headers=headers, data=sealed)
    return receipt(answer)


def receipt(answer: Answer) -> Receipt:
    """Errors are JSON with a `message` (Mozilla's), a `reason` (Apple's), or a text."""
    said = answer.json if isinstance(answer.json, dict) else {}
    words = "taken" if answer.ok else str(said.get("message") or said.get("reason") or "")
    return taken(answer, "its push service", said=words, gone=GONE)


def topic(message: Message) -> str:
    """What waits for a browser is replaced by what comes later about the same: at most 32 letters, digits, - and _
    (RFC 8030, 5.4)."""
    return message.thread.replace("-", "")[:32]


@dataclass
class Tally:
    """What became of one message in `size` browsers."""

    size: int
    told: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    later: list[Temporary] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def took(self, browser: Browser, receipt: Receipt) -> None:
        self.told.add(browser.pk)
        self.answers.append(f"{browser.name}: {receipt.answer}")

    def failed(self, browser: Browser, problem: Temporary | Permanent) -> None:
        said = f"{browser.name}: {problem.reason}"
        if isinstance(problem, Temporary):
            self.later.append(Temporary(said, problem.retry_after_s))
        elif problem.disable:
            self.gone.add(browser.pk)
        else:
            self.refused.append(said)

    def result(self) -> Receipt:
        """Taken where any browser took it and none may yet: raises Temporary where one may, Permanent where none did,
        with `disable` where none is left."""
        places = Places(frozenset(self.told), frozenset(self.gone))
        if self.later:
            waits = [each.retry_after_s for each in self.later if each.retry_after_s is not None]
            raise Temporary("; ".join(each.reason for each in self.later), max(waits, default=None), places)
        if self.told:
            return Receipt("; ".join([*self.answers, *self.refused]) or "taken before", places=places)
        if self.refused:
            raise Permanent("; ".join(self.refused), places=places)
        which = "The browser takes" if self.size == 1 else f"All {self.size} browsers take"
        raise Permanent(f"{which} no more messages. {WHERE}", disable=True, places=places)


def document(message: Message, options: Values) -> dict[str, Any]:
    """The notification, no larger than LIMIT. A click on it opens `navigate`."""
    shown: dict[str, Any] = {
        "title": cut(heading(message), TITLE, size=json_octets),
        "body": "",
        "navigate": message.url,
        "tag": message.thread,
        "timestamp": int(message.at.timestamp() * 1000),
        "renotify": True,
        "requireInteraction": bool(options.get("stay")) and message.event in {Event.DOWN, Event.REMINDER},
    }
    if message.acknowledge_url:
        action = {"action": "acknowledge", "title": ACKNOWLEDGE, "navigate": message.acknowledge_url}
        shown["actions"] = [action]
    said = {"web_push": 8030, "notification": shown}
    room = LIMIT - len(compact(said))
    shown["body"] = cut(body(message), max(0, min(TEXT, room)), size=json_octets)
    return said


def compact(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


KIND = WebPush(
    name="webpush",
    label="Web push",
    description="To every browser, on phones and computers, in which notifications are turned on.",
    icon="bell",
    Options=WebPushOptions,
    to_browsers=True,
)
