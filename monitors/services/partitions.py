"""The daily partitions of the tick table: made a week ahead, dropped by age."""

from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction

PREFIX = "monitors_tick_"
DAYS_AHEAD = 7
DAYS_BACK = 1  # a slot may be a day old when its outcome arrives


def ensure_partitions(day: date, ahead: int = DAYS_AHEAD) -> None:
    """Make the partitions from the day before `day` to `ahead` days after it, where they are missing."""
    wanted = [day + timedelta(days=n) for n in range(-DAYS_BACK, ahead + 1)]
    present = set(_present())
    for each in wanted:
        if each not in present:
            _create(each)


def drop_partitions(before: date) -> list[date]:
    """Drop the partitions of days before `before`; returns those days."""
    old = [day for day in _present() if day < before]
    with connection.cursor() as cursor:
        for day in old:
            cursor.execute(f"DROP TABLE IF EXISTS {_name(day)}")
    return old


def _present() -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = 'monitors_tick'::regclass"
        )
        return sorted(date.fromisoformat(name.removeprefix(PREFIX)) for (name,) in cursor.fetchall())


def _create(day: date) -> None:
    # Attaching takes a weaker lock than CREATE ... PARTITION OF, so inserts into other days go on meanwhile.
    # Two processes may meet here: the second one waits for the advisory lock, then finds the table there.
    start = datetime.combine(day, time.min, UTC)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('monitors_tick partitions'))")
        cursor.execute("SELECT to_regclass(%s)", [_name(day)])
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"CREATE TABLE {_name(day)} (LIKE monitors_tick INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"ALTER TABLE monitors_tick ATTACH PARTITION {_name(day)} FOR VALUES FROM (%s) TO (%s)",
            [start, start + timedelta(days=1)],
        )


def _name(day: date) -> str:
    return f"{PREFIX}{day:%Y%m%d}"
