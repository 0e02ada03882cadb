"""The one incident of a monitor that keeps going down and coming up: it begins with the fall that makes it flapping,
lasts through every bounce, and ends, or goes on as an ordinary one, when the monitor is steady.

The rules are monitors.domain.flapping. Each verb runs in the transaction that changed the monitor.
"""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from incidents.handling import note
from incidents.models import Incident, Notice, TimelineEntry, Transition
from monitors.domain.flapping import Course
from monitors.domain.verdict import Status
from monitors.services import flapping
from monitors.services.changes import StatusChange
from monitors.services.flapping import Settled
from uptime.lib.durations import words

WORDS = {Status.UP: "up", Status.DOWN: "down"}


def begin(incident: Incident, change: StatusChange) -> None:
    """With this fall it flaps: what is told from now on says so."""
    if incident.flapping or change.flapping_since is None:
        return
    incident.flapping_since, incident.changes, incident.settled_at = change.flapping_since, change.turns, None
    incident.save(update_fields=["flapping_since", "changes", "settled_at"])
    said = (
        f"It changed {change.turns} times in {_words(change.flapping_since, change.at)}. It stays one incident, and "
        f"nobody hears more of it, until it has been steady for {words(settings.FLAP_QUIET)}."
    )
    note(incident, change.decided_at, TimelineEntry.Kind.FLAPPING, said)


def bounce(change: StatusChange) -> None:
    """One more change, which is counted and told to nobody."""
    _open_outage(change).update(changes=F("changes") + 1)


def catch_up(changes: Iterable[StatusChange]) -> None:
    """What had been steady for long enough when it changed once more is settled first, however late we are."""
    turns = {
        each.monitor.pk: each
        for each in changes
        if not each.silent and each.after in WORDS and each.course is not Course.FLAPPING
    }
    flapped = Incident.objects.open().filter(kind=Incident.Kind.OUTAGE, flapping_since__isnull=False, settled_at=None)
    for incident in flapped.filter(monitor__in=list(turns)) if turns else ():
        change = turns[incident.monitor_id]
        was = Status.UP if change.after == Status.DOWN else Status.DOWN
        _write(incident, Settled(change.monitor, was, _last_change(incident), ""), change.decided_at)


@transaction.atomic
def settle(now: datetime) -> set[int]:
    """Tell of what is steady again; run every few seconds. Returns the teams concerned."""
    teams = set()
    for found in flapping.settle(now):
        incident = _open_outage(found).select_for_update().first()
        if incident is None and found.status == Status.DOWN:
            incident = _reopen_as_new(found)
        if incident:
            _write(incident, found, now)
        teams.add(found.monitor.team_id)
    return teams


def _open_outage(about: StatusChange | Settled):
    return Incident.objects.open().filter(monitor=about.monitor, kind=Incident.Kind.OUTAGE)


def _last_change(incident: Incident) -> datetime:
    """When the monitor of a flapping incident last went down or came up."""
    bounces = Transition.objects.filter(monitor=incident.monitor_id, flapping=True, at__gte=incident.started_at)
    return bounces.order_by("-at").values_list("at", flat=True).first() or incident.started_at


def _reopen_as_new(found: Settled) -> Incident | None:
    """It was resolved by hand while it flapped, and is down for good. What was resolved since it went down stays so."""
    outages = Incident.objects.filter(monitor=found.monitor, kind=Incident.Kind.OUTAGE)
    if outages.filter(resolved_at__gte=found.at).exists():
        return None
    return Incident.objects.create(
        monitor=found.monitor,
        team_id=found.monitor.team_id,
        kind=Incident.Kind.OUTAGE,
        started_at=found.at,
        flapping_since=found.at,
        summary=found.detail or "It failed its checks",
    )


def _write(incident: Incident, found: Settled, now: datetime) -> None:
    """Up: it is over. Down: it goes on as an ordinary outage, of which people hear."""
    steady = f"It has been {WORDS[found.status]} for {words(settings.FLAP_QUIET)}"
    said = f"{steady}, after {incident.changes} changes." if incident.changes else f"{steady}."
    incident.settled_at = now
    kind = Notice.Kind.SETTLED
    if found.status == Status.UP:
        begun = incident.reopened_at or incident.started_at
        incident.resolved_at, incident.resolution = max(found.at, begun), Incident.Resolution.RECOVERED
        kind = Notice.Kind.RESOLVED
    incident.save(update_fields=["settled_at", "resolved_at", "resolution"])
    note(incident, now, TimelineEntry.Kind.SETTLED, said)
    if found.status == Status.UP:
        note(incident, now, TimelineEntry.Kind.RESOLVED, incident.get_resolution_display())
    key = f"{kind}:{found.at.timestamp():.3f}"
    Notice.objects.get_or_create(incident=incident, key=key, defaults={"kind": kind, "text": said, "at": now})


def _words(start: datetime, end: datetime) -> str:
    return words(max(1, int((end - start).total_seconds())))
