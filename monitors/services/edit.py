"""What people do to monitors: make, change, pause, resume, delete, restore, check now.

Each verb runs inside the caller's transaction, takes effect from the next slot on, and returns what changed for others
to write down. Locks are taken in one order everywhere: heartbeat, schedule, state.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from monitors.domain.slots import default_timeout, next_slot
from monitors.domain.verdict import Status
from monitors.models import (
    DayRollup,
    ExtraSlot,
    HourRollup,
    Monitor,
    Region,
    Round,
    Schedule,
    State,
    StatusInterval,
)
from monitors.services import expiries, groups, heartbeats, paces
from monitors.services.changes import StatusChange, move
from monitors.targets import domain_of
from monitors.times import from_ms, now_ms, to_ms

# What else is to be done for a monitor that is judged, by its kind.
LIVES: Mapping[str, Any] = {"heartbeat": heartbeats, "group": groups}
# Edits to these change what is probed or how it is judged: outcomes of the older configuration no longer count.
JUDGED = {
    "kind", "target", "interval", "timeout_ms", "options", "secrets", "regions", "quorum", "at_least",
    "confirm", "recover", "confirmation_period", "recovery_period",
}  # fmt: skip


def create(team, user, fields: dict) -> Monitor:
    """A new monitor, checked at once unless it starts paused. `fields`: attributes of Monitor, and `regions`."""
    fields = dict(fields)
    regions = fields.pop("regions", None)
    fields.setdefault("timeout_ms", default_timeout(fields["interval"]))
    fields["domain"] = domain_of(fields.get("kind", "http"), fields.get("target", ""))
    monitor = Monitor.objects.create(team=team, created_by=user, **_stored(fields))
    _assign(monitor, regions)
    now = _now()
    status = Status.PAUSED if monitor.paused else Status.PENDING
    Schedule.objects.create(monitor=monitor)
    State.objects.create(
        monitor=monitor, status=status, since=now, judged_until=now, accounted_until=now, last_decided=now
    )
    StatusInterval.objects.create(monitor=monitor, status=status, start=now)
    if not monitor.probed:
        LIVES[monitor.kind].make(monitor, now)
    if not monitor.paused:
        _start(monitor, now)
    return monitor


def change(monitor: Monitor, fields: dict) -> bool:
    """Apply `fields`; only edits that change probing or judging start a new configuration. Returns whether one did."""
    fields = dict(fields)
    regions = fields.pop("regions", None)
    schedule, state = _lock(monitor)
    if monitor.deleted_at:
        return False
    if "target" in fields:
        fields["domain"] = domain_of(monitor.kind, fields["target"])
    silence_ms = monitor.policy(()).silence_ms
    differing = {name: value for name, value in _stored(fields).items() if getattr(monitor, name) != value}
    new_regions = regions is not None and {r.pk for r in regions} != {r.pk for r in monitor.regions.all()}
    for name, value in differing.items():
        setattr(monitor, name, value)
    if new_regions:
        monitor.regions.set(regions)
    judged = new_regions or bool(JUDGED & set(differing))
    if judged:
        monitor.config_version += 1
    monitor.save(update_fields=[*differing, "config_version", "updated_at"])
    if judged:
        expiries.forget(monitor.pk)
        state.expires_at = None
    if judged and not monitor.paused:
        if to_ms(_now()) - to_ms(state.last_decided) <= silence_ms:
            state.last_decided = _now()  # measured by the old interval, so the new one must not call it silent
        _restart_judging(state, _now())
        _start(monitor, _now(), schedule)
    return judged


def pause(monitor: Monitor) -> StatusChange | None:
    """Stop checking. None when it was paused already."""
    _, state = _lock(monitor)
    if monitor.paused:
        return None
    Monitor.objects.filter(pk=monitor.pk).update(paused=True, updated_at=_now())
    monitor.paused = True
    return _stop(monitor, state, Status.PAUSED)


def resume(monitor: Monitor) -> StatusChange | None:
    """Check again, from a fresh start. None when it was not paused."""
    schedule, state = _lock(monitor)
    if not monitor.paused or monitor.deleted_at:
        return None
    Monitor.objects.filter(pk=monitor.pk).update(paused=False, updated_at=_now())
    monitor.paused = False
    return _begin_again(monitor, schedule, state)


def delete(monitor: Monitor) -> StatusChange | None:
    """Hide it everywhere and stop checking; `restore` brings it back until it is purged. None when already deleted."""
    _, state = _lock(monitor)
    if monitor.deleted_at:
        return None
    monitor.deleted_at = _now()
    Monitor.objects.filter(pk=monitor.pk).update(deleted_at=monitor.deleted_at)
    return _stop(monitor, state, Status.PAUSED)


def restore(monitor: Monitor) -> StatusChange | None:
    """Undo a deletion. None when it was not deleted."""
    schedule, state = _lock(monitor)
    if not monitor.deleted_at:
        return None
    Monitor.objects.filter(pk=monitor.pk).update(deleted_at=None)
    monitor.deleted_at = None
    if not monitor.regions.exists():  # its last one was removed meanwhile
        _assign(monitor)
    return None if monitor.paused else _begin_again(monitor, schedule, state)


def check_now(monitor: Monitor) -> bool:
    """Put an extra slot in front of everything. False when it is paused, never checked, or one is already waiting."""
    if monitor.paused or not monitor.probed or monitor.extra_slots.filter(claimed_at=None).exists():
        return False
    now = _now()
    _extra_slot(monitor, now, ExtraSlot.Cause.MANUAL)
    due = from_ms(monitor.watermark_ms(to_ms(now)))
    State.objects.filter(pk=monitor.pk, sweep_at__gt=due).update(sweep_at=due)
    return True


def purge(before: datetime, most: int = 20) -> int:
    """Remove for good what was deleted before `before`, at most `most` monitors; returns how many went."""
    ids = list(Monitor.objects.filter(deleted_at__lt=before).values_list("pk", flat=True)[:most])
    for pk in ids:
        with transaction.atomic():
            monitor = Monitor.objects.select_for_update().filter(pk=pk, deleted_at__lt=before).first()
            if monitor:  # nobody brought it back meanwhile
                for model in (Round, HourRollup, DayRollup):
                    model.objects.filter(monitor=monitor).delete()
                monitor.delete()  # its ticks and five-minute roll-ups leave with their partitions
    return len(ids)


def _now() -> datetime:
    """Now, to the millisecond that rules and messages know."""
    return from_ms(now_ms())


def _stored(fields: dict) -> dict:
    """Empty secrets are stored as nothing at all, which costs no decryption."""
    return {**fields, "secrets": fields["secrets"] or None} if "secrets" in fields else fields


def _assign(monitor: Monitor, regions: Iterable[Region] | None = None) -> None:
    """Where it is checked from: everywhere, unless somebody chose; what is judged has no regions."""
    if monitor.probed:
        monitor.regions.set(regions or Region.objects.filter(enabled=True))


def _lock(monitor: Monitor) -> tuple[Schedule, State]:
    if not monitor.probed:
        LIVES[monitor.kind].lock(monitor)
    schedule = Schedule.objects.select_for_update().get(pk=monitor.pk)
    state = State.objects.select_for_update().get(pk=monitor.pk)
    monitor.refresh_from_db()
    return schedule, state


def _start(monitor: Monitor, now: datetime, schedule: Schedule | None = None) -> None:
    """Put the monitor on its grid from now on, and check it at once; what is judged has a beginning of its own."""
    if not monitor.probed:
        LIVES[monitor.kind].expect_anew(monitor, now)
        return
    paces.end(monitor, now)
    first = from_ms(next_slot(monitor.pk, monitor.interval, to_ms(now)))
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=first)
    State.objects.filter(pk=monitor.pk).update(sweep_at=now)
    if schedule:
        schedule.next_slot_at = first
    _extra_slot(monitor, now, ExtraSlot.Cause.FIRST)


def _extra_slot(monitor: Monitor, at: datetime, cause: ExtraSlot.Cause) -> None:
    slot = from_ms(to_ms(at) + 1)  # after everything judged so far
    ExtraSlot.objects.bulk_create([ExtraSlot(monitor=monitor, slot=slot, cause=cause)], ignore_conflicts=True)


def _stop(monitor: Monitor, state: State, status: Status) -> StatusChange | None:
    if not monitor.probed:
        LIVES[monitor.kind].stop(monitor)
    paces.end(monitor, _now())
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=None)
    monitor.extra_slots.all().delete()
    changed = None if state.status == status else move(monitor, state, status, _now())
    _forget(state)
    state.sweep_at = None
    state.save()
    return changed


def _begin_again(monitor: Monitor, schedule: Schedule, state: State) -> StatusChange | None:
    now = _now()
    changed = move(monitor, state, Status.PENDING, now)
    state.verdict, state.last_decided = Status.PENDING, now
    _forget(state)
    _restart_judging(state, now)
    _start(monitor, now, schedule)
    return changed


def _restart_judging(state: State, now: datetime) -> None:
    """Slots up to now belong to the past; the streak counted so far is forgotten, the verdict is kept."""
    state.streak, state.streak_first = 0, None
    state.judged_until = state.accounted_until = now
    state.save()


def _forget(state: State) -> None:
    state.streak = state.undecided = 0
    state.streak_first = state.undecided_first = state.nodata_since = None
    state.partial = state.degraded = state.late = False
