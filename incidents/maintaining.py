"""Maintenance: planned, started and ended by people, brought to the monitors by a job of every second.

The rules of incidents.domain.maintenance, stored. What monitors must know is handed to them as data.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from incidents.domain import maintenance as rules
from incidents.domain.maintenance import Occurrence, Plan
from incidents.handling import note
from incidents.models import Incident, Maintenance, TimelineEntry
from monitors import live
from monitors.domain.verdict import Status
from monitors.models import Monitor
from monitors.services.changes import StatusChange
from monitors.services.maintenance import Window, arrange

AHEAD = timedelta(seconds=5)  # how early monitors are told of what is about to begin


def plan_of(row: Maintenance) -> Plan:
    return Plan(row.starts_at, timedelta(seconds=row.length), rules.parse(row.rule), row.time_zone, row.ended_at)


def coming(row: Maintenance, now: datetime, count: int = 3) -> list[Occurrence]:
    """The one under way and the next ones, at most `count`."""
    return list(islice(rules.following(plan_of(row), now), count))


@transaction.atomic
def save(row: Maintenance, monitors: Iterable[Monitor] = ()) -> None:
    """Store what was planned; it takes effect at once where it is under way."""
    _look_ahead(row, timezone.now())
    row.save()
    row.monitors.set([] if row.everything else monitors)
    _take_effect()


def start(team: Team, user: User | None, minutes: int, monitors: Iterable[Monitor] = (), name: str = "") -> Maintenance:
    """Begin now, for so many minutes: for these monitors, or for all of the team where none is named."""
    monitors, now = list(monitors), timezone.now()
    row = Maintenance(
        team=team,
        created_by=user,
        name=name or "Maintenance",
        everything=not monitors,
        starts_at=now,
        length=60 * minutes,
    )
    save(row, monitors)
    return row


@transaction.atomic
def end(row: Maintenance) -> None:
    """End the one under way; one that recurs comes again."""
    row.ended_at = timezone.now()
    _look_ahead(row, row.ended_at)
    row.save()
    _take_effect()


@transaction.atomic
def delete(row: Maintenance) -> None:
    row.delete()
    _take_effect()


@transaction.atomic
def review(now: datetime) -> None:
    """Bring every monitor to what is planned for it; run every second."""
    for row in Maintenance.objects.select_for_update().filter(current_until__lte=now):
        _look_ahead(row, now)
        row.save(update_fields=["current_from", "current_until"])
    changes = arrange(_windows(now), now)
    for change in changes:
        _note(change)
    teams = {change.monitor.team_id for change in changes}
    if teams:
        transaction.on_commit(lambda: live.bump(teams))


def _look_ahead(row: Maintenance, now: datetime) -> None:
    following = coming(row, now, 1)
    row.current_from, row.current_until = (following[0].start, following[0].end) if following else (None, None)


def _take_effect() -> None:
    review(timezone.now())


def _windows(now: datetime) -> dict[int, Window]:
    """Monitor to the time that is under way or about to begin; where several are, all of it."""
    rows = Maintenance.objects.filter(current_from__lte=now + AHEAD, current_until__gt=now)
    found: dict[int, Window] = {}
    for row in rows.order_by("current_from").prefetch_related("monitors"):
        if row.current_from is None or row.current_until is None:
            continue
        window = Window(row.current_from, row.current_until)
        for pk in _covered(row):
            before = found.get(pk)
            found[pk] = Window(before.start, max(before.end, window.end)) if before else window
    return found


def _covered(row: Maintenance) -> list[int]:
    if row.everything:
        return list(Monitor.objects.alive().filter(team=row.team_id).values_list("pk", flat=True))
    return [monitor.pk for monitor in row.monitors.all()]


def _note(change: StatusChange) -> None:
    """An open incident says on its timeline that it was muted, and until when."""
    said = "Maintenance began: nobody is told." if change.after == Status.MAINTENANCE else "Maintenance is over."
    open_ones = Incident.objects.open().filter(~Q(kind=Incident.Kind.MANUAL), monitor=change.monitor)
    for incident in open_ones:
        note(incident, change.at, TimelineEntry.Kind.NOTE, said)
