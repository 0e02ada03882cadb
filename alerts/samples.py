"""A message of each kind as an example, for the preview of a mail template."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.models import Team
from alerts.channels.base import Event, Message, Subject
from alerts.channels.wording import moment_words
from alerts.domain.escalation import Severity
from alerts.messages import link

STARTED = datetime(2026, 11, 27, 12, 0, 5, tzinfo=UTC)
ENDED = STARTED + timedelta(minutes=7, seconds=30)
_LASTED = "It was down for 7 min 30 s, from 27 Nov 2026, 12:00:05 UTC to 27 Nov 2026, 12:07:35 UTC"
_SAID = {
    Event.DOWN: ("Shop is down", "Answered 500. Down since 27 Nov 2026, 12:00:05 UTC."),
    Event.REMINDER: ("Shop is still down", "Answered 500. It has lasted 30 min, since 27 Nov 2026, 12:00:05 UTC."),
    Event.UP: ("Shop is up again", f"{_LASTED}: Answered 500."),
    Event.EXPIRY: (
        "Shop: the certificate ends in 14 days",
        "The certificate of shop.example ends on 11 Dec 2026. Since 27 Nov 2026, 12:00:05 UTC.",
    ),
    Event.DIGEST: ("3 alerts at once: 2 down, 1 up again", "So many came at once that they are told together."),
    Event.CHANNEL: (
        "The channel Team chat was switched off",
        "Slack answered 404. Alerts that should go there take another way.",
    ),
    Event.TEST: ("Test message", "This is how alerts will look. If you can read it, the channel “Mail” works."),
}
_LINES = ("Shop is down: Answered 500", "Blog is down: No answer within 10 s", "Search is up again")


def sample(event: Event, team: Team) -> Message:
    """What a message about `event` says, of a shop that does not exist."""
    title, text = _SAID[event]
    about = None if event in {Event.DIGEST, Event.CHANNEL, Event.TEST} else _subject(event)
    waiting = event in {Event.DOWN, Event.REMINDER, Event.EXPIRY}
    return Message(
        key="0191f2a0-0000-4000-8000-000000000001",
        event=event,
        severity=Severity.LOW if event is Event.EXPIRY else Severity.HIGH,
        title=title,
        text=text,
        url=link("incidents:list"),
        team=team.name,
        at=STARTED + (timedelta(minutes=30) if event is Event.REMINDER else timedelta(seconds=20)),
        facts=_facts(about) if about else (),
        subject=about,
        lines=_LINES if event is Event.DIGEST else (),
        acknowledge_url=link("incidents:list") if waiting else "",
        settings_url=link("alerts:channels"),
    )


def _subject(event: Event) -> Subject:
    return Subject(
        id=12,
        monitor="Shop",
        target="https://shop.example/",
        kind="certificate" if event is Event.EXPIRY else "outage",
        cause="The certificate ends in 14 days." if event is Event.EXPIRY else "Answered 500.",
        started_at=STARTED,
        resolved_at=ENDED if event is Event.UP else None,
        regions=("Frankfurt", "Oregon"),
        monitor_id=3,
    )


def _facts(about: Subject) -> tuple[tuple[str, str], ...]:
    zone = ZoneInfo("UTC")
    found = [
        ("Monitor", about.target),
        ("Cause", about.cause),
        ("Started", moment_words(about.started_at, zone)),
        ("Resolved", moment_words(about.resolved_at, zone) if about.resolved_at else ""),
        ("Seen from", ", ".join(about.regions)),
    ]
    return tuple((label, text) for label, text in found if text)
