"""Where things are kept, judged: servers, partitions, disk, dead letters. Facts in, a part out."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from uptime.pipeline.broker import Broker, Cache, Memory
from uptime.pipeline.flow import at, count
from uptime.pipeline.parts import Part, Unit
from uptime.pipeline.reading import COUNTED, Archived, Beat, Database, Days, Letters

GB = 1024**3
TITLES = {"monitors_tick": "Ticks", "monitors_fiveminuterollup": "5-minute roll-ups"}
DAYS_WANTED = 3  # partitions ahead, from which on nobody need worry
LONG_TRANSACTION = 60  # seconds
HEARTBEAT_SILENT = timedelta(minutes=5)
SEE_DATABASE, SEE_BROKER, SEE_DISK = "The database is slow or away", "The broker is away or full", "The disk fills"


def database_part(facts: Database | None, error: str, took_ms: float) -> Part:
    part = Part("database", "Database")
    part.show("Answers", float(facts is not None), Unit.YES, metric="uptime_database_up")
    if facts is None:
        part.fail(
            f"It does not answer: {error}",
            "Start PostgreSQL (`make run` brings its own), or correct DATABASE_URL. What regions see waits meanwhile.",
            SEE_DATABASE,
        )
        return part
    part.show("Version", f"PostgreSQL {facts.version}", Unit.TEXT)
    part.show("Connects in", took_ms, Unit.MILLISECONDS, metric="uptime_database_connect_seconds")
    part.show("Size", facts.size, Unit.BYTES, metric="uptime_database_bytes")
    part.show("Connections", facts.connections, full=facts.most_connections, metric="uptime_database_connections")
    part.show("Oldest transaction", facts.longest, Unit.SECONDS, metric="uptime_database_longest_transaction_seconds")
    if facts.connections > 0.8 * facts.most_connections:
        part.warn(
            f"{facts.connections} of its {facts.most_connections} connections are taken.",
            "Lower DATABASE_POOL or the number of processes, or raise max_connections.",
            SEE_DATABASE,
        )
    if facts.longest > LONG_TRANSACTION:
        part.warn(
            f"A transaction has been open for {facts.longest:.0f} s: what it has locked stands still.",
            "Find it in pg_stat_activity, and end it if nobody needs it.",
            SEE_DATABASE,
        )
    return part


def unread_part(key: str, title: str, error: str) -> Part:
    """A part whose facts the database did not tell in time."""
    part = Part(key, title, known=False)
    part.warn(
        f"It could not be looked at: {error}", "Look at the load of the database, and at locks in it.", SEE_DATABASE
    )
    return part


def broker_part(facts: Broker, with_cache: bool) -> Part:
    part = Part("broker", "Broker and cache" if with_cache else "Broker")
    part.show("Answers", float(not facts.error), Unit.YES, metric="uptime_broker_up")
    if facts.error:
        part.fail(
            f"It does not answer: {facts.error}",
            "Start it (`make run` brings its own), or correct BROKER_URL. Until then no check is sent; nothing goes "
            "down because of it.",
            SEE_BROKER,
        )
    _memory(part, facts.memory, "broker")
    return part


def cache_part(facts: Cache) -> Part:
    part = Part("cache", "Cache")
    part.show("Answers", float(not facts.error), Unit.YES, metric="uptime_cache_up")
    if facts.error:
        part.fail(
            f"It does not answer: {facts.error}",
            "Start it, or correct REDIS_URL. Pages are slower and nobody can sign in until then.",
            SEE_BROKER,
        )
    _memory(part, facts.memory, "cache")
    return part


def _memory(part: Part, memory: Memory | None, server: str) -> None:
    if memory is None:
        return
    labels = (("server", server),)
    part.show("Memory", memory.used, Unit.BYTES, full=memory.most or None, metric="uptime_memory_bytes", labels=labels)
    share = memory.used / memory.most if memory.most else 0
    if share > 0.8:
        say = part.fail if share > 0.95 else part.warn
        say(
            f"{share:.0%} of its memory is used; when it is full, no check can be sent.",
            "Look which queue is long, or give it more memory (maxmemory).",
            SEE_BROKER,
        )
    if not memory.written:
        part.fail("It cannot write to its disk.", "Make room on the disk of the broker.", SEE_DISK)


def partitions_part(days: Days, today: date) -> Part:
    part = Part("partitions", "Partitions by day")
    for table, sizes in sorted(days.tables.items()):
        labels, name = (("table", table),), TITLES.get(table, table)
        part.show(f"{name}, days", len(sizes), metric="uptime_partitions", labels=labels)
        part.show(f"{name}, ahead", _ahead(sizes, today) - 1, metric="uptime_partitions_ahead", labels=labels)
        part.show(f"{name}, size", sum(sizes.values()), Unit.BYTES, metric="uptime_partitions_bytes", labels=labels)
        part.show(f"{name}, yesterday", sizes.get(today - timedelta(days=1)), Unit.BYTES)
    ahead = min((_ahead(sizes, today) for sizes in days.tables.values()), default=0)
    see, hint = "Background work is overdue", "Run `manage.py release`; it makes them. Look why `work` did not."
    if ahead < 2:
        part.fail(f"There is no partition for {'tomorrow' if ahead else 'today'}.", hint, see)
    elif ahead <= DAYS_WANTED:
        part.warn(f"Partitions are made for {ahead - 1} more days only; it should be a week.", hint, see)
    return part


def _ahead(sizes: Mapping[date, int], today: date) -> int:
    """How many days from today on have a partition, without a hole."""
    ahead = 0
    while today + timedelta(days=ahead) in sizes:
        ahead += 1
    return ahead


def disk_part(free: int, size: int, folder: str) -> Part:
    part = Part("disk", "Disk")
    part.show("Used", size - free, Unit.BYTES, full=size)
    part.show("Free", free, Unit.BYTES, metric="uptime_disk_free_bytes")
    part.show("Folder", folder, Unit.TEXT)
    hint = "Make room, or keep ticks for fewer days (TICK_RETENTION_DAYS). A full disk stops PostgreSQL."
    if free < GB or (free < 0.02 * size and free < 5 * GB):
        part.fail(f"Only {free / GB:.1f} GB are free.", hint, SEE_DISK)
    elif free < 0.1 * size and free < 20 * GB:
        part.warn(f"Only {free / GB:.1f} GB are free, {free / size:.0%} of the disk.", hint, SEE_DISK)
    return part


def letters_part(facts: Letters) -> Part:
    part = Part("letters", "Dead letters")
    part.show("Kept", facts.kept, metric="uptime_dead_letters")
    part.show("Oldest", facts.oldest, Unit.MOMENT)
    part.show("Newest", facts.newest, Unit.MOMENT)
    if facts.kept:
        number = f"At least {COUNTED:,} messages" if facts.kept >= COUNTED else count(facts.kept, "message")
        part.warn(
            f"{number} could not be stored, the last one at {at(facts.newest)}.",
            "Read why on the Pipeline page; replay them once the cause is gone, or purge them.",
            "Dead letters",
        )
    return part


def archive_part(facts: Archived, run: Beat | None) -> Part:
    part = Part("archive", "Archive")
    part.show("Days in it", facts.days, metric="uptime_archive_days")
    part.show("Days that failed", facts.failed, metric="uptime_archive_failed_days")
    part.show("All done", run.at if run else None, Unit.MOMENT, metric="uptime_archive_timestamp_seconds")
    if facts.failed:
        part.warn(
            f"{count(facts.failed, 'day')} could not be archived: {facts.error[:200].rstrip('.')}.",
            "Nothing is lost: they stay in the database, and every hour it is tried again. Mind the disk.",
            "The archive takes nothing",
        )
    return part


def heartbeat_part(now: datetime, called: Beat | None, beat: Beat | None, url: str) -> Part:
    """`url`: whom we call while all is well; `called`: when that last worked."""
    part = Part("heartbeat", "Heartbeat to the outside")
    part.show("Set up", "yes" if url else "no", Unit.TEXT)
    if not url:
        return part
    part.show("Last answered", called.at if called else None, Unit.MOMENT, metric="uptime_heartbeat_timestamp_seconds")
    last = max((each for each in (called and called.at, beat and beat.since) if each), default=None)
    if last and now - last > HEARTBEAT_SILENT:
        part.warn(
            f"Its address has not answered since {at(last)}.",
            "Look into the log of the process `work`, and check HEARTBEAT_URL.",
            "The heartbeat is not heard",
        )
    return part
