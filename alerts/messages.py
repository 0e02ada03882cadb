"""What a delivery says: written from its incident as it stands when the message is sent."""

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from alerts.channels.base import Event, Message, Subject, Wording
from alerts.channels.wording import moment_words
from alerts.domain.escalation import Severity, words
from alerts.models import Delivery, MailTemplate
from incidents.links import acknowledge_url
from incidents.models import Incident

DIGEST_LINES = 50
SEVERITY_WORDS = {Severity.LOW: "Low", Severity.HIGH: "High", Severity.CRITICAL: "Critical"}


def compose(delivery: Delivery, now: datetime) -> Message:
    """Reads its channel, team and incident."""
    event, zone = Event(delivery.event), _zone(delivery)
    incident = delivery.incident
    if event is Event.DIGEST:
        title, text, lines = _digest(delivery)
    elif incident is not None:
        title, text = _told(delivery, incident, zone, now)
        lines = ()
    else:
        title, text, lines = *_other(delivery), ()
    return Message(
        key=str(delivery.uuid),
        event=event,
        severity=Severity(delivery.severity),
        title=title,
        text=text,
        url=link("incidents:detail", incident.pk) if incident else link("alerts:channels"),
        team=delivery.team.name,
        at=delivery.due_at,
        facts=_facts(delivery, incident, zone) if incident else (),
        subject=subject(incident) if incident else None,
        first=incident is None or not delivery.heard_before,
        lines=lines,
        acknowledge_url=_acknowledge_url(delivery, incident),
        settings_url=link("alerts:channels"),
        zone=zone.key,
        wording=_wording(delivery),
    )


def _wording(delivery: Delivery) -> Wording | None:
    """The team's own, where they have any and the channel's kind takes it."""
    if delivery.channel is None or not delivery.channel.about.worded:
        return None
    own = MailTemplate.objects.filter(team=delivery.team_id, event=delivery.event).first()
    return own.wording if own else None


def _acknowledge_url(delivery: Delivery, incident: Incident | None) -> str:
    """A link for whoever reads it: a member by account, everybody else under the name of the channel."""
    waiting = incident is not None and incident.resolved_at is None and incident.acknowledged_at is None
    if incident is None or not waiting or delivery.event not in {Event.DOWN, Event.REMINDER, Event.EXPIRY}:
        return ""
    member = delivery.channel.member if delivery.channel else None
    return acknowledge_url(incident, member or delivery.channel_name)


def subject(incident: Incident) -> Subject:
    return Subject(
        id=incident.pk,
        monitor=incident.title,
        target=incident.what,
        kind=incident.kind,
        cause=incident.summary,
        started_at=incident.started_at,
        resolved_at=incident.resolved_at,
        regions=tuple(incident.regions),
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledger,
        monitor_id=incident.monitor_id,
        flapping=incident.flapping,
    )


def link(name: str, *args: object) -> str:
    return settings.BASE_URL + reverse(name, args=args)


def _zone(delivery: Delivery) -> ZoneInfo:
    """The reader's, where one person reads it."""
    member = delivery.channel.member if delivery.channel else None
    return ZoneInfo(member.time_zone if member and member.time_zone else "UTC")


def _told(delivery: Delivery, incident: Incident, zone: ZoneInfo, now: datetime) -> tuple[str, str]:
    """Title and text of a message about an incident."""
    name, since = incident.title, moment_words(incident.started_at, zone)
    cause = incident.summary.rstrip(".")
    outage = incident.kind == Incident.Kind.OUTAGE
    match Event(delivery.event):
        case Event.UP if outage and incident.resolution != Incident.Resolution.BY_HAND:
            return _recovered(delivery, incident, zone)
        case Event.UP:
            return f"{name}: resolved", delivery.note or f"{cause}: this is over."
        case Event.REMINDER if delivery.note:
            return f"{name}: {delivery.note}", f"{cause}. It began at {since}."
        case Event.REMINDER:
            title = f"{name} is still down" if outage else f"{name}: {cause}"
            seen = f" {incident.acknowledger} has acknowledged it." if incident.acknowledger else ""
            return title, f"{cause}. It has lasted {words(now - incident.started_at)}, since {since}.{seen}"
        case Event.DOWN if outage:
            return _down(delivery, incident, since, now)
    return f"{name}: {cause}", delivery.note or f"{cause}. Since {since}."


