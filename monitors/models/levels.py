"""The levels of history, from ticks to days, and the one SELECT that sums up rows of a finer level.

Rolling up stores what it returns, charts show it. The database does it all: the ORM can say neither sparse histograms
nor a window of its own for each monitor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import DateTimeField, DurationField, Func, Value

from monitors.domain.histogram import COUNT_BITS, COUNT_MASK, GROWTH, LAST_CELL, LEAST_MS
from monitors.models.history import Tick
from monitors.models.regions import Region
from monitors.models.rollups import DayRollup, FiveMinuteRollup, HourRollup, Rollup

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIVE_MINUTES, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
PHASES = ("dns", "connect", "tls", "first_byte", "transfer")
COUNTS = ("up", "down", "nodata")
SUMS = ("response_sum", *(f"{phase}_sum" for phase in PHASES))
COLUMNS = ("monitor_id", "region_id", "start", *COUNTS, "low", "high", *SUMS, "histogram")


@dataclass(frozen=True)
class Level:
    """How finely history is kept: one row per monitor, region and `width`."""

    model: type[Tick | Rollup]
    width: timedelta  # of ticks: none

    @property
    def table(self) -> str:
        return self.model._meta.db_table


TICKS = Level(Tick, timedelta(0))
FIVES = Level(FiveMinuteRollup, FIVE_MINUTES)
HOURS = Level(HourRollup, HOUR)
DAYS = Level(DayRollup, DAY)


@dataclass(frozen=True)
class Window:
    """A stretch of one monitor's time, from `start` up to, not including, `end`."""

    monitor: int
    start: datetime
    end: datetime


class Sum(NamedTuple):
    """What the rows of one monitor, region and stretch come to: COLUMNS, as monitors.models.Rollup explains them."""

    monitor: int
    region: int
    start: datetime
    up: int
    down: int
    nodata: int
    low: float | None
    high: float | None
    response_sum: float | None
    dns_sum: float | None
    connect_sum: float | None
    tls_sum: float | None
    first_byte_sum: float | None
    transfer_sum: float | None
    histogram: list[int]


def floor(moment: datetime, width: timedelta) -> datetime:
    """The begin of the stretch of `width` that holds `moment`; days are those of UTC."""
    return moment - (moment - EPOCH) % width


class Floor(Func):
    """The same in the database."""

    function = "date_bin"
    output_field = DateTimeField()

    def __init__(self, width: timedelta, moment: Any) -> None:
        super().__init__(Value(width, output_field=DurationField()), moment, Value(EPOCH, output_field=DateTimeField()))


def summed(level: Level, width: timedelta, windows: Sequence[Window]) -> tuple[str, dict[str, Any]]:
    """A SELECT of COLUMNS, and its parameters: the rows of `level` in `windows`, summed up by `width`."""
    cells = _TICK_CELLS if level is TICKS else _ROLLUP_CELLS
    return cells.format(table=level.table) + _SUMMED, {
        "width": width,
        "epoch": EPOCH,
        "monitors": [window.monitor for window in windows],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
        "regions": list(Region.objects.values_list("pk", flat=True)),
        # The same bounds for all let the planner leave out the partitions of other days.
        "first": min(window.start for window in windows),
        "last": max(window.end for window in windows),
    }


def read(level: Level, width: timedelta, window: Window) -> list[Sum]:
    """Those rows, for one window."""
    if level.width == width:  # there is nothing to sum up
        wanted = {"monitor": window.monitor, "start__gte": window.start, "start__lt": window.end}
        return [Sum(*row) for row in level.model._default_manager.filter(**wanted).values_list(*COLUMNS)]
    with connection.cursor() as cursor:
        cursor.execute(*summed(level, width, [window]))
        return [Sum(*row) for row in cursor.fetchall()]


