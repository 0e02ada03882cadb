"""From stored ticks to statuses: reads the open rounds of some monitors, judges them, writes what follows.

Runs with the state rows locked, after the new ticks are in the table and in READ COMMITTED: of two workers that store
votes of one round, the second one sees both. The rules are monitors.domain.verdict; here is only their storage.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitors.domain import pace
from monitors.domain import verdict as rules
from monitors.domain.change import Change
from monitors.domain.pace import Grid, Wish
from monitors.domain.slots import Ms
from monitors.domain.verdict import Status, Vote
from monitors.models import ExtraSlot, Gap, Monitor, Pace, Region, Round, Schedule, State
from monitors.services import paces
from monitors.services.changes import Shifts, StatusChange, in_maintenance, move
from monitors.services.dispatch import assigned_regions
from monitors.services.doubts import Doubt, doubts_since
from monitors.services.memory import recall, remember
from monitors.services.openticks import open_ticks
from monitors.times import from_ms, to_ms
from uptime.lib.sql import upsert

LONG_GAP = timedelta(minutes=10)  # a longer blindness is its Gap row alone; a shorter one is written slot by slot
CLOCK_AHEAD_MS = 2_000  # by which a region's clock may be ahead of ours
MOST_SLOTS = 700  # of one monitor looked at in one pass: ten minutes of every second, and some
JUDGED = [field.name for field in State._meta.concrete_fields if not field.primary_key]
SETTLE_MS = 1_000  # how long after the watermark the last outcomes may still be on their way


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored vote, as judging needs it."""

    region: int
    slot: Ms
    vote: Vote
    version: int
    response_ms: float | None
    reason: str
    detail: str
    started_at: datetime | None
    degraded: bool
    retry_after_s: int | None


