"""PagerDuty, by its Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview).

One incident here is one alert there, by the deduplication key: triggered, acknowledged and resolved as it is here.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Event, Message, Receipt, Rendered, Values
from alerts.channels.fields import SecretField
from alerts.channels.saying import JSON_TYPE, cut, dumped, links, one_line, taken
from alerts.domain.escalation import Severity
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import DefaultChoiceField, OptionsForm

SUMMARY, DETAIL = 1024, 5000  # characters; an event holds 512 kB at most, its deduplication key 255 characters
KEY = re.compile(r"[0-9A-Za-z]{32}")
REGIONS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
SEVERITIES = {Severity.LOW: "warning", Severity.HIGH: "error", Severity.CRITICAL: "critical"}
TRIGGER, ACKNOWLEDGE, RESOLVE = "trigger", "acknowledge", "resolve"


class PagerDutyOptions(OptionsForm):
    section = "Where to send"

    routing_key = SecretField(
        label="Integration key",
        max_length=100,
        help_text="In PagerDuty: the service, Integrations, Add Integration, Events API V2. Stored encrypted.",
    )
    region = DefaultChoiceField(
        label="Service region", choices=[("us", "United States"), ("eu", "Europe")], initial="us"
    )

    def clean_routing_key(self) -> str:
        key: str = self.cleaned_data["routing_key"].strip()
        if not key.startswith(MASK) and not KEY.fullmatch(key):
            raise ValidationError(
                "An integration key has 32 letters and digits. It is not an API key of the account: make one under the "
                "service's Integrations, for the Events API V2."
            )
        return key


@dataclass(frozen=True)
class PagerDuty(ChannelKind):
    api: str = ""  # instead of the region's

    def summary(self, options: Values) -> str:
        return f"a service of PagerDuty ({(options.get('region') or 'us').upper()})"

    def render(self, message: Message, options: Values) -> Rendered:
        events = documents(message)
        return Rendered(message.title, message.text, body=dumped(events[0] if len(events) == 1 else events))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        url = (self.api or REGIONS[options.get("region") or "us"]) + "/v2/enqueue"
        receipts = []
        for event in documents(message):
            said = dumped({"routing_key": options["routing_key"], **event}).encode("utf-8", "replace")
            answer = transport.request("POST", url, headers=JSON_TYPE, data=said)
            receipts.append(receipt(answer, str(event["event_action"])))
        return Receipt("; ".join(each.answer for each in receipts), receipts[-1].reference)


def receipt(answer: Answer, action: str) -> Receipt:
    """Answers are 202 {"status", "message", "dedup_key"}, or 400 {"status", "message", "errors"}."""
    said = answer.json if isinstance(answer.json, dict) else {}
    errors = " ".join(map(str, said.get("errors") or []))
    words = f"{said.get('message', '')} {errors}".strip()
    return taken(
        answer,
        "PagerDuty",
        said=f"{action}: {words}" if answer.ok else words,
        reference=str(said.get("dedup_key", "")),
        gone={401, 403, 404},
        lost="routing key" in errors.lower().replace("_", " "),
    )


def actions(message: Message) -> list[str]:
    """What to do with the alert. A test, and an outage that is over before anybody heard of it, leave nothing open:
    they are put on record and resolved at once."""
    about = message.subject
    over = message.event is Event.UP or (about is not None and about.resolved_at is not None)
    if message.event is Event.TEST or (over and message.first):
        return [TRIGGER, RESOLVE]
    if over:
        return [RESOLVE]
    if message.event is Event.REMINDER and about and about.acknowledged_at:
        return [ACKNOWLEDGE]
    return [TRIGGER]


def documents(message: Message) -> list[dict[str, Any]]:
    """The events in their order, without the routing key, which is a secret."""
    host = urlsplit(settings.BASE_URL).hostname or "uptime"
    key = f"{host}/{message.thread}"[:255]
    found = actions(message)
    details = {"payload": payload(message), "client": "Uptime", "client_url": message.url, "links": _links(message)}
    return [
        {"event_action": action, "dedup_key": key, **({} if action == RESOLVE and len(found) > 1 else details)}
        for action in found
    ]


def payload(message: Message) -> dict[str, Any]:
    about = message.subject
    facts = {label: cut(value, DETAIL) for label, value in message.facts}
    more = {"messages": [cut(line, 500) for line in message.lines]} if message.lines else {}
    said: dict[str, Any] = {
        "summary": cut(one_line(message.title), SUMMARY),
        "source": cut(one_line(about.target or about.monitor), SUMMARY) if about else message.team,
        "severity": "info" if message.event in {Event.UP, Event.TEST} else SEVERITIES[message.severity],
        "timestamp": (about.started_at if about else message.at).isoformat(timespec="milliseconds"),
        "group": message.team,
        "class": about.kind if about else message.event.value,
        "custom_details": {"text": cut(message.text, DETAIL), **facts, **more},
    }
    if about:
        said["component"] = cut(one_line(about.monitor), SUMMARY)
    return said


def _links(message: Message) -> list[dict[str, str]]:
    return [{"href": url, "text": words} for words, url in links(message)]


KIND = PagerDuty(
    name="pagerduty",
    label="PagerDuty",
    description="To a service of PagerDuty, where incidents are triggered, acknowledged and resolved as they are here.",
    icon="bell",
    Options=PagerDutyOptions,
    secret_fields=("routing_key",),
    per_minute=100,  # it takes 120 a minute for one key, and a digest could not resolve what it lists
    per_hour=5000,
    hears_acknowledgement=True,
)
