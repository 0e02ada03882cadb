"""Regions: made, removed, heard of.

A region is offline when the results queue has flowed without a break for `REGION_OFFLINE_AFTER` seconds and nothing of
it was in there. Comparing times inside that queue, not wall clocks, keeps a backlog of ours from looking like a silence
of theirs.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Max, Min, Q
from django.utils import timezone

from monitors.domain.slots import Ms
from monitors.models import Monitor, Pulse, Region, RegionWorker
from monitors.probes.base import printable
from monitors.times import from_ms, to_ms
from uptime.lib.addresses import parse
from uptime.lib.crypto import new_key

RESULTS_PULSE = "results"
BREAK = timedelta(seconds=5)  # a longer pause between two beacons means that the results queue stood still
FORGET_WORKER_AFTER = timedelta(minutes=10)
SLUG_LENGTH = 32
MOST_CANARIES = 20  # of one worker that are kept
AT_ONCE = timedelta(seconds=2)  # signs closer together were not given so: one comes every five seconds
BELIEVED_MS = 1_000.0  # a way through the results queue that is longer may explain a clock that seems to be behind


class RegionInUseError(Exception):
    """Some monitors have no other region."""


def validate_slug(slug: str) -> None:
    """A region's slug names queues and users of the broker. Raises ValidationError."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise ValidationError("Use small letters, digits and single dashes.")
    if len(slug) > SLUG_LENGTH:
        raise ValidationError(f"Use at most {SLUG_LENGTH} characters.")


def add(slug: str, name: str, same_machine: bool, addresses: Sequence[str] = ()) -> Region:
    return Region.objects.create(
        slug=slug, name=name, key=new_key(), same_machine=same_machine, public_addresses=list(addresses)
    )


def edit(region: Region, name: str, addresses: Sequence[str]) -> None:
    """What people call it, and where its checks come from; none: what its workers say of themselves."""
    region.name, region.public_addresses = name, list(addresses)
    region.save(update_fields=["name", "public_addresses"])


def remove(region: Region) -> None:
    """Raises RegionInUseError while a monitor would be left without any region."""
    others = Region.objects.filter(enabled=True).exclude(pk=region.pk)
    alone = Monitor.objects.alive().filter(regions=region).exclude(regions__in=others)
    count = alone.count()
    if count:
        raise RegionInUseError(
            f"{count} monitors are checked from {region.name} only. Give them another region first."
            if count > 1
            else f"1 monitor is checked from {region.name} only. Give it another region first."
        )
    region.delete()


@dataclass(frozen=True, slots=True)
class Sign:
    """A worker's sign of life; times in UTC milliseconds by its own clock."""

    worker: str
    started_at: Ms
    in_flight: int
    lag_ms: float
    version: str
    sent_at: Ms  # later than it was given, where the broker was away
    canaries: tuple[dict[str, Any], ...] = ()
    addresses: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, facts: list[Any]) -> Self:
        """Raises ValueError for whatever is missing or of another kind."""
        match facts:
            case [
                str(worker),
                int(started_at),
                int(in_flight),
                int() | float() as lag,
                str(version),
                list(seen),
                list(own),
                int(at),
            ]:
                canaries = tuple(_canary(each) for each in seen[:MOST_CANARIES])
                known = tuple(parse(" ".join(map(str, own))))
                return cls(worker, started_at, in_flight, float(lag), version, at, canaries, known)
        raise ValueError("a sign of life does not have the facts it should")


def _canary(wire: Any) -> dict[str, Any]:
    match wire:
        case [str(url), bool(known_up), str(vote), int(wrong), str(detail)]:
            told = {"url": printable(url), "known_up": known_up, "vote": printable(vote, 6), "wrong": wrong}
            return told | {"detail": printable(detail)}
    raise ValueError("a canary does not have the facts it should")


