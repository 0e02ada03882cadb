"""What the database says of telling people and of listening to jobs: plain facts, each from a bounded query or two."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Min, Q

from alerts.models import FAILING, Channel, Delivery, Status
from incidents.models import Notice, Transition
from monitors.models import Heartbeat, IngestGap, Ping
from monitors.services.heartbeats import SETTLE
from uptime.pinglimit import PER_MINUTE
from uptime.pipeline.reading import COUNTED, Overdue

A_DAY, A_MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outbox:
    """What happened and nobody has been told of. `oldest`: of what may be told, since when it may."""

    waiting: int = 0
    held: int = 0
    oldest: datetime | None = None
    written: int = 0  # transitions in all, the silent ones included


@dataclass(frozen=True, slots=True)
class Messages:
    """Deliveries that are not finished, and what lately went wrong for good. `oldest`: of those never tried."""

    waiting: int = 0
    oldest: datetime | None = None
    in_flight: int = 0
    retrying: int = 0
    given_up: int = 0  # within a day
    reason: str = ""  # of the newest of these
    switched_off: int = 0  # channels, by us, and still so
    switched_off_lately: int = 0  # within a day
    failing: int = 0  # channels that are on and whose last message did not get through
    last_sent: datetime | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """Heartbeats and their pings. `late`: heartbeats that time has changed and nobody has judged."""

    heartbeats: int = 0
    pings: int = 0  # of the last minute
    gaps: int = 0  # times within a day in which no ping could be taken
    last_gap: datetime | None = None
    late: Overdue = field(default_factory=Overdue)


def outbox(now: datetime) -> Outbox:
    due, said = Transition.objects.due(now), Notice.objects.waiting()
    since = [
        *(row["hold_until"] or row["created_at"] for row in due.values("hold_until", "created_at")[:1]),
        *said.order_by("created_at").values_list("created_at", flat=True)[:1],
    ]
    newest = Transition.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Outbox(
        waiting=due[:COUNTED].count() + said[:COUNTED].count(),
        held=Transition.objects.held(now)[:COUNTED].count(),
        oldest=min(since, default=None),
        written=newest or 0,
    )


def messages(now: datetime) -> Messages:
    unfinished = Delivery.objects.open().aggregate(
        waiting=Count("pk", filter=Q(status=Status.PENDING, next_attempt_at__lte=now)),
        oldest=Min("next_attempt_at", filter=Q(status=Status.PENDING, next_attempt_at__lte=now)),
        in_flight=Count("pk", filter=Q(status=Status.SENDING, next_attempt_at__gt=now)),
        retrying=Count("pk", filter=Q(status=Status.FAILED)),
    )
    dead = Delivery.objects.dead().filter(finished_at__gt=now - A_DAY)
    channels = Channel.objects.aggregate(
        switched_off=Count("pk", filter=Q(enabled=False, disabled_at__isnull=False)),
        switched_off_lately=Count("pk", filter=Q(enabled=False, disabled_at__gt=now - A_DAY)),
        failing=Count("pk", filter=Q(enabled=True) & FAILING),
        last_sent=Max("last_ok_at"),
    )
    newest = dead.order_by("-finished_at").values_list("answer", flat=True).first()
    return Messages(**unfinished, **channels, given_up=dead[:COUNTED].count(), reason=newest or "")


def jobs(now: datetime) -> Jobs:
    alive = Heartbeat.objects.filter(monitor__deleted_at=None, monitor__paused=False)
    lately = Ping.objects.filter(
        heartbeat__last_ping_at__gt=now - A_MINUTE,
        n__gt=F("heartbeat__pings") - PER_MINUTE,
        received_at__gt=now - A_MINUTE,
    )
    gaps = IngestGap.objects.filter(end__gt=now - A_DAY).aggregate(count=Count("pk"), newest=Max("end"))
    late = Heartbeat.objects.filter(look_at__lte=now - SETTLE).aggregate(count=Count("pk"), oldest=Min("look_at"))
    return Jobs(alive.count(), lately.count(), gaps["count"], gaps["newest"], Overdue(late["count"], late["oldest"]))