def store(into: Level, finer: Level, windows: Sequence[Window]) -> None:
    """Sum up `finer` in `windows` into the rows of `into`; where there are rows already, they become the same again."""
    select, parameters = summed(finer, into.width, windows)
    kept = COLUMNS[3:]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {into.table} ({', '.join(COLUMNS)}) {select} "
            "ON CONFLICT (monitor_id, region_id, start) DO UPDATE "
            f"SET ({', '.join(kept)}) = ({', '.join(f'EXCLUDED.{column}' for column in kept)})",
            parameters,
        )


def _each(template: str, names: Iterable[str]) -> str:
    return ", ".join(template.format(name=name) for name in names)


# A row per histogram cell and stretch. Every region is asked for by its number, so that each window is one range of the
# key; what a region saw that was removed since is left out, as it is everywhere.
_WINDOWS = """
FROM unnest(%(monitors)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS wanted(monitor, since, until)
CROSS JOIN unnest(%(regions)s::smallint[]) AS place(region)
JOIN {table} AS seen ON seen.monitor_id = wanted.monitor AND seen.region_id = place.region
"""
_TICK_CELLS = f"""
WITH timed AS (
    SELECT monitor_id, region_id, date_bin(%(width)s, slot, %(epoch)s) AS bin, vote, {_each("{name}_ms", PHASES)},
        CASE WHEN vote = 'up' THEN response_ms END AS ms
    {_WINDOWS} AND seen.slot >= wanted.since AND seen.slot < wanted.until
    WHERE seen.slot >= %(first)s AND seen.slot < %(last)s
), cells AS (
    SELECT monitor_id, region_id, bin,
        CASE WHEN ms IS NOT NULL  -- greatest() and least() would take an empty time for a short one
            THEN least({LAST_CELL}, floor(ln(greatest(ms, {LEAST_MS}) / {LEAST_MS}) / ln({GROWTH}::float8)))::int
        END AS cell,
        count(ms)::int AS times, {", ".join(f"count(*) FILTER (WHERE vote = '{vote}') AS {vote}" for vote in COUNTS)},
        min(ms) AS low, max(ms) AS high, sum(ms) AS response_sum,
        {_each("sum({name}_ms) FILTER (WHERE ms IS NOT NULL) AS {name}_sum", PHASES)}
    FROM timed GROUP BY 1, 2, 3, 4
)"""  # noqa: S608 -- names and numbers of ours, here and below
_ROLLUP_CELLS = f"""
WITH timed AS (
    SELECT monitor_id, region_id, date_bin(%(width)s, start, %(epoch)s) AS bin, {", ".join(COUNTS)}, low, high,
        {", ".join(SUMS)}, histogram
    {_WINDOWS} AND seen.start >= wanted.since AND seen.start < wanted.until
    WHERE seen.start >= %(first)s AND seen.start < %(last)s
), cells AS (
    SELECT monitor_id, region_id, bin, NULL::int AS cell, 0 AS times, {_each("sum({name}) AS {name}", COUNTS)},
        min(low) AS low, max(high) AS high, {_each("sum({name}::float8) AS {name}", SUMS)}
    FROM timed GROUP BY 1, 2, 3
    UNION ALL
    SELECT monitor_id, region_id, bin, packed >> {COUNT_BITS}, sum(packed & {COUNT_MASK})::int, {_each("0", COUNTS)},
        NULL, NULL, {_each("NULL", SUMS)}
    FROM timed CROSS JOIN unnest(histogram) AS packed GROUP BY 1, 2, 3, 4
)"""  # noqa: S608
_SUMMED = f"""
SELECT monitor_id, region_id, bin, {_each("sum({name})::int", COUNTS)}, min(low)::real, max(high)::real,
    {_each("sum({name})::real", SUMS)},
    coalesce(array_agg(cell << {COUNT_BITS} | times ORDER BY cell) FILTER (WHERE cell IS NOT NULL), ARRAY[]::int[])
FROM cells GROUP BY 1, 2, 3
"""  # noqa: S608
