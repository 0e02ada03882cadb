"""What the database says of the pipeline: plain facts, each from one bounded query or two."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, FloatField, Max, Min, Q, Sum
from django.db.models.functions import Cast, Extract

from incidents.models import Transition
from monitors.models import (
    ArchivedDay,
    DeadLetter,
    Gap,
    Monitor,
    Pulse,
    Region,
    RegionTrouble,
    RegionWorker,
    Schedule,
    State,
)
from monitors.probes.reasons import Reason
from monitors.services import partitions, regions

COUNTED = 10_000  # rows counted of a list that may grow without end
SAMPLE = 500  # monitors whose last check is looked at
LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Beat:
    """When something was last done, and since when without a break."""

    at: datetime
    since: datetime
    took_ms: float | None
    done: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """How much should have been done by now, and since when at the longest."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Checks that were not sent in time, within the last hour."""

    checks: int = 0
    monitors: int = 0
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A region, its workers that are alive, and what is known to be wrong with it."""

    name: str
    slug: str
    watched: bool  # some monitor is checked from there
    offline: bool
    heard_at: datetime | None
    workers: int = 0
    in_flight: int = 0
    lag_ms: float | None = None
    clock_ms: float | None = None  # the one furthest off
    versions: frozenset[str] = frozenset()
    troubles: tuple[tuple[str, str, datetime], ...] = ()  # kind, detail, since


@dataclass(frozen=True, slots=True)
class Outbox:
    waiting: int = 0
    held: int = 0
    oldest: datetime | None = None
    written: int = 0  # in all, the silent ones included


@dataclass(frozen=True, slots=True)
class Letters:
    kept: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """Tables that are kept by day: the partitions of each, and their bytes."""

    tables: Mapping[str, Mapping[date, int]]


@dataclass(frozen=True, slots=True)
class Archived:
    """Days of ticks in the archive, those whose export failed, and why the newest of these did."""

    days: int = 0
    failed: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    version: str
    size: int
    connections: int
    most_connections: int
    longest: float  # seconds the oldest transaction has been open


@dataclass(frozen=True, slots=True)
class Watched:
    """Monitors by status, and how late their last checks started, in milliseconds, ascending."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    delays: tuple[float, ...] = ()


def pulses() -> dict[str, Beat]:
    rows = Pulse.objects.values_list("name", "at", "since", "took_ms", "done")
    return {name: Beat(at, since, took_ms, done) for name, at, since, took_ms, done in rows}


def due(now: datetime) -> Overdue:
    """Monitors whose next check should have been sent."""
    rows = Schedule.objects.filter(next_slot_at__lte=now)
    oldest = rows.aggregate(oldest=Min("next_slot_at"))["oldest"]
    return Overdue(rows[:COUNTED].count(), oldest) if oldest else Overdue()


def missed(now: datetime) -> Missed:
    length = Extract(ExpressionWrapper(F("end") - F("start"), DurationField()), "epoch")
    gaps = Gap.objects.filter(end__gt=now - LATELY, reason=Reason.NOT_DISPATCHED)
    found = gaps.aggregate(
        checks=Sum(Cast(length, FloatField()) / F("monitor__interval")),
        monitors=Count("monitor", distinct=True),
        newest=Max("end"),
    )
    return Missed(round(found["checks"] or 0), found["monitors"], found["newest"])


def overdue(now: datetime) -> Overdue:
    """Monitors with slots that should have been accounted for."""
    rows = State.objects.filter(sweep_at__lte=now, monitor__deleted_at=None)
    oldest = rows.aggregate(oldest=Min("sweep_at"))["oldest"]
    return Overdue(rows[:COUNTED].count(), oldest) if oldest else Overdue()


