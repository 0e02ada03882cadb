"""What keeps going down and coming up: the rules of monitors.domain.flapping, stored in the state.

`turn` is part of every change of status, `settle` looks every few seconds for what is steady again.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from monitors.domain import flapping as rules
from monitors.domain.flapping import Course, Limits, Memory
from monitors.domain.verdict import Status
from monitors.models import Monitor, State
from monitors.times import from_ms, to_ms

TURNS = {Status.UP, Status.DOWN}
ENDINGS = {Status.PAUSED, Status.PENDING}  # after which all begins anew


class Settled(NamedTuple):
    """A monitor that flapped and is steady: what it is, and since when."""

    monitor: Monitor
    status: Status
    at: datetime
    detail: str  # what was seen of it last


def limits() -> Limits:
    return Limits(settings.FLAP_CHANGES, settings.FLAP_WINDOW * 1000, settings.FLAP_QUIET * 1000)


def turn(state: State, after: Status, at: datetime, silent: bool) -> Course:
    """Remember a change of status, which may begin flapping. The caller saves `state`."""
    if after in ENDINGS:
        _remember(state, Memory())
    if silent or after not in TURNS:
        return Course.STEADY
    memory, course = rules.turn(_recall(state), to_ms(at), after == Status.DOWN, limits())
    _remember(state, memory)
    return course


def settle(now: datetime) -> list[Settled]:
    """Those that have been steady for long enough are no longer flapping. Runs in a transaction.

    To have heard nothing is not to be steady, and neither is a time without data or in maintenance.
    """
    steady = State.objects.filter(since__lte=now - timedelta(milliseconds=limits().quiet_ms), streak=0, late=False)
    flapping = steady.filter(flapping_since__isnull=False, status__in=TURNS).order_by("monitor_id")
    found = []
    for state in flapping.select_for_update(skip_locked=True):
        monitor, memory = Monitor.objects.alive().filter(pk=state.pk).first(), _recall(state)
        if monitor is None:
            continue
        seen_until = state.last_decided if monitor.probed else now
        if rules.settled(memory, to_ms(seen_until), limits()):
            _remember(state, Memory())
            state.save(update_fields=["turns", "flapping_since"])
            found.append(Settled(monitor, Status(state.status), from_ms(memory.turns[-1]), state.last_detail))
    return found


def _recall(state: State) -> Memory:
    since = None if state.flapping_since is None else to_ms(state.flapping_since)
    return Memory(tuple(to_ms(each) for each in state.turns), since)


def _remember(state: State, memory: Memory) -> None:
    state.turns = [from_ms(each) for each in memory.turns]
    state.flapping_since = None if memory.since is None else from_ms(memory.since)
