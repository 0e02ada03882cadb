"""How long one monitor was up: day by day, and between two moments. From status intervals, never from checks."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from monitors.domain.availability import Interval, Uptime, measured, seconds_by_status, seconds_by_stretch
from monitors.domain.verdict import Status
from monitors.queries_expiry import EXPIRIES
from monitors.times import to_ms

DAYS = 90


@dataclass(frozen=True)
class Day:
    """One day of the reader's zone, in seconds; `incidents`: how many were open at some time of it."""

    date: date
    uptime: Uptime
    up: float
    down: float
    blind: float
    incidents: int


def days(monitor, now, count=DAYS):
    """The last `count` days as Days, today last and up to now."""
    today = timezone.localdate(now)
    dates = [today - timedelta(days=ago) for ago in reversed(range(count))]
    edges = [to_ms(timezone.make_aware(datetime.combine(each, time.min))) for each in dates] + [to_ms(now)]
    since = timezone.make_aware(datetime.combine(dates[0], time.min))
    spent = seconds_by_stretch(_intervals(monitor, since), edges)
    opened = _open_per_day(monitor, since, edges)
    return [_day(*each) for each in zip(dates, spent, opened, strict=True)]


def _day(each, spent, incidents):
    up, down, blind = (spent.get(status, 0.0) for status in (Status.UP, Status.DOWN, Status.NODATA))
    return Day(each, measured(spent), up, down, blind, incidents)


def _intervals(monitor, since):
    rows = monitor.intervals.filter(Q(end=None) | Q(end__gt=since)).order_by("start")
    return [
        Interval(Status(status), to_ms(start), to_ms(end) if end else None)
        for status, start, end in rows.values_list("status", "start", "end")
    ]


def _open_per_day(monitor, since, edges):
    counts = [0] * (len(edges) - 1)
    rows = monitor.incidents.exclude(kind__in=EXPIRIES).filter(Q(resolved_at=None) | Q(resolved_at__gt=since))
    for start, end in rows.values_list("started_at", "resolved_at"):
        first = max(0, bisect_right(edges, to_ms(start)) - 1)
        last = bisect_right(edges, to_ms(end) - 1) if end else len(edges)
        for at in range(first, min(last, len(counts))):
            counts[at] += 1
    return counts


@dataclass(frozen=True)
class Sla:
    """What was promised and kept, in seconds; incidents count with their part between the two moments."""

    uptime: Uptime
    down: float
    lengths: list[float]

    @property
    def longest(self):
        return max(self.lengths, default=0.0)

    @property
    def average(self):
        return sum(self.lengths) / len(self.lengths) if self.lengths else 0.0


def sla(monitor, since, until):
    """The Sla of the time from `since` up to `until`."""
    spent = seconds_by_status(_intervals(monitor, since), to_ms(since), to_ms(until))
    rows = monitor.incidents.exclude(kind__in=EXPIRIES).filter(
        Q(resolved_at=None) | Q(resolved_at__gt=since), started_at__lt=until
    )
    lengths = [
        (min(end or until, until) - max(start, since)).total_seconds()
        for start, end in rows.values_list("started_at", "resolved_at")
    ]
    return Sla(measured(spent), spent.get(Status.DOWN, 0.0), lengths)
