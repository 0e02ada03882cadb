"""Closing what will never be complete: every slot gets a tick from every region, if only one that says "no data"."""

from datetime import datetime, timedelta

from monitors.domain.slots import Ms, next_slot
from monitors.models import Gap, State, Tick
from monitors.probes.reasons import Reason
from monitors.services.dispatch import nodata_tick
from monitors.services.judging import SETTLE_MS, Case, judge_cases, load_cases, lock_states
from monitors.services.record import Recorded
from monitors.services.regions import Hearing, hearing
from monitors.times import from_ms, to_ms

SWEEP = 200  # monitors looked at in one transaction
LOOK_AGAIN_MS = 2_000
LOOK_AGAIN_MOST_MS = 30_000
A_DAY = timedelta(days=1)


def sweep(now: datetime, most: int = SWEEP) -> tuple[Recorded, bool]:
    """Account for overdue slots of up to `most` monitors; also returns whether more are waiting.

    A missing vote becomes no data only once nothing about its time can still arrive: the region's own results are in
    past the watermark, or the region is offline. Until then a backlog of ours is waited for. Runs in a transaction.
    Monitors of which results are being stored at this moment are left for the next time.
    """
    overdue = State.objects.select_for_update(skip_locked=True, of=("self",)).filter(sweep_at__lte=now)
    ids = list(overdue.filter(monitor__deleted_at=None).order_by("sweep_at").values_list("pk", flat=True)[:most])
    if not ids:
        return Recorded(), False
    states, heard = lock_states(ids), hearing()
    _give_up_ancient(states, now)
    cases = load_cases(states)
    Tick.objects.bulk_create(
        [tick for case in cases for tick in _missing(case, heard, to_ms(now))], ignore_conflicts=True
    )
    changes = judge_cases(load_cases(states), to_ms(now))
    # A region that still owes results is looked at again soon, not in every pass.
    again = from_ms(to_ms(now) + _look_again_ms(heard, now))
    State.objects.filter(pk__any_of=frozenset(ids), sweep_at__lte=now).update(sweep_at=again)
    return Recorded(changes, {state.monitor.team_id for state in states}), len(ids) == most


def _look_again_ms(heard: Hearing, now: datetime) -> Ms:
    """As long as results are behind, within bounds: nothing can be given up before, and every look delays them more."""
    behind = to_ms(now) - to_ms(max(heard.settled.values(), default=now))
    return min(max(LOOK_AGAIN_MS, behind), LOOK_AGAIN_MOST_MS)


def _give_up_ancient(states: list[State], now: datetime) -> None:
    """Slots more than a day old can get no result any more, and their partition may be gone: one gap says so."""
    horizon = now - A_DAY
    for state in states:
        first = next_slot(state.pk, state.monitor.interval, to_ms(state.accounted_until))
        if from_ms(first) < horizon:
            Gap.objects.create(monitor=state.monitor, start=from_ms(first), end=horizon, reason=Reason.LOST)
            state.accounted_until = horizon
            state.judged_until = max(state.judged_until, horizon)
            state.monitor.extra_slots.filter(slot__lt=horizon).delete()


def _missing(case: Case, heard: Hearing, now: Ms) -> list[Tick]:
    ticks = []
    for slot in case.slots(to_ms(case.state.accounted_until), now):
        given_up = from_ms(case.monitor.watermark_ms(slot) + SETTLE_MS)
        if to_ms(given_up) > now:
            break
        for region in case.unheard(slot):
            reason = _reason(case.gaps, slot, region, heard)
            if reason == Reason.NOT_DISPATCHED or heard.settled_past(region, given_up):
                ticks.append(nodata_tick(case.monitor, region, from_ms(slot), reason))
    return ticks


def _reason(gaps: list[Gap], slot: Ms, region: int, heard: Hearing) -> Reason:
    if any(to_ms(gap.start) <= slot < to_ms(gap.end) for gap in gaps):
        return Reason.NOT_DISPATCHED
    return Reason.REGION_OFFLINE if region in heard.offline else Reason.LOST