def heard(region: Region, sign: Sign, issued_at: Ms) -> None:
    """Write a sign of life down. A sign from the future counts as from now."""
    now = timezone.now()
    before = RegionWorker.objects.filter(region=region, name=sign.worker[:100]).first()
    RegionWorker.objects.update_or_create(
        region=region,
        name=sign.worker[:100],
        defaults={
            "started_at": from_ms(sign.started_at),
            "heard_at": now,
            "in_band_at": min(from_ms(issued_at), now),
            "in_flight": sign.in_flight,
            "lag_ms": sign.lag_ms,
            "version": sign.version[:20],
            "clock_ms": _clock(sign, before, now),
            "canaries": list(sign.canaries),
            "addresses": list(sign.addresses),
        },
    )
    RegionWorker.objects.filter(region=region, heard_at__lt=now - FORGET_WORKER_AFTER).delete()


def _clock(sign: Sign, before: RegionWorker | None, now: datetime) -> float | None:
    """How far a worker's clock is ahead of ours, None while a slow queue could be taken for a clock that is behind.

    A message from the future proves a clock that is ahead. One that is behind is believed a second more with each
    sign, because a single message may have been held up on its way; several that come at once have been.
    """
    ahead = sign.sent_at - to_ms(now)
    if ahead > 0:
        return float(ahead)
    if not _results_flow(now):
        return None
    known = (before.clock_ms if before else None) or 0.0
    at_once = before is not None and now - before.heard_at < AT_ONCE
    return max(float(ahead), known if at_once else known - BELIEVED_MS)


def _results_flow(now: datetime) -> bool:
    """Whether our own messages come through the results queue at once."""
    pulse = Pulse.objects.filter(name=RESULTS_PULSE).first()
    if pulse is None or pulse.took_ms is None:
        return False
    return abs(now - pulse.at) <= BREAK and pulse.took_ms <= BELIEVED_MS


def centre_key() -> bytes:
    """The key of messages the centre sends to itself."""
    return hashlib.sha256(f"uptime centre {settings.SECRET_KEY}".encode()).digest()


def beacon(issued_at: datetime) -> bool:
    """Our own message came through the results queue: everything queued before it has been stored.

    Returns whether our clock was set back since the one before.
    """
    now = timezone.now()
    took_ms = max(0.0, (now - issued_at).total_seconds() * 1000)
    first = {"at": issued_at, "since": issued_at, "took_ms": took_ms}
    pulse, made = Pulse.objects.get_or_create(name=RESULTS_PULSE, defaults=first)
    set_back = pulse.at - now > BREAK  # our clock was ahead when that one came
    if made or (issued_at <= pulse.at and not set_back):
        return False
    since = now if set_back or issued_at - pulse.at > BREAK else pulse.since
    Pulse.objects.filter(name=RESULTS_PULSE).update(at=issued_at, since=since, took_ms=took_ms)
    return set_back


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the results queue tells of regions: who is offline, and up to when each one's results are all in."""

    offline: frozenset[int]
    settled: dict[int, datetime]  # region id: everything it sent before this moment is stored

    def settled_past(self, region: int, moment: datetime) -> bool:
        """Nothing more will come from `region` about times before `moment`."""
        return region in self.offline or (region in self.settled and self.settled[region] > moment)


def hearing() -> Hearing:
    """Judge every region by the results queue's own clock."""
    limit = timedelta(seconds=settings.REGION_OFFLINE_AFTER)
    pulse = Pulse.objects.filter(name=RESULTS_PULSE).first()
    offline, settled = set(), {}
    for pk, newest, oldest in _last_signs(pulse.at - limit if pulse else None):
        if pulse and pulse.at - max(newest or pulse.since, pulse.since) > limit:
            offline.add(pk)
        elif oldest:
            settled[pk] = oldest
    return Hearing(frozenset(offline), settled)


def _last_signs(alive_since: datetime | None):
    """(region id, newest sign, oldest sign among workers heard lately) of every region."""
    alive = Q(workers__in_band_at__gte=alive_since) if alive_since else Q()
    return Region.objects.values_list("pk").annotate(
        newest=Max("workers__in_band_at"), oldest=Min("workers__in_band_at", filter=alive)
    )


def as_file() -> dict[str, str]:
    """Slug and key of the regions whose worker the supervisor starts on this machine."""
    return dict(Region.objects.filter(same_machine=True, enabled=True).values_list("slug", "key"))
