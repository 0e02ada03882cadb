"""The schedule history: asked for by judging, begun by dispatch, ended by edits. The rules are monitors.domain.pace."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q

from monitors.domain.pace import Grid, Pace, Wish
from monitors.domain.slots import Ms, next_slot
from monitors.models import Monitor, Schedule
from monitors.models import Pace as Row
from monitors.times import from_ms, to_ms

AT_ONCE = 500  # wishes taken up in one go; thousands come together an hour after a whole network went away


def since(monitor_ids: Collection[int], moment: datetime) -> dict[int, list[Row]]:
    """The paces of each monitor that hold after a moment, and those asked for, the oldest first."""
    found = defaultdict(list)
    rows = Row.objects.filter(monitor_id__any_of=frozenset(monitor_ids)).filter(Q(end=None) | Q(end__gt=moment))
    for row in rows.order_by("pk"):
        found[row.monitor_id].append(row)
    return found


def begun(rows: Sequence[Row]) -> tuple[Pace, ...]:
    """Those of some paces that have begun, for the rules."""
    return tuple(
        Pace(to_ms(row.start), _ms(row.end), row.every, _ms(row.not_before) or 0)
        for row in rows
        if row.start is not None
    )


def wish(rows: Sequence[Row], now: Ms) -> Wish:
    """What was asked for last, or holds."""
    asked = [row for row in rows if row.start is None]
    lasting = [row for row in rows if row.start is not None and (row.end is None or to_ms(row.end) > now)]
    for row in [*lasting, *asked][-1:]:
        not_before = _ms(row.not_before) or 0
        return Wish(row.every, not_before if not_before > now else 0)
    return Wish()


def asked(monitor: Monitor, wanted: Wish) -> Row:
    """The row that asks for a pace."""
    return Row(
        monitor=monitor, every=wanted.every, not_before=from_ms(wanted.not_before) if wanted.not_before else None
    )


def end(monitor: Monitor, now: datetime) -> None:
    """Every slot from now on, because it begins anew or not at all. Whoever calls has locked the schedule."""
    rows = Row.objects.filter(monitor=monitor)
    rows.filter(Q(start=None) | Q(start__gt=now)).delete()
    rows.filter(Q(end=None) | Q(end__gt=now)).update(end=now)


def take_up(now: Ms, horizon: Ms) -> list[tuple[int, datetime]]:
    """Let what was asked for begin, at the first slot that was not handed out; returns the new next slots.

    Slots up to `horizon` may have been handed out. A monitor whose schedule is locked waits for the next time. Runs in
    a transaction, in which the caller moves the schedules.
    """
    free = Row.objects.select_for_update(skip_locked=True, of=("self",)).filter(start=None)
    wishes = list(free.order_by("pk")[:AT_ONCE])
    if not wishes:
        return []
    newest = {row.monitor_id: row for row in wishes}
    locked = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk__in=newest)
    schedules = list(locked.select_related("monitor").only("next_slot_at", "monitor__interval"))
    history = since([each.pk for each in schedules], from_ms(now))
    later, changed = [], []
    for schedule in schedules:
        wanted = newest[schedule.pk]
        first = _first(schedule, horizon)
        if first is not None:
            changed += [row for row in history[schedule.pk] if row.start is not None and _ends(row, first)]
            if _begins(wanted, first):
                changed.append(wanted)
            grid = Grid(schedule.pk, schedule.monitor.interval, begun([wanted]))
            later.append((schedule.pk, from_ms(grid.next(first - 1))))
    Row.objects.bulk_update(changed, ["start", "end"])
    taken = {each.pk for each in schedules}
    Row.objects.filter(pk__in=[row.pk for row in wishes if row.monitor_id in taken and row not in changed]).delete()
    return later


def _first(schedule: Schedule, horizon: Ms) -> Ms | None:
    """The first slot of the whole grid that nobody was asked at; None for a monitor that has stopped."""
    if schedule.next_slot_at is None:
        return None
    planned = to_ms(schedule.next_slot_at)
    if planned <= horizon:
        return planned
    return min(planned, next_slot(schedule.pk, schedule.monitor.interval, horizon))


def _ends(row: Row, first: Ms) -> bool:
    """Let a pace end where the next one begins; False where it ends before."""
    if row.end is not None and to_ms(row.end) <= first:
        return False
    row.end = from_ms(first) if row.start is None else max(row.start, from_ms(first))
    return True


def _begins(row: Row, first: Ms) -> bool:
    """Let a pace begin; False where it leaves nothing out."""
    if row.every == 1 and (row.not_before is None or to_ms(row.not_before) <= first):
        return False
    row.start, row.end = from_ms(first), row.not_before if row.every == 1 else None
    return True


def _ms(moment: datetime | None) -> Ms | None:
    return None if moment is None else to_ms(moment)
