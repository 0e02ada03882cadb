"""A monitor's change of status: written into its state and its intervals, handed on for incidents and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from monitors.domain.availability import Interval, apply
from monitors.domain.flapping import Course
from monitors.domain.verdict import Status
from monitors.models import Monitor, State, StatusInterval
from monitors.services import flapping
from monitors.times import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What happened to a monitor, for whoever writes incidents and tells people."""

    monitor: Monitor
    before: Status
    after: Status
    at: datetime  # when it happened: the first round that said so
    decided_at: datetime  # when we were sure
    silent: bool = False
    why: Mapping[str, Any] = field(default_factory=dict)
    course: Course = Course.STEADY
    flapping_since: datetime | None = None  # while it flaps: the first of the changes that made it so
    turns: int = 0  # how many of these changes are remembered


def move(
    monitor: Monitor,
    state: State,
    after: Status,
    at: datetime,
    decided_at: datetime | None = None,
    **facts: Any,
) -> StatusChange:
    """Record that `monitor` is `after` since `at`. The caller saves `state`."""
    before = Status(state.status)
    _shift_intervals(monitor, after, at)
    state.status, state.since = after, at
    course = flapping.turn(state, after, at, facts.get("silent", False))
    return StatusChange(
        monitor,
        before,
        after,
        at,
        decided_at or at,
        course=course,
        flapping_since=state.flapping_since,
        turns=len(state.turns),
        **facts,
    )


def in_maintenance(state: State, moment: datetime) -> bool:
    """Whether a moment lies in the time of maintenance that the monitor is in, or was in last."""
    start, end = state.maintenance_from, state.maintenance_until
    return start is not None and end is not None and start <= moment < end


def _shift_intervals(monitor: Monitor, status: Status, at: datetime) -> None:
    """Let `status` begin at `at`; what was recorded after it turns out not to be so."""
    touched = Q(end=None) | Q(end__gte=at)
    rows = list(StatusInterval.objects.filter(touched, monitor=monitor).order_by("start"))
    fresh = {each.start: each for each in apply([_interval(row) for row in rows], status, to_ms(at))}
    StatusInterval.objects.filter(pk__in=[row.pk for row in rows if to_ms(row.start) not in fresh]).delete()
    for row in rows:
        interval = fresh.pop(to_ms(row.start), None)
        if interval and interval != _interval(row):
            row.status, row.end = interval.status, None if interval.end is None else from_ms(interval.end)
            row.save(update_fields=["status", "end"])
    for start in fresh:
        StatusInterval.objects.create(monitor=monitor, status=status, start=from_ms(start))


def _interval(row: StatusInterval) -> Interval:
    return Interval(Status(row.status), to_ms(row.start), None if row.end is None else to_ms(row.end))