@dataclass
class Case:
    """All there is to know of one monitor to judge it."""

    state: State
    monitor: Monitor
    regions: frozenset[int]
    seen: dict[Ms, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    rounds: dict[Ms, frozenset[int]] = field(default_factory=dict)  # eligible regions frozen at dispatch
    stand_ins: dict[Ms, frozenset[int]] = field(default_factory=dict)  # those of them that are not its own
    doubts: Sequence[Doubt] = ()
    extra: list[Ms] = field(default_factory=list)  # handed out
    planned: list[Ms] = field(default_factory=list)  # extra slots still to be handed out
    gaps: list[Gap] = field(default_factory=list)
    claimed_until: Ms = 0  # grid slots before this one have been handed out
    history: Sequence[Pace] = ()  # of its schedule, what was asked for included
    wish: Wish = field(default_factory=Wish)  # how often it is asked, or is to be

    @cached_property
    def grid(self) -> Grid:
        return Grid(self.monitor.pk, self.monitor.interval, paces.begun(self.history))

    @property
    def policy(self) -> rules.Policy:
        return self.monitor.policy(self.regions, self.grid if self.grid.paces else None)

    def next(self, after: Ms) -> Ms:
        """The first slot that may be due: by the pace that holds, and by the one that was asked for."""
        asked = pace.Pace(0, None, *self.wish)
        return min(self.grid.next(after), Grid(self.monitor.pk, self.monitor.interval, (asked,)).next(after))

    def slots(self, after: Ms, until: Ms) -> list[Ms]:
        """The due slots in (after, until] that were handed out or missed, without those inside a long gap."""
        end, start, every = min(until, self.claimed_until - 1), after, []
        for gap in self.gaps:
            if gap.end - gap.start > LONG_GAP:
                every += self._grid(start, min(end, to_ms(gap.start) - 1))
                start = max(start, to_ms(gap.end) - 1)
        every += self._grid(start, end)
        return sorted({*every, *(slot for slot in self.extra if slot > after)})[:MOST_SLOTS]

    def _grid(self, after: Ms, until: Ms) -> list[Ms]:
        return self.grid.due(after, until, MOST_SLOTS + 1) if after < until else []

    def votes(self, slot: Ms) -> dict[int, Vote]:
        """The votes of a slot; those of an older configuration or a region in doubt say nothing."""
        return {s.region: s.vote if self._counts(s) else Vote.NODATA for s in self.seen.get(slot, ())}

    def degraded(self, slot: Ms) -> list[bool]:
        """Of each region that may vote and saw it up: whether it was degraded."""
        may = self.rounds.get(slot, self.regions)
        up = [seen for seen in self.seen.get(slot, ()) if seen.vote == Vote.UP and seen.region in may]
        return [seen.degraded for seen in up if self._counts(seen)]

    def _counts(self, seen: Seen) -> bool:
        current = seen.version == self.monitor.config_version
        return current and not any(doubt.covers(seen.region, seen.slot) for doubt in self.doubts)

    def doubted(self, slot: Ms) -> dict[str, list[Any]]:
        """Region id to [kind of trouble, since], for what is said of a verdict."""
        regions = self.regions | self.stand_ins.get(slot, frozenset())
        return {
            str(d.region): [d.kind, d.since] for d in self.doubts if d.region in regions and d.covers(d.region, slot)
        }

    def unheard(self, slot: Ms) -> frozenset[int]:
        """The regions that owe a tick for a slot."""
        owing = self.regions | self.stand_ins.get(slot, frozenset())
        return owing - {seen.region for seen in self.seen.get(slot, ())}


def lock_states(monitor_ids: Collection[int]) -> list[State]:
    """Lock the states of living monitors, in id order, so that two workers never wait for each other.

    The monitors are read after the locks are there: a join would show them as they were before the wait for an edit.
    """
    states = list(
        State.objects.select_for_update().filter(monitor_id__any_of=frozenset(monitor_ids)).order_by("monitor_id")
    )
    monitors = Monitor.objects.alive().in_bulk([state.pk for state in states])
    alive = [state for state in states if state.pk in monitors]
    for state in alive:
        state.monitor = monitors[state.pk]
    return alive


def load_cases(states: Sequence[State]) -> list[Case]:
    """Everything judging needs to know, in one query per table."""
    ids = frozenset(state.pk for state in states)
    assigned = assigned_regions(ids)
    cases = {state.pk: Case(state, state.monitor, assigned[state.pk]) for state in states}
    since = min((state.accounted_until for state in states), default=timezone.now())
    ticks = open_ticks(
        {state.pk: to_ms(state.accounted_until) for state in states},
        "region_id",
        "slot",
        "vote",
        "config_version",
        "response_ms",
        "reason",
        "detail",
        "started_at",
        "degraded",
        "retry_after_s",
    )
    for pk, region, slot, vote, *facts in ticks:
        if slot > cases[pk].state.accounted_until:
            ms = to_ms(slot)
            cases[pk].seen[ms].append(Seen(region, ms, Vote(vote), *facts))
    _load_eligible(cases, since)
    doubts = doubts_since(since)
    for case in cases.values():
        case.doubts = doubts
    waiting = ExtraSlot.objects.filter(monitor_id__any_of=ids).values_list("monitor_id", "slot", "claimed_at")
    for pk, slot, claimed_at in waiting:
        (cases[pk].extra if claimed_at else cases[pk].planned).append(to_ms(slot))
    for pk, next_slot_at in Schedule.objects.filter(monitor_id__any_of=ids).values_list("monitor_id", "next_slot_at"):
        cases[pk].claimed_until = to_ms(next_slot_at) if next_slot_at else 0
    # Whatever begins or ends after this was read does so at a slot that has not been handed out, so it changes nothing.
    decided = min((state.last_decided for state in states), default=since)
    for pk, history in paces.since(ids, min(since, decided)).items():
        cases[pk].history = history
    for gap in Gap.objects.filter(monitor_id__any_of=ids, end__gt=since).order_by("start"):
        cases[gap.monitor_id].gaps.append(gap)
    return list(cases.values())


def _load_eligible(cases: Mapping[int, Case], since: datetime) -> None:
    """Who may vote in the rounds that not every assigned region takes part in; who has left will not vote any more."""
    found = Round.objects.filter(monitor_id__any_of=frozenset(cases), slot__gt=since)
    rows = list(found.values_list("monitor_id", "slot", "eligible", "stand_ins"))
    present = frozenset(Region.objects.values_list("pk", flat=True)) if any(row[3] for row in rows) else frozenset()
    for pk, slot, eligible, stand_ins in rows:
        case, others = cases[pk], present & frozenset(stand_ins)
        case.rounds[to_ms(slot)] = frozenset(eligible) & (case.regions | others)
        if others:
            case.stand_ins[to_ms(slot)] = others


@dataclass
class Findings:
    """What judging some monitors has brought to light, to be written in bulk."""

    rounds: list[Round] = field(default_factory=list)
    extra: list[ExtraSlot] = field(default_factory=list)
    paces: list[Pace] = field(default_factory=list)
    changes: list[StatusChange] = field(default_factory=list)
    shifts: Shifts = field(default_factory=Shifts)


def judge_cases(cases: Iterable[Case], now: Ms) -> list[StatusChange]:
    """Judge, write, and return the changes of status."""
    cases, findings = list(cases), Findings()
    for case in cases:
        if case.state.status != Status.PAUSED:
            _judge(case, now, findings)
    upsert(findings.rounds, ["monitor", "slot"], ["votes", "need", "verdict", "partial", "closed_at"])
    ExtraSlot.objects.bulk_create(findings.extra, ignore_conflicts=True)
    Pace.objects.bulk_create(findings.paces)
    findings.shifts.write()
    upsert([case.state for case in cases], ["monitor"], JUDGED)
    _drop_closed_extra_slots(cases)
    return findings.changes


def _judge(case: Case, now: Ms, findings: Findings) -> None:
    state = case.state
    memory, case.wish = recall(state), paces.wish(case.history, now)
    # A region's clock may run ahead of ours by a little: a vote that is here is due. By more it is not believed.
    until = max([now, *(slot for slot in case.seen if slot <= now + CLOCK_AHEAD_MS)])
    rounds = [
        rules.Round(slot, case.votes(slot), case.rounds.get(slot), muted=in_maintenance(state, from_ms(slot)))
        for slot in case.slots(memory.judged_until, until)
    ]
    planned = min([case.grid.next(now), *case.planned, *(slot for slot in case.extra if slot > now)])
    found = rules.judge(memory, case.policy, rounds, until, planned)
    for transition in found.transitions:
        findings.changes += _moves(case, transition, findings.shifts)
    remember(state, found.state)
    if state.status != Status.MAINTENANCE:
        state.status = rules.status(found.state)
    _show(case, found.closed)
    _slow_down(case, found, findings)
    if found.recheck is not None:
        slot = from_ms(found.recheck)
        findings.extra.append(ExtraSlot(monitor=case.monitor, slot=slot, cause=ExtraSlot.Cause.RECHECK))
    findings.rounds += _account(case, until, found.recheck)


def _slow_down(case: Case, found: rules.Judgement, findings: Findings) -> None:
    """Ask for another pace where it has been down for long or asks us to stay away, and for every slot otherwise."""
    before, state, slot = case.wish, found.state, found.state.judged_until
    answers = case.seen.get(slot, ()) if found.closed else ()
    away = max((seen.retry_after_s or 0 for seen in answers if seen.vote == Vote.DOWN), default=0)
    since = to_ms(case.state.since) if settings.BACK_OFF else slot
    case.wish = pace.wish(before, state.plainly_down, slot, since, away, case.monitor.interval)
    if case.wish != before:
        findings.paces.append(paces.asked(case.monitor, case.wish))


def _moves(case: Case, transition: rules.Transition, shifts: Shifts) -> list[StatusChange]:
    """In maintenance the status stays what it is; what turns out to have happened before or after it is written."""
    state, at = case.state, from_ms(transition.at)
    start, end = state.maintenance_from, state.maintenance_until
    if state.status != Status.MAINTENANCE or start is None or end is None:
        return [_move(case, transition, shifts)]
    if at >= end:
        move(case.monitor, state, transition.before, end, shifts=shifts)
        return [_move(case, transition, shifts)]
    if at < start and transition.kind not in {Change.NODATA, Change.MEASURED}:
        change = _move(case, transition, shifts)
        move(case.monitor, state, Status.MAINTENANCE, start, shifts=shifts)
        return [change]
    return []


def _move(case: Case, transition: rules.Transition, shifts: Shifts) -> StatusChange:
    why = {**transition.why, "reasons": _reasons(case, transition)}
    if doubted := case.doubted(why.get("slot", transition.at)):
        why["doubted"] = doubted
    return move(
        case.monitor,
        case.state,
        transition.after,
        from_ms(transition.at),
        from_ms(transition.decided_at),
        shifts,
        silent=transition.kind not in {Change.DOWN, Change.UP},
        why=why,
    )


def _reasons(case: Case, transition: rules.Transition) -> dict[str, list[str]]:
    """Region id to [reason, detail] of the round that brought the change about."""
    slot = transition.why.get("slot", transition.at)
    return {str(seen.region): [seen.reason, seen.detail] for seen in case.seen.get(slot, ()) if seen.reason}


def _show(case: Case, closed: Sequence[rules.ClosedRound]) -> None:
    """Refresh what lists show: the small bars, and the newest outcome."""
    state = case.state
    if closed:
        bars = [_bar(case, each) for each in closed]
        state.recent = [*state.recent, *bars][-State.RECENT :]
    # No-data ticks of our own making say nothing about the target; those a region explains are worth showing.
    telling = [seen for some in case.seen.values() for seen in some if seen.vote != Vote.NODATA or seen.detail]
    if not telling:
        return
    newest = max(telling, key=lambda seen: (seen.slot, seen.vote == Vote.DOWN))
    if state.last_slot is None or from_ms(newest.slot) >= state.last_slot:
        state.last_slot = from_ms(newest.slot)
        state.last_checked_at = newest.started_at
        state.last_vote, state.last_reason, state.last_detail = newest.vote, newest.reason, newest.detail
        state.last_response_ms = newest.response_ms


def _bar(case: Case, closed: rules.ClosedRound) -> int:
    if closed.decision.verdict != Vote.UP:
        return -1 if closed.decision.verdict == Vote.DOWN else -2
    return bar([seen.response_ms for seen in case.seen.get(closed.slot, ())])


def bar(response_times: Iterable[float | None]) -> int:
    """The height of a good round's bar: the mean of the times it took."""
    times = [each for each in response_times if each is not None]
    return min(32_000, round(sum(times) / len(times))) if times else 0


def _account(case: Case, until: Ms, recheck: Ms | None) -> list[Round]:
    """Advance past every slot with a tick from all regions; set when the sweep must look at the first one without.

    Returns the rows of rounds that were not plainly up everywhere. They are written here and not when the verdict
    fell, because a vote that came after the quorum still tells of a region that sees it down.
    """
    state, rows = case.state, []
    accounted, overdue = to_ms(state.accounted_until), None
    slots = case.slots(accounted, until)
    for slot in slots:
        if slot > to_ms(state.judged_until) or case.unheard(slot):
            overdue = slot
            break
        accounted = slot
        row = _round(case, slot, until)
        state.partial = row.partial
        state.degraded = rules.degraded(state.degraded, Vote(row.verdict), case.degraded(slot))
        if slot in case.rounds or list(row.votes.values()) != [Vote.UP] * len(case.regions):
            rows.append(row)
    state.accounted_until = from_ms(accounted)
    if overdue is None:
        grid_slot = case.next(accounted if len(slots) == MOST_SLOTS else until)
        overdue = min([grid_slot, *case.planned, *([recheck] if recheck is not None else [])])
    state.sweep_at = from_ms(case.monitor.watermark_ms(overdue) + SETTLE_MS)
    return rows


def _round(case: Case, slot: Ms, now: Ms) -> Round:
    eligible = case.rounds.get(slot, case.regions)
    votes = {region: vote for region, vote in case.votes(slot).items() if region in eligible}
    decision = rules.decide(votes, eligible, case.policy)
    return Round(
        monitor_id=case.monitor.pk,
        slot=from_ms(slot),
        eligible=sorted(eligible),
        stand_ins=sorted(case.stand_ins.get(slot, ())),
        votes={str(region): vote for region, vote in sorted(votes.items())},
        need=decision.need,
        config_version=case.monitor.config_version,
        verdict=decision.verdict,
        partial=decision.partial,
        closed_at=from_ms(now),
    )


def _drop_closed_extra_slots(cases: Iterable[Case]) -> None:
    done = [
        (case.monitor.pk, from_ms(slot))
        for case in cases
        for slot in case.extra
        if slot <= to_ms(case.state.accounted_until)
    ]
    for monitor_id, slot in done:
        ExtraSlot.objects.filter(monitor_id=monitor_id, slot=slot).delete()