def _down(delivery: Delivery, incident: Incident, since: str, now: datetime) -> tuple[str, str]:
    """That it is down; or that it flaps, or did and is down for good, as the delivery notes."""
    if not incident.flapping:
        cause = incident.summary.rstrip(".")
        said = f"{delivery.note} {cause}." if delivery.note else f"{cause}. Down since {since}."
        return f"{incident.title} is down", said
    changed = f"It changed {incident.changes} times in {words(now - (incident.flapping_since or now))}"
    stands = f", and is {incident.monitor.state.status} now" if incident.monitor else ""
    until = words(timedelta(seconds=settings.FLAP_QUIET))
    said = f"{changed}{stands}: {incident.summary.rstrip('.')}. Nothing more is sent until it is steady for {until}."
    return f"{incident.title} is flapping", said


def _recovered(delivery: Delivery, incident: Incident, zone: ZoneInfo) -> tuple[str, str]:
    """Whoever has not heard that it was down hears both at once."""
    ended = incident.resolved_at or delivery.due_at
    length = words(ended - incident.started_at)
    span = f"from {moment_words(incident.started_at, zone)} to {moment_words(ended, zone)}"
    name, cause = incident.title, incident.summary.rstrip(".")
    if incident.flapping_since:
        title = f"{name} is up again" if delivery.heard_before else f"{name} was flapping for {length}"
        return title, f"{delivery.note or 'It is steady.'} It was flapping {span}: {cause}."
    if delivery.heard_before:
        return f"{name} is up again", f"It was down for {length}, {span}: {cause}."
    return f"{name} was down for {length}", f"It was down {span}: {cause}. It is up again."


def _other(delivery: Delivery) -> tuple[str, str]:
    if delivery.event == Event.TEST:
        return f"Test message from {delivery.team.name}", (
            f"This is how alerts will look. If you can read it, the channel “{delivery.channel_name}” works."
        )
    title, _, text = delivery.note.partition("\n")
    return title, text


def _digest(delivery: Delivery) -> tuple[str, str, tuple[str, ...]]:
    """What a digest's parts would have said, a line each."""
    parts = (delivery.instead_of or delivery).parts.select_related("incident__monitor").order_by("pk")
    counts = Counter(parts.values_list("event", flat=True))
    whole = sum(counts.values())
    kinds = {Event.DOWN: "down", Event.UP: "up again", Event.REMINDER: "still down", Event.EXPIRY: "about to expire"}
    said = ", ".join(f"{counts[event]} {word}" for event, word in kinds.items() if counts[event])
    lines = [_line(part) for part in parts[:DIGEST_LINES]]
    if whole > DIGEST_LINES:
        lines.append(f"and {whole - DIGEST_LINES} more")
    title = f"{whole} alerts at once: {said}"
    return title, "So many came at once that they are told together.", tuple(lines)


def _line(part: Delivery) -> str:
    incident = part.incident
    if incident is None:
        return part.note
    name, cause = incident.title, incident.summary.rstrip(".")
    match Event(part.event):
        case Event.UP:
            return f"{name} is up again"
        case Event.REMINDER:
            return f"{name} is still down: {cause}"
        case Event.DOWN:
            stands = "was down, and is up again" if incident.resolved_at else "is down"
            return f"{name} {'is flapping' if incident.flapping else stands}: {cause}"
    return f"{name}: {part.note or cause}"


def _facts(delivery: Delivery, incident: Incident, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    found = [
        ("Monitor", incident.what),
        ("Cause", incident.summary),
        ("Started", moment_words(incident.started_at, zone)),
        ("Resolved", moment_words(incident.resolved_at, zone) if incident.resolved_at else ""),
        ("Seen from", ", ".join(incident.regions)),
        ("Severity", SEVERITY_WORDS[Severity(delivery.severity)]),
    ]
    return tuple((label, text) for label, text in found if text)