def owes_results(now: datetime, quiet_since: datetime, patience: timedelta) -> bool:
    """Whether some monitor must have had a result since `quiet_since`, going by its interval."""
    most = now - quiet_since - patience
    scheduled = Schedule.objects.filter(next_slot_at__isnull=False, monitor__state__since__lt=quiet_since)
    return scheduled.filter(monitor__interval__lt=most.total_seconds()).exists()


def places(now: datetime, silent: timedelta) -> list[Place]:
    """Every enabled region."""
    offline, workers, troubles = regions.hearing().offline, defaultdict(list), defaultdict(list)
    for worker in RegionWorker.objects.all():
        workers[worker.region_id].append(worker)
    for trouble in RegionTrouble.objects.filter(end=None).order_by("start"):
        troubles[trouble.region_id].append((trouble.get_kind_display(), trouble.detail, trouble.start))
    found = Region.objects.filter(enabled=True).defer("key")
    watched = set(Monitor.regions.through.objects.values_list("region_id", flat=True).distinct())
    return [
        _place(each, workers[each.pk], now - silent, each.pk in watched, each.pk in offline, tuple(troubles[each.pk]))
        for each in found
    ]


def _place(region, workers, alive_since, watched, offline, troubles) -> Place:
    alive = [worker for worker in workers if worker.heard_at >= alive_since]
    clocks = [worker.clock_ms for worker in alive if worker.clock_ms is not None]
    return Place(
        name=region.name,
        slug=region.slug,
        watched=watched,
        offline=offline,
        heard_at=max((worker.heard_at for worker in workers), default=None),
        workers=len(alive),
        in_flight=sum(worker.in_flight for worker in alive),
        lag_ms=max((worker.lag_ms for worker in alive), default=None),
        clock_ms=max(clocks, key=abs, default=None),
        versions=frozenset(worker.version for worker in alive),
        troubles=troubles,
    )


def outbox(now: datetime) -> Outbox:
    waiting = Transition.objects.waiting()
    held = Q(hold_until__gt=now)
    newest = Transition.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Outbox(
        waiting=waiting[:COUNTED].count(),
        held=waiting.filter(held)[:COUNTED].count(),
        oldest=waiting.order_by("created_at").values_list("created_at", flat=True).first(),
        written=newest or 0,
    )


def letters() -> Letters:
    kept = DeadLetter.objects.order_by("pk")
    count = kept[:COUNTED].count()
    if not count:
        return Letters()
    ends = [each.values_list("received_at", flat=True).first() for each in (kept, kept.reverse())]
    return Letters(count, *ends)


def days() -> Days:
    tables: dict[str, dict[date, int]] = {table: {} for table in partitions.TABLES}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT parent.relname, child.relname, pg_total_relation_size(child.oid) FROM pg_inherits "
            "JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent "
            "WHERE parent.relname = ANY(%s)",
            [list(partitions.TABLES)],
        )
        for table, name, size in cursor.fetchall():
            tables[table][date.fromisoformat(name.removeprefix(f"{table}_"))] = size
    return Days(tables)


def archived() -> Archived:
    failed = ArchivedDay.objects.exclude(error="")
    newest = failed.order_by("-day").values_list("error", flat=True).first()
    return Archived(ArchivedDay.objects.filter(error="").count(), failed.count(), newest or "")


def database() -> Database:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(current_setting('server_version'), ' ', 1), pg_database_size(current_database()), "
            "count(*), current_setting('max_connections')::int, "
            "COALESCE(max(extract(epoch FROM now() - xact_start)) FILTER (WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()), 0)::float FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        return Database(*cursor.fetchone())


def watched() -> Watched:
    by_status = State.objects.filter(monitor__deleted_at=None).values_list("status").annotate(Count("pk")).order_by()
    last = State.objects.filter(last_checked_at__isnull=False, last_slot__isnull=False)
    times = last.values_list("last_checked_at", "last_slot")[:SAMPLE]
    delays = sorted((started - slot).total_seconds() * 1000 for started, slot in times if started and slot)
    return Watched(dict(by_status), tuple(delays))
