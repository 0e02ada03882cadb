"""Response times over the last hours, as the chart of a monitor's page and the table behind it want them.

Raw ticks of at most a day, averaged by the database: what leaves it is as small for a check every second as for one
every hour.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Avg, DateTimeField, DurationField, F, Func, Q, Value
from django.utils import timezone

from monitors.domain.verdict import Status, Vote
from monitors.models import Region, Tick
from monitors.times import EPOCH

RANGES = {1: "1 h", 6: "6 h", 24: "24 h"}
POINTS = 360  # as many as a chart of usual width can show apart
PHASES = ("dns", "connect", "tls", "first_byte", "transfer")


def series(monitor, hours, now=None, points=POINTS):
    """Mean response times (ms) per region and step of the last `hours`, and the times it was not up; JSON-able.

    Times are seconds since the epoch; `times[i]` is the begin of a step, and every column has one value for each.
    """
    now = now or timezone.now()
    step = _step(monitor.interval, hours, points)
    begin = int((now - timedelta(hours=hours)).timestamp()) // step * step
    times = list(range(begin, int(now.timestamp()) + 1, step))
    columns = _columns(monitor, begin, step, len(times))
    regions = [{"name": name, **columns[pk]} for pk, name in Region.objects.values_list("pk", "name") if pk in columns]
    return {
        "from": begin,
        "to": int(now.timestamp()),
        "step": step,
        "times": times,
        "phases": PHASES,
        "regions": regions,
        "intervals": _not_up(monitor, begin, now),
    }


def _step(interval, hours, points):
    """Seconds per point: a multiple of the interval, so that no step is without a check."""
    least = max(interval, hours * 3600 // points)
    return -(-least // interval) * interval


def _columns(monitor, begin, step, length):
    """{region id: {"response": [...], "dns": [...], ...}}, averaged by the database."""
    bucket = Func(
        Value(timedelta(seconds=step), output_field=DurationField()),
        F("slot"),
        Value(EPOCH, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )
    means = {name: Avg(f"{name}_ms") for name in ("response", *PHASES)}
    ticks = Tick.objects.filter(monitor=monitor, slot__gte=datetime.fromtimestamp(begin, UTC), vote=Vote.UP)
    columns: dict[int, dict[str, list[float | None]]] = {}
    rows: Iterable[Any] = ticks.order_by().values("region_id", bucket=bucket).annotate(**means)
    for row in rows:
        index = (int(row["bucket"].timestamp()) - begin) // step
        mine = columns.setdefault(row["region_id"], {name: [None] * length for name in means})
        if 0 <= index < length:
            for name in means:
                mine[name][index] = None if row[name] is None else round(row[name], 1)
    return columns


def _not_up(monitor, begin, now):
    """The stretches since `begin` in which it was not up: [status, from, to]."""
    start = datetime.fromtimestamp(begin, UTC)
    found = monitor.intervals.filter(
        Q(end=None) | Q(end__gt=start), status__in=[Status.DOWN, Status.NODATA, Status.PAUSED]
    )
    return [
        [each.status, int(max(each.start, start).timestamp()), int((each.end or now).timestamp())]
        for each in found.order_by("start")
    ]


def hourly(monitor, now=None):
    """The chart as a table: (hour, {region name: mean ms or None}) of the last 24 hours, newest first."""
    now = now or timezone.now()
    begin = int((now - timedelta(days=1)).timestamp()) // 3600 * 3600
    columns = _columns(monitor, begin, 3600, 25)
    names = [(pk, name) for pk, name in Region.objects.values_list("pk", "name") if pk in columns]
    rows = [
        (datetime.fromtimestamp(begin + hour * 3600, UTC), [columns[pk]["response"][hour] for pk, _ in names])
        for hour in range(25)
    ]
    return {"names": [name for _, name in names], "rows": [row for row in reversed(rows) if any(row[1])]}
