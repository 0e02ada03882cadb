"""How long a monitor was what: intervals of one status each, and the uptime they add up to.

Intervals tile time: each begins where the one before ends, and only the last one is open. A transition
that was found late corrects the past from its own time on (`apply`), so uptime comes from when things
happened, not from when we noticed. VALIDATING is no status of an interval: such a monitor is still down
until it turns out to be up since the first good round. Times are UTC milliseconds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
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


def seconds_by_stretch(intervals: Iterable[Interval], edges: Sequence[Ms]) -> list[dict[Status, float]]:
    """`seconds_by_status` of each stretch between two neighbouring edges, which ascend: of each day, for example.

    Looks at each interval once, so that a monitor that changed its status all year long costs no more than it must.
    """
    stretches = list(pairwise(edges))
    found: list[list[Interval]] = [[] for _ in stretches]
    for each in intervals:
        at = max(0, bisect_right(edges, each.start) - 1)
        while at < len(stretches) and (each.end is None or stretches[at][0] < each.end):
            found[at].append(each)
            at += 1
    return [seconds_by_status(some, start, end) for some, (start, end) in zip(found, stretches, strict=True)]


def uptime(intervals: Iterable[Interval], since: Ms, until: Ms) -> Uptime:
    """Uptime and its coverage within [since, until)."""
    return measured(seconds_by_status(intervals, since, until))


def measured(spent: Mapping[Status, float]) -> Uptime:
    """Uptime and its coverage, of the seconds spent in each status.

    Only UP and DOWN are measured. NODATA lowers the coverage; time pending, paused or in maintenance
    lowers nothing, since nobody asked for it to be measured.
    """
    up, down, blind = (spent.get(status, 0.0) for status in (Status.UP, Status.DOWN, Status.NODATA))
    seen = up + down
    return Uptime(ratio=up / seen if seen else None, coverage=seen / (seen + blind) if seen else 0.0)
