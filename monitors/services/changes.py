"""A monitor's change of status: written into its state and its intervals, handed on for incidents and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from monitors.domain.verdict import Status
from monitors.models import Monitor, State, StatusInterval


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
    return StatusChange(monitor, before, after, at, decided_at or at, **facts)


def _shift_intervals(monitor: Monitor, status: Status, at: datetime) -> None:
    """End what lasted until `at` and start `status` there; what was recorded after `at` turns out not to be so.

    The same rule as monitors.domain.availability.apply, said to the database.
    """
    mine = StatusInterval.objects.filter(monitor=monitor)
    mine.filter(start__gte=at).delete()
    mine.filter(Q(end=None) | Q(end__gt=at)).update(end=at)
    StatusInterval.objects.create(monitor=monitor, status=status, start=at)
