"""A monitor's time of maintenance: it is looked at as ever, nothing follows from it, and afterwards all begins anew.

When that is, is told by whoever plans it (incidents): somewhat ahead of time, so that a slot is judged by its own time
and not by when we came to it. Locks are taken in the order of services/edit.py: the heartbeat, then the state.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from monitors.domain.verdict import Status
from monitors.models import Heartbeat, Monitor, State
from monitors.services import heartbeats
from monitors.services.changes import StatusChange, move


class Window(NamedTuple):
    """From when to when, the end left out."""

    start: datetime
    end: datetime


def arrange(windows: Mapping[int, Window], now: datetime) -> list[StatusChange]:
    """Let these monitors, and no others, be in maintenance at these times. Runs in a transaction.

    `windows`: monitor to the time that is under way, or about to begin. Returns the changes of status, all silent.
    """
    known = State.objects.filter(Q(maintenance_until__gt=now) | Q(status=Status.MAINTENANCE))
    before = {
        pk: Window(start, end)
        for pk, start, end in known.values_list("pk", "maintenance_from", "maintenance_until")
        if start and end
    }
    differing = {pk for pk in before.keys() | windows.keys() if before.get(pk) != windows.get(pk)}
    under_way = State.objects.filter(pk__in=[pk for pk, each in windows.items() if each.start <= now < each.end])
    entering = under_way.exclude(status__in=[Status.MAINTENANCE, Status.PAUSED]).values_list("pk", flat=True)
    changes = [_settle(state, windows.get(state.pk), now) for state in _lock(differing | set(entering))]
    return [change for change in changes if change]


def _lock(ids: Collection[int]) -> list[State]:
    """States of living monitors, in id order."""
    if not ids:
        return []
    list(Heartbeat.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    states = list(State.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    monitors = Monitor.objects.alive().in_bulk([state.pk for state in states])
    alive = [state for state in states if state.pk in monitors]
    for state in alive:
        state.monitor = monitors[state.pk]
    return alive


def _settle(state: State, window: Window | None, now: datetime) -> StatusChange | None:
    """Bring a locked state to what is planned."""
    if window and window.start <= now:
        state.maintenance_from, state.maintenance_until = window
        return _enter(state, window.start)
    if state.status == Status.MAINTENANCE:
        return _leave(state, min(now, state.maintenance_until or now), window)
    if window:
        state.maintenance_from, state.maintenance_until = window
    elif state.maintenance_until and state.maintenance_until > now:
        state.maintenance_until = now  # ended early
    state.save()
    return None


def _enter(state: State, start: datetime) -> StatusChange | None:
    """A streak that leads into maintenance is forgotten; a heartbeat is not waited for."""
    change = None
    if state.status not in {Status.MAINTENANCE, Status.PAUSED}:
        if not state.monitor.probed:
            heartbeats.stop(state.monitor)
        state.streak, state.streak_first, state.late = 0, None, False
        change = move(state.monitor, state, Status.MAINTENANCE, max(start, state.since), silent=True)
    state.save()
    return change


def _leave(state: State, end: datetime, following: Window | None) -> StatusChange:
    """Back to the verdict there was; what is not measured, or expected, counts from now on."""
    monitor, end = state.monitor, max(end, state.since)
    state.nodata_since, state.last_decided = None, max(state.last_decided, end)
    state.maintenance_from, state.maintenance_until = following or (state.maintenance_from, end)
    change = move(monitor, state, Status(state.verdict), end, silent=True)
    state.save()
    if not monitor.probed:
        heartbeats.expect_anew(monitor, end)
    return change
