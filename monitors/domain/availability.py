"""How long a monitor was what: intervals of one status each, and the uptime they add up to.

Intervals tile time: each begins where the one before ends, and only the last one is open. A transition
that was found late corrects the past from its own time on (`apply`), so uptime comes from when things
happened, not from when we noticed. VALIDATING is no status of an interval: such a monitor is still down
until it turns out to be up since the first good round. Times are UTC milliseconds.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monitors.domain.slots import Ms
from monitors.domain.verdict import Status


class Interval(NamedTuple):
    """A monitor had one status from `start` up to, not including, `end`; None: it still has."""

    status: Status
    start: Ms
    end: Ms | None


class Uptime(NamedTuple):
    """`ratio`: the up share of the time that was measured, 0.0 to 1.0, None where none was.

    `coverage`: the share that was measured of the time that should have been, 0.0 to 1.0.
    """

    ratio: float | None
    coverage: float


def apply(intervals: Sequence[Interval], status: Status, at: Ms) -> list[Interval]:
    """The intervals after the monitor turned out to have a status from `at` on.

    What was believed of the time after `at` is dropped, the interval around it ends there. A time before
    the first interval counts as its start.
    """
    if intervals:
        at = max(at, intervals[0].start)
    kept = [each for each in intervals if each.start < at]
    if kept and kept[-1].status == status:
        return [*kept[:-1], kept[-1]._replace(end=None)]
    if kept:
        kept[-1] = kept[-1]._replace(end=at)
    return [*kept, Interval(status, at, None)]


def seconds_by_status(intervals: Iterable[Interval], since: Ms, until: Ms) -> dict[Status, float]:
    """Seconds spent in each status that occurs within [since, until)."""
    spent: dict[Status, Ms] = {}
    for status, start, end in intervals:
        overlap = min(until, until if end is None else end) - max(since, start)
        if overlap > 0:
            spent[status] = spent.get(status, 0) + overlap
    return {status: ms / 1000 for status, ms in spent.items()}


def uptime(intervals: Iterable[Interval], since: Ms, until: Ms) -> Uptime:
    """Uptime and its coverage within [since, until).

    Only UP and DOWN are measured. NODATA lowers the coverage; time pending, paused or in maintenance
    lowers nothing, since nobody asked for it to be measured.
    """
    spent = seconds_by_status(intervals, since, until)
    up, down, blind = (spent.get(status, 0.0) for status in (Status.UP, Status.DOWN, Status.NODATA))
    measured = up + down
    return Uptime(
        ratio=up / measured if measured else None,
        coverage=measured / (measured + blind) if measured else 0.0,
    )
