"""The daily partitions of the large tables: made a week ahead, dropped by age."""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import OperationalError, connection, transaction

TICKS = "monitors_tick"
TABLES = (TICKS, "monitors_fiveminuterollup")
DAYS_AHEAD = 7
DAYS_BACK = 1  # a slot may be a day old when its outcome arrives
DROP_PATIENCE_MS = 200
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's SQLSTATE

logger = logging.getLogger(__name__)


def ensure_partitions(day: date, ahead: int = DAYS_AHEAD, tables: Iterable[str] = TABLES) -> None:
    """Make the partitions from the day before `day` to `ahead` days after it, where they are missing."""
    wanted = [day + timedelta(days=n) for n in range(-DAYS_BACK, ahead + 1)]
    for table in tables:
        present = set(days(table))
        for each in wanted:
            if each not in present:
                _create(table, each)


def ensure_partition(day: date, table: str = TICKS) -> None:
    """Make the partition of that day alone, if it is missing."""
    if day not in days(table):
        _create(table, day)


def drop_partitions(before: date, table: str = TICKS) -> list[date]:
    """Drop the partitions of days before `before`; returns those days."""
    return [day for day in days(table) if day < before and drop_partition(day, table)]


def drop_partition(day: date, table: str = TICKS) -> bool:
    """Drop a day for good; False when somebody reads the table for so long that it has to be tried again later.

    Dropping needs the whole table for a moment, and whoever comes after waits behind it: a backup or a report that
    reads for minutes must not make the pipeline stand still.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = %s", [DROP_PATIENCE_MS])
            cursor.execute(f"DROP TABLE IF EXISTS {_name(table, day)}")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        logger.info("%s of %s is dropped later: somebody is reading the table.", table, day)
        return False
    return True


def days(table: str = TICKS) -> list[date]:
    """The days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = %s::regclass",
            [table],
        )
        return sorted(date.fromisoformat(name.removeprefix(f"{table}_")) for (name,) in cursor.fetchall())


def _create(table: str, day: date) -> None:
    # Attaching takes a weaker lock than CREATE ... PARTITION OF, so inserts into other days go on meanwhile.
    # Two processes may meet here: the second one waits for the advisory lock, then finds the table there.
    start, name = datetime.combine(day, time.min, UTC), _name(table, day)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{table} partitions"])
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
            [start, start + timedelta(days=1)],
        )


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"
