"""Response times over the last hour up to the last year, as the chart of a monitor's page and its table want them.

Read from the coarsest level that can show a step, and the newest part, which is not rolled up yet, from finer ones; the
database sums up, so what leaves it is as small for a check every second as for one every hour.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from monitors.domain import histogram
from monitors.domain.verdict import Status
from monitors.models import Region, RolledUp
from monitors.models.levels import DAYS, FIVE_MINUTES, FIVES, HOURS, PHASES, TICKS, Sum, Window, floor, read

P95 = 0.95


@dataclass(frozen=True)
class Range:
    """How far a chart reaches back, in what steps, and how many seconds a row of its table stands for."""

    title: str
    span: timedelta
    step: int
    row: int
    row_title: str

    def step_for(self, interval):
        """Seconds per point, so that no step is without a check: a multiple of the interval, or of what is stored."""
        unit = interval if self.step < FIVE_MINUTES.total_seconds() else self.step
        return -(-max(self.step, interval) // unit) * unit


RANGES = {  # some 360 points each: as many as a chart of usual width can show apart
    "1h": Range("1 h", timedelta(hours=1), 10, 300, "5 minutes from"),
    "24h": Range("24 h", timedelta(days=1), 300, 3600, "Hour"),
    "7d": Range("7 d", timedelta(days=7), 1800, 21_600, "6 hours from"),
    "30d": Range("30 d", timedelta(days=30), 7200, 86_400, "Day from"),
    "90d": Range("90 d", timedelta(days=90), 21_600, 259_200, "3 days from"),
    "1y": Range("1 y", timedelta(days=365), 86_400, 604_800, "Week from"),
}
FIRST = "1h"


@dataclass(frozen=True)
class Point:
    """The good checks of one region in one step, in milliseconds; `phases` add up to the mean."""

    mean: float
    p95: float
    low: float
    high: float
    phases: list[float | None]


def series(monitor, name, now=None):
    """Response times (ms) per region and step of a range, and the times it was not up; JSON-able.

    Times are seconds since the epoch; `times[i]` is the begin of a step, and every column has one value for each.
    """
    now, wanted = now or timezone.now(), RANGES[name]
    step = wanted.step_for(monitor.interval)
    begin = _begin(now, wanted.span, step)
    times = list(range(begin, int(now.timestamp()) + 1, step))
    found = points(monitor, _moment(begin), step, now)
    return {
        "from": begin,
        "to": int(now.timestamp()),
        "step": step,
        "times": times,
        "phases": PHASES,
        "regions": [{"name": place, **_columns(found[pk], times)} for pk, place in _places(found)],
        "intervals": _not_up(monitor, begin, now, step),
    }


def table(monitor, name, now=None):
    """A range as a table: region names, and (begin of the row, [a Point or None of each]), newest first."""
    now, wanted = now or timezone.now(), RANGES[name]
    begin = _begin(now, wanted.span, wanted.row)
    found = points(monitor, _moment(begin), wanted.row, now)
    places = _places(found)
    starts = range(begin, int(now.timestamp()) + 1, wanted.row)
    rows = [(_moment(at), [found[pk].get(at) for pk, _ in places]) for at in reversed(starts)]
    return {
        "title": wanted.row_title,
        "names": [place for _, place in places],
        "rows": [row for row in rows if any(row[1])],
    }


def points(monitor, begin, step, now):
    """{region id: {begin of a step in seconds: Point}} since `begin`."""
    groups = defaultdict(list)
    for each in history(monitor, begin, step, now):
        groups[each.region, int(each.start.timestamp())].append(each)
    found: dict[int, dict[int, Point]] = defaultdict(dict)
    for (region, at), sums in groups.items():
        if point := point_of(sums):
            found[region][at] = point
    return found


def history(monitor, begin, step, now):
    """Sums since `begin` by `step` seconds; a step that several levels have a part of comes in as many parts."""
    rolled = RolledUp.objects.filter(monitor=monitor).values_list("until", flat=True).first() or begin
    found: list[Sum] = []
    for level in (DAYS, HOURS, FIVES, TICKS):
        if level is TICKS:
            end = now + FIVE_MINUTES
        elif step % level.width.total_seconds():
            continue
        else:
            end = floor(rolled, level.width)
        if end > begin:
            found += read(level, timedelta(seconds=step), Window(monitor.pk, begin, end))
            begin = end
    return found


def five_minutes(monitor, now):
    """The last 24 hours as `points`, by five minutes."""
    return points(monitor, *_last_day(now))


def last_day(monitor, now):
    """The good checks of the last 24 hours as one Point, None without any."""
    return point_of(history(monitor, *_last_day(now)))


def _last_day(now):
    step = int(FIVE_MINUTES.total_seconds())
    return _moment(_begin(now, timedelta(days=1), step)), step, now


def point_of(sums: Iterable[Sum]):
    """The Point of all of these together; None without a good check."""
    good = [each for each in sums if each.histogram]
    if not good:
        return None
    counted = histogram.merge(histogram.unpack(each.histogram) for each in good)
    checks, p95 = histogram.total(counted), histogram.percentile(counted, P95) or 0.0
    low, high = min(each.low or 0.0 for each in good), max(each.high or 0.0 for each in good)
    spent = [[ms for each in good if (ms := getattr(each, f"{phase}_sum")) is not None] for phase in PHASES]
    return Point(
        mean=sum(each.response_sum or 0.0 for each in good) / checks,
        p95=max(low, min(high, p95)),  # of few checks these are nearer than 2 %
        low=low,
        high=high,
        phases=[sum(some) / checks if some else None for some in spent],
    )


def _begin(now, span, step):
    return int((now - span).timestamp()) // step * step


def _moment(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def _places(found):
    return [(pk, name) for pk, name in Region.objects.values_list("pk", "name") if found.get(pk)]


def _columns(mine, times):
    """One list for each thing that is drawn, with a value or None for each of `times`."""
    names = ("response", "p95", "low", "high", *PHASES)
    rows = [_numbers(mine.get(at), len(names)) for at in times]
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _numbers(point, length):
    if point is None:
        return [None] * length
    numbers = [point.mean, point.p95, point.low, point.high, *point.phases]
    return [None if ms is None else round(ms, 1) for ms in numbers]


def _not_up(monitor, begin, now, step):
    """The stretches since `begin` in which it was not up: [status, from, to].

    Those of one status that are less than a quarter of a step apart are one: they could not be seen apart.
    """
    start = _moment(begin)
    missing = Q(end=None) | Q(end__gt=start)
    rows = monitor.intervals.filter(missing, status__in=[Status.DOWN, Status.NODATA, Status.PAUSED])
    found: list[list] = []
    for each in rows.order_by("start"):
        since, until = int(max(each.start, start).timestamp()), int((each.end or now).timestamp())
        if found and found[-1][0] == each.status and since - found[-1][2] < step / 4:
            found[-1][2] = until
        else:
            found.append([each.status, since, until])
    return found
