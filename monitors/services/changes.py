"""A monitor's change of status: written into its state and its intervals, handed on for incidents and alerts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from monitors.domain.availability import Interval, apply
from monitors.domain.flapping import Course
from monitors.domain.slots import Ms
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
    shifts: "Shifts | None" = None,
    **facts: Any,
) -> StatusChange:
    """Record that `monitor` is `after` since `at`. The caller saves `state`, and writes `shifts` if they bring some
    along: many moves are then written together."""
    before = Status(state.status)
    mine = shifts or Shifts()
    mine.add(monitor, after, at)
    if shifts is None:
        mine.write()
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


class Shifts:
    """Statuses that began, to be written into the intervals of their monitors, all with a few statements."""

    def __init__(self) -> None:
        self._by_monitor: dict[int, list[tuple[Status, datetime]]] = defaultdict(list)

    def add(self, monitor: Monitor, status: Status, at: datetime) -> None:
        """Let `status` begin at `at`; what was recorded after it turns out not to be so."""
        self._by_monitor[monitor.pk].append((status, at))

    def write(self) -> None:
        if not self._by_monitor:
            return
        gone: list[int] = []
        changed: list[StatusInterval] = []
        new: list[StatusInterval] = []
        known = self._touched()
        for monitor, moves in self._by_monitor.items():
            fresh = {each.start: each for each in _after([_interval(row) for row in known[monitor]], moves)}
            for row in known[monitor]:
                interval = fresh.pop(to_ms(row.start), None)
                if interval is None:
                    gone.append(row.pk)
                elif interval != _interval(row):
                    row.status, row.end = interval.status, _moment(interval.end)
                    changed.append(row)
            new += [
                StatusInterval(monitor_id=monitor, status=each.status, start=from_ms(each.start), end=_moment(each.end))
                for each in fresh.values()
            ]
        if gone:
            StatusInterval.objects.filter(pk__in=gone).delete()
        StatusInterval.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["id"], update_fields=["status", "end"]
        )
        StatusInterval.objects.bulk_create(new)  # the last, as only one of a monitor may be open
        self._by_monitor.clear()

    def _touched(self) -> dict[int, list[StatusInterval]]:
        """The intervals that may not stay as they are, oldest first, by monitor."""
        earliest = min((at for moves in self._by_monitor.values() for _, at in moves), default=None)
        touched = Q(end=None) | Q(end__gte=earliest)
        found = defaultdict(list)
        for row in StatusInterval.objects.filter(touched, monitor__in=list(self._by_monitor)).order_by("start"):
            found[row.monitor_id].append(row)
        return found


def _after(intervals: list[Interval], moves: Iterable[tuple[Status, datetime]]) -> list[Interval]:
    for status, at in moves:
        intervals = apply(intervals, status, to_ms(at))
    return intervals


def _moment(ms: Ms | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _interval(row: StatusInterval) -> Interval:
    return Interval(Status(row.status), to_ms(row.start), None if row.end is None else to_ms(row.end))
