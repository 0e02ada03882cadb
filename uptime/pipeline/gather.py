"""Gathering the state of the whole pipeline: within seconds, whatever hangs."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ParamSpec, TypeVar

import psycopg
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection, transaction
from django.utils import timezone
from psycopg_pool import PoolTimeout

from monitors.services import archive
from monitors.services.pulses import HEARD, STORED
from uptime import embedded, queues
from uptime.celery import PERIODIC, WORK
from uptime.lib.deadline import ask
from uptime.pipeline import flow, reading, reading_alerts, storage, telling
from uptime.pipeline.broker import Broker, Cache, apart, read_broker, read_cache
from uptime.pipeline.parts import Part, Snapshot

T = TypeVar("T")
P = ParamSpec("P")

CONNECT_S = 2  # for a connection to the database
PATIENCE_S = 4.0  # for broker and cache
STATEMENT_MS, BUDGET_S = 2000, 5.0  # for one question to the database, and for all of them
SLOW = {"57014", "55P03"}  # PostgreSQL's query_canceled (statement_timeout) and lock_not_available
QUIET = timedelta(minutes=2)  # without any result, beyond what intervals explain
SHARED, KEPT_S = timedelta(seconds=5), 60  # how long a gathering serves everybody, and while the next is under way
HEARTBEAT = "uptime.heartbeat"  # has a part of its own
KEY, LOCK = f"pipeline:{settings.VERSION}", "pipeline:gathering"


def recent() -> Snapshot:
    """A gathering about five seconds old at most, shared by everybody who asks."""
    try:
        kept = cache.get(KEY)
        if kept and (timezone.now() - kept.at < SHARED or not cache.add(LOCK, 1, 10)):
            return kept
        fresh = gather()
        cache.set(KEY, fresh, KEPT_S)
        cache.delete(LOCK)
    except redis.RedisError:  # away: everybody then asks for themselves
        return gather()
    return fresh


def gather() -> Snapshot:
    """The state of every part, as of now."""
    now, reader = timezone.now(), Reader()
    database = reader.read(reading.database)
    pulses = reader.read(reading.pulses)
    places = reader.read(reading.places, now, timedelta(seconds=settings.REGION_OFFLINE_AFTER))
    # Asked while the database goes on answering.
    names = [queues.CONTROL, queues.RESULTS, queues.WORK, *(queues.checks(each.slug, "") for each in places or [])]
    carrier = ask("broker", partial(read_broker, names))
    memory = ask("cache", read_cache) if apart() else None
    quiet = reader.read(_quiet, now, pulses) if pulses is not None else None
    told = _telling_parts(reader, now, pulses)
    kept = _storage_parts(reader, now, pulses)
    flowing = Flowing(
        now=now,
        pulses=pulses,
        places=places,
        quiet=quiet,
        due=reader.read(reading.due, now),
        missed=reader.read(reading.missed, now),
        overdue=reader.read(reading.overdue, now),
        watched=reader.read(reading.watched),
    )
    broker = _answer(carrier, lambda error: Broker(error=error))
    servers = [
        storage.database_part(database, reader.error, reader.connected_ms),
        storage.broker_part(broker, memory is None),
    ]
    if memory is not None:
        servers.append(storage.cache_part(_answer(memory, lambda error: Cache(error=error))))
    return Snapshot(now, [*flowing.parts(broker, reader), *told, *servers, *kept, *_disk_part()])


class Reader:
    """Asks the database within a budget of time; keeps what went wrong, and asks no more when it is away."""

    def __init__(self) -> None:
        self._began, self._away = time.monotonic(), False
        self.error, self.connected_ms = "", 0.0
        self._connect()

    def _connect(self) -> None:
        """A connection of its own tells in no time what the pool, which goes on trying, would tell in ten seconds."""
        try:
            psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": CONNECT_S}).close()
        except psycopg.Error as error:
            self._away, self.error = True, _in_words(error)
        self.connected_ms = (time.monotonic() - self._began) * 1000

    def read(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """None when the database does not tell."""
        if self._away or time.monotonic() - self._began > BUDGET_S:
            self.error = self.error or "there was no time left to ask."
            return None
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}; SET LOCAL lock_timeout = {STATEMENT_MS}")
                answer = question(*args, **kwargs)
        except (Error, PoolTimeout) as error:
            self._away = getattr(error.__cause__, "sqlstate", None) not in SLOW
            self.error = _in_words(error)
            return None
        return answer

    def part(self, key: str, title: str, build: Callable[..., Part], *facts: object) -> Part:
        """The part that `build` makes of the facts, or one that says they are not known."""
        if all(fact is not None for fact in facts):
            return build(*facts)
        if self._away:
            return Part(key, title, known=False)  # the database's own part says why
        return storage.unread_part(key, title, self.error)


@dataclass(frozen=True, slots=True)
class Flowing:
    """What is known of the way of the data; None is what the database did not tell."""

    now: datetime
    pulses: dict[str, reading.Beat] | None
    places: list[reading.Place] | None
    quiet: bool | None
    due: reading.Overdue | None
    missed: reading.Missed | None
    overdue: reading.Overdue | None
    watched: reading.Watched | None

    def parts(self, told: Broker, reader: Reader) -> list[Part]:
        now, pulses, patience = self.now, self.pulses, timedelta(seconds=settings.STALLED_AFTER)
        waiting = told.waiting.get
        work = [entry for entry in PERIODIC if entry.queue == WORK and entry.task != HEARTBEAT]

        def beat(pulses):
            return flow.beat_part(now, pulses, waiting(queues.CONTROL), patience)

        def dispatch(pulses, due, missed, watched):
            return flow.dispatch_part(now, pulses, due, missed, watched, patience)

        def results(pulses, quiet):
            return flow.results_part(now, pulses, waiting(queues.RESULTS), quiet, patience)

        def sweep(pulses, overdue):
            return flow.sweep_part(now, pulses, overdue, patience)

        def background(pulses):
            return flow.work_part(now, pulses, work, waiting(queues.WORK))

        regions = [flow.region_part(each, waiting(queues.checks(each.slug, ""))) for each in self.places or []]
        return [
            reader.part("monitors", "Monitors", flow.monitors_part, self.watched),
            reader.part("beat", "Beat", beat, pulses),
            reader.part("dispatch", "Dispatch", dispatch, pulses, self.due, self.missed, self.watched),
            *regions,
            reader.part("results", "Results", results, pulses, self.quiet),
            reader.part("sweep", "Sweep", sweep, pulses, self.overdue),
            reader.part("work", "Background work", background, pulses),
        ]


def _telling_parts(reader: Reader, now: datetime, pulses: dict[str, reading.Beat] | None) -> list[Part]:
    patience, mail = timedelta(seconds=settings.STALLED_AFTER), bool(settings.EMAIL_URL)

    def outbox(facts, pulses):
        return telling.outbox_part(now, pulses, facts, patience)

    def messages(facts, pulses):
        return telling.messages_part(now, pulses, facts, mail, patience)

    def pings(facts, pulses):
        return telling.pings_part(now, pulses, facts, patience)

    return [
        reader.part("outbox", "Outbox", outbox, reader.read(reading_alerts.outbox, now), pulses),
        reader.part("messages", "Alerts", messages, reader.read(reading_alerts.messages, now), pulses),
        reader.part("pings", "Heartbeats", pings, reader.read(reading_alerts.jobs, now), pulses),
    ]


def _storage_parts(reader: Reader, now: datetime, pulses: dict[str, reading.Beat] | None) -> list[Part]:
    def heartbeat(pulses):
        return storage.heartbeat_part(now, pulses.get(HEARD), pulses.get(flow.BEACON), settings.HEARTBEAT_URL)

    def days(facts):
        return storage.partitions_part(facts, now.date())

    def archive_part(facts, pulses):
        return storage.archive_part(facts, pulses.get(archive.PULSE))

    kept = [
        reader.part("partitions", "Partitions by day", days, reader.read(reading.days)),
        reader.part("letters", "Dead letters", storage.letters_part, reader.read(reading.letters)),
        reader.part("heartbeat", "Heartbeat to the outside", heartbeat, pulses),
    ]
    if settings.ARCHIVE_URL:
        kept.insert(1, reader.part("archive", "Archive", archive_part, reader.read(reading.archived), pulses))
    return kept


def _quiet(now: datetime, pulses: dict[str, reading.Beat]) -> bool:
    """Whether no result has been stored for so long that something must be wrong."""
    beat, stored = pulses.get(flow.BEACON), pulses.get(STORED)
    if beat is None:
        return False
    last = max(stored.at, beat.since) if stored else beat.since
    return now - last > QUIET and reading.owes_results(now, last, QUIET)


def _disk_part() -> list[Part]:
    """The disk of DATA_DIR, where the database on it is our own."""
    if settings.DATABASES["default"]["HOST"] != str(embedded.socket_dir(settings.DATA_DIR)):
        return []
    usage = shutil.disk_usage(settings.DATA_DIR)
    return [storage.disk_part(usage.free, usage.total, str(settings.DATA_DIR))]


def _answer(asked: Future[T], without: Callable[[str], T]) -> T:
    try:
        return asked.result(PATIENCE_S)
    except TimeoutError:
        return without(f"nothing was heard within {PATIENCE_S:.0f} s.")
    except Exception as error:
        return without(_in_words(error))


def _in_words(error: Exception) -> str:
    return (" ".join(str(error).split())[:200] or type(error).__name__).rstrip(".") + "."
