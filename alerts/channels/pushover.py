"""Pushover (https://pushover.net/api). A critical outage can ring again and again until somebody confirms it there
(emergency priority, https://pushover.net/api/receipts)."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django import forms
from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Event, Message, Permanent, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import SecretField
from alerts.channels.saying import JSON_TYPE, OPEN, body, cut, dumped, heading, level, octets, taken
from alerts.domain.escalation import Severity
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm, TextField

TEXT, TITLE, URL = 1024, 250, 512
KEY = re.compile(r"[A-Za-z0-9]{30}")
DEVICES = re.compile(r"[\w-]{1,25}(,[\w-]{1,25})*", re.ASCII)
PRIORITIES = {0: 0, 1: -1, 2: 0, 3: 1}
EMERGENCY, RETRY_S, EXPIRE_S = 2, 60, 3600  # at least every 30 s, at most for 10,800 s


class PushoverOptions(OptionsForm):
    section = "Where to send"

    token = SecretField(
        label="Application token",
        max_length=100,
        help_text="On pushover.net: Create an Application/API Token. Stored encrypted.",
    )
    user = SecretField(
        label="User or group key", max_length=100, help_text="On your page at pushover.net. Stored encrypted."
    )
    device = TextField(
        label="Devices", required=False, max_length=200, help_text="Names with commas between them. Empty: all."
    )
    emergency = forms.BooleanField(
        label="Ring until it is confirmed",
        required=False,
        initial=False,
        help_text="Critical outages ring every minute for an hour, until somebody confirms it or it is over.",
    )

    def clean_token(self) -> str:
        return _key(self.cleaned_data["token"], "An application token")

    def clean_user(self) -> str:
        return _key(self.cleaned_data["user"], "A user or group key")

    def clean_device(self) -> str:
        devices: str = self.cleaned_data["device"].replace(" ", "")
        if devices and not DEVICES.fullmatch(devices):
            raise ValidationError("A device's name has up to 25 letters, digits, hyphens and underscores.")
        return devices


def _key(text: str, what: str) -> str:
    key = text.strip()
    if not key.startswith(MASK) and not KEY.fullmatch(key):
        raise ValidationError(f"{what} has 30 letters and digits.")
    return key


@dataclass(frozen=True)
class Pushover(ChannelKind):
    api: str = "https://api.pushover.net"

    def summary(self, options: Values) -> str:
        return options.get("device") or "all devices of a user"

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message, options)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = {"token": options["token"], "user": options["user"], **document(message, options)}
        got = receipt(self._post("messages.json", said, transport))
        if not (options.get("emergency") and message.event is Event.UP):
            return got
        return Receipt(f"{got.answer}. {self._silence(message, options, transport)}", got.reference)

    def _silence(self, message: Message, options: Values, transport: Transport) -> str:
        """End the ringing of an incident that is over; what fails here is told, and ends by itself within the hour."""
        path = f"receipts/cancel_by_tag/{quote(message.thread)}.json"
        try:
            answer = self._post(path, {"token": options["token"]}, transport)
        except (Temporary, Permanent) as error:
            return f"It may ring on: {error.reason}"
        return "It rings no more" if answer.ok else f"It may ring on: {answer.words}"

    def _post(self, path: str, said: dict[str, Any], transport: Transport) -> Answer:
        url = f"{self.api}/1/{path}"
        return transport.request("POST", url, headers=JSON_TYPE, data=dumped(said).encode("utf-8", "replace"))


def receipt(answer: Answer) -> Receipt:
    """Answers are {"status": 1, "request", "receipt"?}, or {"status": 0, "errors"} with what is invalid."""
    said = answer.json if isinstance(answer.json, dict) else {}
    return taken(
        answer,
        "Pushover",
        said="taken" if answer.ok else "; ".join(map(str, said.get("errors") or [])),
        reference=str(said.get("receipt") or said.get("request") or ""),
        gone={401, 403},
        lost="invalid" in {said.get("token"), said.get("user")},
        retry_after_s=_until_reset(answer) if answer.status == 429 else None,
    )


def _until_reset(answer: Answer) -> float | None:
    """Seconds until the application's messages of the month are counted from nought again."""
    at = str(answer.headers.get("X-Limit-App-Reset", ""))
    return max(0.0, float(at) - time.time()) if at.isdecimal() else None


def document(message: Message, options: Values) -> dict[str, Any]:
    """The message without its token and user, which are secrets. Plain text: Pushover reads no markup unless asked."""
    facts = "\n".join(f"{label}: {value}" for label, value in message.facts)
    text = "\n\n".join(filter(None, [body(message), facts])) or message.title
    said: dict[str, Any] = {
        "title": cut(heading(message), TITLE, size=octets),
        "message": cut(text, TEXT, size=octets),
        "priority": PRIORITIES[level(message)],
        "timestamp": int(message.at.timestamp()),
    }
    if len(message.url) <= URL:
        said |= {"url": message.url, "url_title": OPEN if message.subject else "Open"}
    if options.get("device"):
        said["device"] = options["device"]
    rings = message.severity is Severity.CRITICAL and message.event in {Event.DOWN, Event.REMINDER}
    if options.get("emergency") and rings:
        said |= {"priority": EMERGENCY, "retry": RETRY_S, "expire": EXPIRE_S, "tags": message.thread}
    return said


KIND = Pushover(
    name="pushover",
    label="Pushover",
    description="To phones and desktops with Pushover; critical outages can ring until somebody confirms them.",
    icon="bell",
    Options=PushoverOptions,
    secret_fields=("token", "user"),
)
