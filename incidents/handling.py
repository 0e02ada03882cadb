"""What people do with incidents: acknowledge, resolve, reopen, comment, declare one, write down what was learnt.

Each verb is one transaction that locks the incident, writes the timeline and, where somebody must hear of it, a Notice.
Those that may be refused raise RefusedError with a sentence for whoever asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from incidents.domain import lifecycle
from incidents.domain.lifecycle import Act
from incidents.models import Incident, Notice, TimelineEntry
from monitors import live
from monitors.models import Monitor

MOST_TEXT = 20_000  # characters of a comment, description or post-mortem


class RefusedError(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who does something: a member, or a name from a signed link or another program."""

    name: str
    user: User | None = None

    @classmethod
    def of(cls, user: User) -> "Person":
        return cls(user.username, user)


@transaction.atomic
def acknowledge(incident: Incident, who: Person) -> None:
    """From now on nobody else is told of it. Raises RefusedError when it is resolved or somebody was faster."""
    _claim(incident, Act.ACKNOWLEDGE)
    incident.acknowledged_at, incident.acknowledged_by = timezone.now(), who.user
    incident.acknowledged_name = who.name[:150]
    incident.save(update_fields=["acknowledged_at", "acknowledged_by", "acknowledged_name"])
    note(incident, incident.acknowledged_at, TimelineEntry.Kind.ACKNOWLEDGED, who=who.name)
    _tell(incident, Notice.Kind.ACKNOWLEDGED, f"{who.name} acknowledged it.", incident.acknowledged_at)
    _redraw(incident)


def acknowledge_all(incidents: Iterable[Incident], who: Person) -> int:
    """Those that still can be; returns how many that were."""
    done = 0
    for incident in incidents:
        try:
            acknowledge(incident, who)
        except RefusedError:
            continue
        done += 1
    return done


@transaction.atomic
def resolve(incident: Incident, who: Person) -> None:
    """Over, because somebody says so. While its monitor stays down, it does not open again by itself.

    Raises RefusedError when it is resolved already.
    """
    _claim(incident, Act.RESOLVE)
    incident.resolved_at = max(timezone.now(), incident.started_at)
    incident.resolution, incident.resolved_name = Incident.Resolution.BY_HAND, who.name[:150]
    incident.save(update_fields=["resolved_at", "resolution", "resolved_name"])
    note(incident, incident.resolved_at, TimelineEntry.Kind.RESOLVED, "By hand.", who=who.name)
    _tell(incident, Notice.Kind.RESOLVED, f"{who.name} resolved it.", incident.resolved_at)
    _redraw(incident)


@transaction.atomic
def reopen(incident: Incident, who: Person) -> None:
    """Open again, and acknowledged by nobody. Raises RefusedError when it is open, or another one of its monitor is."""
    _claim(incident, Act.REOPEN)
    incident.resolved_at = incident.acknowledged_at = incident.acknowledged_by = None
    incident.resolution = incident.resolved_name = incident.acknowledged_name = ""
    incident.reopened_at = timezone.now()
    incident.settled_at = incident.reopened_at if incident.flapping_since else None
    incident.save()
    note(incident, incident.reopened_at, TimelineEntry.Kind.REOPENED, who=who.name)
    _tell(incident, Notice.Kind.STEP, f"{who.name} reopened it.", incident.reopened_at)
    _redraw(incident)


@transaction.atomic
def comment(incident: Incident, who: Person, text: str) -> TimelineEntry:
    line = note(incident, timezone.now(), TimelineEntry.Kind.COMMENT, text, who=who.name)
    _redraw(incident)
    return line


@transaction.atomic
def write_postmortem(incident: Incident, who: Person, text: str) -> None:
    """Empty removes it."""
    _lock(incident)
    if incident.postmortem == text:
        return
    said = "Removed." if not text else "Changed." if incident.postmortem else "Written."
    incident.postmortem = text
    incident.save(update_fields=["postmortem"])
    note(incident, timezone.now(), TimelineEntry.Kind.POSTMORTEM, said, who=who.name)
    _redraw(incident)


@transaction.atomic
def declare(
    team: Team, who: Person, *, summary: str, name: str = "", description: str = "", monitor: Monitor | None = None
) -> Incident:
    """A manual incident, of which people hear as of an outage. Several may be open at once."""
    incident = Incident.objects.create(
        team=team,
        monitor=monitor,
        kind=Incident.Kind.MANUAL,
        name=name,
        summary=summary,
        description=description,
        created_by=who.user,
        started_at=timezone.now(),
    )
    note(incident, incident.started_at, TimelineEntry.Kind.OPENED, description, who=who.name)
    _tell(incident, Notice.Kind.OPENED, summary, incident.started_at)
    _redraw(incident)
    return incident


@transaction.atomic
def delete(incident: Incident) -> None:
    """Raises RefusedError unless it is a manual one."""
    _claim(incident, Act.DELETE)
    _redraw(incident)
    incident.delete()


def refusal(incident: Incident, act: Act) -> str:
    """Why it may not be done; empty where it may."""
    same = Incident.objects.open().filter(monitor=incident.monitor_id, kind=incident.kind).exclude(pk=incident.pk)
    manual = incident.kind == Incident.Kind.MANUAL
    return lifecycle.refusal(
        act,
        resolved=incident.resolved_at is not None,
        acknowledged=incident.acknowledged_at is not None,
        manual=manual,
        another_open=act is Act.REOPEN and not manual and same.exists(),
    )


def entry(incident: Incident, at: datetime, kind: TimelineEntry.Kind, text: str = "", who: str = "") -> TimelineEntry:
    """One line of the timeline, not written yet."""
    return TimelineEntry(incident=incident, at=at, kind=kind, text=text, who=who[:150])


def note(incident: Incident, at: datetime, kind: TimelineEntry.Kind, text: str = "", who: str = "") -> TimelineEntry:
    """Write one line of the timeline."""
    line = entry(incident, at, kind, text, who)
    line.save()
    return line


def _claim(incident: Incident, act: Act) -> None:
    _lock(incident)
    if why := refusal(incident, act):
        raise RefusedError(why)


def _lock(incident: Incident) -> None:
    """As it stands now, and nobody else changes it meanwhile."""
    Incident.objects.select_for_update().get(pk=incident.pk)
    incident.refresh_from_db()


def _tell(incident: Incident, kind: Notice.Kind, text: str, at: datetime) -> None:
    Notice.objects.create(incident=incident, kind=kind, key=f"{kind}:{at.timestamp():.3f}", text=text[:300], at=at)


def _redraw(incident: Incident) -> None:
    team = incident.team_id
    transaction.on_commit(lambda: live.bump([team]))
