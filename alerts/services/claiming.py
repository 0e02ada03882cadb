"""Which deliveries are sent now: claimed with a lease, a few for each channel, so that none is in the way of another.

What a channel's pace has no room for is told in one digest instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Window
from django.db.models.functions import Coalesce, RowNumber

from alerts.channels.base import Event
from alerts.domain.tries import HOUR, MINUTE, Pace, Room, room
from alerts.models import Channel, Delivery, DeliveryQuerySet, Status

LEASE = timedelta(seconds=60)  # an attempt takes ten seconds at most; after a crash it is claimed once more
AT_ONCE = 4  # messages through one channel at the same time
APART = (Event.DIGEST, Event.TEST, Event.CHANNEL)  # they count towards no pace and go into no digest


@dataclass
class Turn:
    """What one channel may send now. `failing`: its last message did not get through, and the next may hang too."""

    single: int
    at_once: int
    failing: bool = False


@dataclass
class Turns:
    """What may be sent now: by channel, and through all those together that are failing."""

    channels: dict[int | None, Turn]
    failing: int

    def take(self, channel: int | None, apart: bool) -> bool:
        """Whether one more message of this channel may go; it is counted then."""
        turn = self.channels.get(channel)
        if turn is None or turn.at_once <= 0 or (turn.single <= 0 and not apart):
            return False
        if turn.failing and self.failing <= 0:
            return False
        turn.at_once -= 1
        turn.single -= not apart
        self.failing -= turn.failing
        return True


@transaction.atomic
def claim(now: datetime, most: int, failing: int = AT_ONCE) -> list[int]:
    """Up to `most` deliveries that are this caller's until `now` + LEASE, the longest due first.

    Through channels that are failing at most `failing` messages are under way together: were a provider of many
    channels to hang, it would else take every thread there is."""
    turns = _turns(now, failing)
    if not turns.channels:
        return []
    chosen = _chosen(now, turns, most)
    locked = Delivery.objects.due(now).filter(pk__in=chosen).select_for_update(skip_locked=True)
    ids = list(locked.values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(
        status=Status.SENDING,
        attempts=F("attempts") + 1,
        next_attempt_at=now + LEASE,
        tried_at=Coalesce("tried_at", now),
    )
    return [pk for pk in chosen if pk in set(ids)]


def _due(now: datetime):
    """Due, and nothing about the same incident waits before it on the same channel: up never overtakes down."""
    others = Delivery.objects.filter(incident=OuterRef("incident"), channel=OuterRef("channel"), pk__lt=OuterRef("pk"))
    # Not `open()`: for that there is an index, which mostly holds next to nothing. When thousands have just come, it
    # would still be believed to, and be read from end to end for each of them.
    return Delivery.objects.due(now).filter(~Exists(others.exclude(status__in=DeliveryQuerySet.OVER)))


def _turns(now: datetime, failing: int) -> Turns:
    """For each channel that has anything due. What its pace has no room for has become a digest afterwards."""
    due = dict(_due(now).order_by().values_list("channel").annotate(count=Count("pk")))
    if not due:
        return Turns({}, failing)
    busy = _busy(now)
    channels = Channel.objects.in_bulk([pk for pk in {*due, *busy} if pk])
    lately = _lately(now, [pk for pk in due if pk])
    failing -= sum(count for pk, count in busy.items() if pk and channels[pk].failing)
    turns = {pk: _turn(channels.get(pk or 0), count, busy.get(pk, 0), lately, now) for pk, count in due.items()}
    return Turns(turns, failing)


def _turn(
    channel: Channel | None, count: int, under_way: int, lately: dict[int, tuple[int, int]], now: datetime
) -> Turn:
    """`count`: of messages due. Those whose channel is gone are only to be ended."""
    if channel is None:
        return Turn(AT_ONCE, AT_ONCE)
    minute, hour = lately.get(channel.pk, (0, 0))
    pace = Pace(minute + under_way, hour + under_way, channel.digest_at)
    allowed = room(pace, channel.per_minute, channel.per_hour, now)
    if count > allowed.single:
        _fold(channel, allowed, now)
    return Turn(allowed.single, max(0, AT_ONCE - under_way), channel.failing)


def _busy(now: datetime) -> dict[int | None, int]:
    """How many are under way, by channel."""
    found = Delivery.objects.filter(status=Status.SENDING, next_attempt_at__gt=now)
    return dict(found.order_by().values_list("channel").annotate(count=Count("pk")))


def _lately(now: datetime, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """How many went through in the last minute and hour."""
    found = Delivery.objects.filter(channel__in=ids, status=Status.SENT, finished_at__gt=now - HOUR)
    found = found.exclude(event__in=APART).order_by()
    counted = found.values("channel").annotate(
        minute=Count("pk", filter=Q(finished_at__gt=now - MINUTE)), hour=Count("pk")
    )
    return {row["channel"]: (row["minute"], row["hour"]) for row in counted}


def _fold(channel: Channel, allowed: Room, now: datetime) -> None:
    """Put what there is no room for into one digest, unless there was one just now."""
    if not allowed.digest:
        return
    fresh = _due(now).filter(channel=channel, attempts=0).exclude(event__in=APART).order_by("next_attempt_at", "pk")
    rest = list(fresh.values_list("pk", flat=True)[allowed.single :])
    if len(rest) < 2:
        return  # the one waits until there is room
    digest = Delivery.objects.create(
        team_id=channel.team_id,
        channel=channel,
        channel_name=channel.name,
        channel_kind=channel.kind,
        event=Event.DIGEST,
        key=f"digest:{channel.pk}:{now.timestamp():.3f}",
        why=f"More than {channel.per_minute} a minute, or {channel.per_hour} an hour, come together",
        due_at=now,
        next_attempt_at=now,
    )
    Delivery.objects.filter(pk__in=rest, status=Status.PENDING).update(
        status=Status.DIGESTED, digest=digest, finished_at=now, answer="Told in a digest with others."
    )
    Channel.objects.filter(pk=channel.pk).update(digest_at=now)


def _chosen(now: datetime, turns: Turns, most: int) -> list[int]:
    """The longest due of each channel, and what is apart: a digest must not wait behind those there is no room for."""
    ranked = _due(now).annotate(
        rank=Window(RowNumber(), partition_by=[F("channel")], order_by=[F("next_attempt_at"), F("pk")])
    )
    found = ranked.filter(Q(rank__lte=AT_ONCE) | Q(event__in=APART)).order_by("next_attempt_at", "pk")
    rows = found.values_list("pk", "channel", "event")
    chosen: list[int] = []
    for pk, channel, event in rows:
        if turns.take(channel, event in APART):
            chosen.append(pk)
        if len(chosen) == most:
            break
    return chosen
