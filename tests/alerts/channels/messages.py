"""Messages for the tests of every kind of channel."""

from datetime import UTC, datetime

from alerts.channels.base import Event, Message, Subject
from alerts.domain.escalation import Severity

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def make_subject(**fields) -> Subject:
    values = {
        "id": 12,
        "monitor": "Shop",
        "target": "https://shop.example/",
        "kind": "outage",
        "cause": "Answered 500.",
        "started_at": NOON,
        "regions": ("Eu", "Us"),
        "monitor_id": 3,
    }
    return Subject(**{**values, **fields})


def make_message(**fields) -> Message:
    """That the shop is down, unless told otherwise."""
    values = {
        "key": "0191f2a0-0000-4000-8000-000000000001",
        "event": Event.DOWN,
        "severity": Severity.HIGH,
        "title": "Shop is down",
        "text": "Answered 500. Down since 27 Nov 2026, 12:00:00 UTC.",
        "url": "https://uptime.example/incidents/12",
        "team": "alice's team",
        "at": NOON,
        "facts": (("Monitor", "https://shop.example/"), ("Cause", "Answered 500.")),
        "subject": make_subject(),
        "settings_url": "https://uptime.example/alerts",
    }
    return Message(**{**values, **fields})
