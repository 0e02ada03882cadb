"""Our own clock was wrong, and has been set back: what was stamped with a time that has not come is put right.

Otherwise dispatch would wait until the schedule is reached again, results of the repeated time would count as known
already, and nothing would be judged or accounted for meanwhile.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Model, Q

from monitors.domain.pace import LONGEST_MS
from monitors.domain.slots import next_slot
from monitors.models import (
    Bucket,
    Evidence,
    ExtraSlot,
    Gap,
    Pace,
    RegionTrouble,
    RegionWorker,
    Round,
    Schedule,
    State,
    StatusInterval,
    Tick,
)
from monitors.services.dispatch import AHEAD_MS, advance
from monitors.times import from_ms, to_ms

A_SECOND = timedelta(seconds=1)
NEAR = timedelta(seconds=5)  # slots are handed out, and second looks planned, a little ahead
STAMPS: dict[type[Model], tuple[str, ...]] = {
    RegionWorker: ("heard_at", "in_band_at"),
    RegionTrouble: ("end",),
    State: (
        "since", "judged_until", "accounted_until", "last_decided", "streak_first", "undecided_first", "nodata_since",
        "sweep_at", "last_slot", "last_checked_at",
    ),
}  # fmt: skip


def set_back(now: datetime) -> None:
    """Pull everything that lies ahead of `now` back to it; ticks and rounds from there are dropped."""
    with transaction.atomic():  # locks in the order that all take: schedule, then state
        _pull_schedule_back(now)
        for model, names in STAMPS.items():
            for name in names:
                model._default_manager.filter(**{f"{name}__gt": now}).update(**{name: now})
        for model in (Tick, Evidence, Round, ExtraSlot):
            model.objects.filter(slot__gt=now + NEAR).delete()
        longest = timedelta(milliseconds=LONGEST_MS)
        Pace.objects.filter(Q(start__gt=now + NEAR) | Q(not_before__gt=now + longest)).delete()
        Bucket.objects.filter(free_at__gt=now + NEAR).delete()
        _shorten(now, Gap)
        _shorten(now, StatusInterval)


def _pull_schedule_back(now: datetime) -> None:
    reach = now + timedelta(milliseconds=AHEAD_MS) + F("monitor__interval") * A_SECOND
    rows = Schedule.objects.select_for_update(of=("self",)).filter(next_slot_at__gt=reach).order_by("pk")
    later = rows.values_list("pk", "monitor__interval")
    advance([(pk, from_ms(next_slot(pk, interval, to_ms(now)))) for pk, interval in later])


def _shorten(now: datetime, model: type[Gap] | type[StatusInterval]) -> None:
    model.objects.filter(start__gte=now, end__gt=now).delete()
    model.objects.filter(end__gt=now).update(end=now)
    model.objects.filter(end__isnull=True, start__gt=now).update(start=now)
