"""Rolling up ticks into five minutes, these into hours, and hours into days (UTC).

What a monitor saw up to `State.accounted_until` is complete, so five minutes that end before it are summed up once.
After an edit or a pause outcomes may still be on their way to a time that counts as complete: such a tick takes its
monitor back to that time (`take_back`), and the same stretch is summed up again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Least

from monitors.models import Monitor, RolledUp, Status
from monitors.models.levels import DAY, DAYS, FIVE_MINUTES, FIVES, HOURS, TICKS, Floor, Window, floor, store
from monitors.services.dispatch import assigned_regions
from monitors.services.partitions import ensure_partitions

PIECE = 100_000  # ticks in one transaction: about a second, for which a late outcome may have to wait
MONITORS = 500  # in one transaction
IN_FLIGHT = timedelta(minutes=2)  # after which the checks that were under way have ended
A_SECOND = timedelta(seconds=1)  # by which slots are handed out ahead


def roll_up(now: datetime) -> bool:
    """Roll up a piece of what is complete by now, the oldest first; returns whether there is more.

    One transaction: a crash loses it whole, and what it has claimed is left alone by another process.
    """
    with transaction.atomic():
        begun = _begin()
        claimed = _claim(now)
        windows = _windows(claimed)
        if windows:
            _store(windows)
            RolledUp.objects.bulk_create(
                [RolledUp(monitor_id=window.monitor, until=window.end) for window in windows],
                update_conflicts=True,
                unique_fields=["monitor"],
                update_fields=["until"],
            )
    rest = [row for row, window in zip(claimed, windows, strict=False) if row.reach > window.end]
    return bool(rest) or len(windows) < len(claimed) or MONITORS in (begun, len(claimed))


def take_back(slots: Iterable[tuple[int, datetime]]) -> None:
    """Ticks of these (monitor id, slot) have come after their time may have been rolled up."""
    for monitor, slot in sorted(slots):
        RolledUp.objects.filter(monitor=monitor, until__gt=slot).update(until=floor(slot, FIVE_MINUTES))


def _begin() -> int:
    """Let new monitors take part, from when they were made; returns how many."""
    new = Monitor.objects.filter(rolled_up=None).values_list("pk", "created_at")[:MONITORS]
    begun = [RolledUp(monitor_id=pk, until=floor(created_at, FIVE_MINUTES)) for pk, created_at in new]
    RolledUp.objects.bulk_create(begun, ignore_conflicts=True)
    return len(begun)


def _claim(now: datetime) -> list[Any]:
    """The monitors with five minutes to roll up, those longest behind first, each with its `reach`.

    One that is paused or deleted is done once the day it stopped in is over: nothing more can come.
    """
    stopped = Floor(DAY, F("monitor__state__since") + A_SECOND) + DAY
    complete = Case(
        When(monitor__state__status=Status.PAUSED, then=Least(Value(now - IN_FLIGHT), stopped)),
        default=F("monitor__state__accounted_until"),
    )
    rows = RolledUp.objects.select_for_update(skip_locked=True, of=("self",)).annotate(
        reach=Floor(FIVE_MINUTES, complete), interval=F("monitor__interval")
    )
    return list(rows.filter(until__lt=F("reach")).order_by("until")[:MONITORS])


def _windows(claimed: Sequence[Any]) -> list[Window]:
    """What of them fits into a piece: the first ones, none of them further than the day the oldest is in."""
    if not claimed:
        return []
    midnight = floor(claimed[0].until, DAY) + DAY  # so that a piece reads and writes one partition
    assigned = assigned_regions(row.pk for row in claimed)
    room, windows = float(PIECE), []
    for row in claimed:
        if room <= 0 or row.until >= midnight:
            break
        ticks = FIVE_MINUTES.total_seconds() / row.interval * max(1, len(assigned[row.pk]))  # in five minutes
        end = min(row.reach, midnight, row.until + FIVE_MINUTES * max(1, int(room / ticks)))
        windows.append(Window(row.pk, row.until, end))
        room -= (end - row.until) / FIVE_MINUTES * ticks
    return windows


def _store(windows: Sequence[Window]) -> None:
    """Write the five minutes, and the hours and days that are whole by them."""
    ensure_partitions(windows[0].start.date(), ahead=0, tables=[FIVES.table])
    store(FIVES, TICKS, windows)
    for level, finer in ((HOURS, FIVES), (DAYS, HOURS)):
        spans = [Window(w.monitor, floor(w.start, level.width), floor(w.end, level.width)) for w in windows]
        whole = [span for span in spans if span.start < span.end]
        if whole:
            store(level, finer, whole)
