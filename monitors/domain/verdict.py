"""From votes to verdicts: what a round says, and what its monitor therefore is.

A round is one slot of one monitor with one vote per region. `decide` says what the votes of one round mean, `judge`
closes rounds strictly in slot order and moves the monitor's state. Both are pure: the same votes give the same verdicts
in whatever order they arrived and however the work was cut into calls. Times are UTC milliseconds (`Ms`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from monitors.domain.change import Change
from monitors.domain.pace import Grid
from monitors.domain.slots import Ms, lateness, watermark

FORGET_AFTER = 3  # undecided rounds in a row after which a streak no longer counts
SILENCE_MS = 5 * 60_000  # without a decided round for this long (or three intervals), a monitor is not measured
RECHECK_AFTER_MS = 2_000  # a first contrary round is checked again this soon ...
RECHECK_ROOM_MS = 5_000  # ... unless a slot comes within this time anyway


class Vote(StrEnum):
    """What one region saw in one slot; also what a round says. NODATA is our failure to see, never theirs."""

    UP = "up"
    DOWN = "down"
    NODATA = "nodata"


class Quorum(StrEnum):
    """How many of the eligible regions must vote DOWN."""

    MAJORITY = "majority"
    ANY = "any"
    ALL = "all"
    AT_LEAST = "at_least"


class Status(StrEnum):
    """What a monitor is shown as. This module gives all but MAINTENANCE and PAUSED, which people decide."""

    PENDING = "pending"
    UP = "up"
    DOWN = "down"
    VALIDATING = "validating"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"
    NODATA = "nodata"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the votes of a monitor are judged."""

    regions: frozenset[int]  # every assigned region
    quorum: Quorum = Quorum.MAJORITY
    at_least: int = 2  # only for Quorum.AT_LEAST
    confirm: int = 2  # DOWN rounds needed to go down
    recover: int = 2  # UP rounds needed to come up again
    confirmation_period_s: int = 0
    recovery_period_s: int = 0
    interval_s: int = 30  # seconds between slots
    timeout_ms: Ms = 10_000
    grid: Grid | None = None  # which of its slots are left out; None: none are

    @property
    def silence_ms(self) -> Ms:
        """The longest distance between decided rounds that still counts as measured."""
        return max(SILENCE_MS, 3 * self.interval_s * 1000)

    def silence(self, after: Ms, until: Ms) -> Ms:
        """How much of the time between two moments belongs to slots that are due."""
        return until - after - (self.grid.left_out(after, until) if self.grid else 0)

    def following(self, slot: Ms) -> Ms:
        """Where the next due slot may be expected, seen from a slot on the grid or beside it."""
        return self.grid.following(slot) if self.grid else slot + self.interval_s * 1000


@dataclass(frozen=True, slots=True)
class Round:
    """What is stored about one slot. Votes of an older configuration are passed as NODATA."""

    slot: Ms
    votes: Mapping[int, Vote]
    eligible: frozenset[int] | None = None  # None: every assigned region
    expired: bool = False  # the watermark passed for every missing region: no more votes will come
    muted: bool = False  # in maintenance: it is seen, ends every streak, and changes nothing


@dataclass(frozen=True, slots=True)
class Decision:
    """What the votes of one round mean. The verdict NODATA means undecided."""

    verdict: Vote
    closed: bool
    partial: bool  # UP in spite of a DOWN vote, or a DOWN vote that one region alone may not decide
    need: int  # the DOWN votes that make the round DOWN
    up: int
    down: int
    nodata: int
    missing: int

    @property
    def eligible(self) -> int:
        return self.up + self.down + self.nodata + self.missing


@dataclass(frozen=True, slots=True)
class State:
    """All that judging remembers of a monitor between two calls."""

    judged_until: Ms  # slots up to this one are closed
    last_decided: Ms  # slot of the last decided round; before the first one, when measuring began
    verdict: Status = Status.PENDING  # PENDING, UP or DOWN
    streak: int = 0  # contrary rounds so far: DOWN ones, or while down UP ones
    streak_first: Ms | None = None  # slot of the first of them
    undecided: int = 0  # undecided rounds since the last decided one
    undecided_first: Ms | None = None  # slot of the first of them
    nodata_since: Ms | None = None  # set while the monitor counts as not measured
    partial: bool = False  # of the last decided round

    @classmethod
    def fresh(cls, start: Ms) -> "State":
        """A monitor that was made or resumed at `start`; the slot `start` itself is judged."""
        return cls(judged_until=start - 1, last_decided=start)

    @property
    def confirming(self) -> bool:
        """DOWN rounds were seen, but not yet enough."""
        return self.streak > 0 and self.verdict != Status.DOWN

    @property
    def plainly_down(self) -> bool:
        """Down, and the newest round says so too."""
        return self.verdict == Status.DOWN and not (self.streak or self.undecided or self.nodata_since)


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of what is shown about a monitor, true from `at` on, known since `decided_at`."""

    kind: Change
    before: Status
    after: Status
    at: Ms  # slot of the first round of the streak
    decided_at: Ms
    why: dict[str, Any]  # JSON-able; `why.explain` puts it into words


@dataclass(frozen=True, slots=True)
class ClosedRound:
    """A round that will not change any more."""

    slot: Ms
    eligible: frozenset[int]
    votes: Mapping[int, Vote]  # of eligible regions only
    decision: Decision
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one call of `judge` found."""

    state: State
    closed: tuple[ClosedRound, ...]
    transitions: tuple[Transition, ...]
    recheck: Ms | None  # an extra slot worth checking


def status(state: State) -> Status:
    """What to show for a state of this module."""
    if state.nodata_since is not None:
        return Status.NODATA
    if state.verdict == Status.DOWN and state.streak:
        return Status.VALIDATING
    return state.verdict


def forget_streak(state: State) -> State:
    """What an edit of how a monitor is probed or judged does to its state."""
    return replace(state, streak=0, streak_first=None)


def quorum(policy: Policy, eligible: int) -> int:
    """The DOWN votes that make a round of that many eligible regions DOWN."""
    match policy.quorum:
        case Quorum.ANY:
            return 1
        case Quorum.ALL:
            return max(1, eligible)
        case Quorum.AT_LEAST:
            return max(1, min(eligible, max(2, policy.at_least)))
        case _:
            return eligible // 2 + 1


def decide(votes: Mapping[int, Vote], eligible: frozenset[int], policy: Policy) -> Decision:
    """What the votes cast so far mean. Once UP or DOWN, no further vote changes the verdict.

    UP as soon as a DOWN quorum is impossible: with no vote missing or NODATA one of the two always holds.
    """
    cast = [votes[region] for region in eligible if region in votes]
    up, down, nodata = cast.count(Vote.UP), cast.count(Vote.DOWN), cast.count(Vote.NODATA)
    n, need = len(eligible), quorum(policy, len(eligible))
    alone = n == 1 and len(policy.regions) > 1 and policy.quorum != Quorum.ANY
    verdict = Vote.NODATA
    if down >= need and not alone:
        verdict = Vote.DOWN
    elif n and up >= n - need + 1:
        verdict = Vote.UP
    return Decision(
        verdict=verdict,
        closed=verdict != Vote.NODATA or len(cast) == n,
        partial=down > 0 and (verdict == Vote.UP or alone),
        need=need,
        up=up,
        down=down,
        nodata=nodata,
        missing=n - len(cast),
    )


def degraded(before: bool, verdict: Vote, seen: Sequence[bool]) -> bool:
    """Whether a monitor counts as degraded after a round, by what each region that saw it UP says. Silence changes
    nothing."""
    return before if verdict == Vote.NODATA else verdict == Vote.UP and 2 * sum(seen) > len(seen)


def missing(round_: Round, policy: Policy) -> frozenset[int]:
    """The regions whose vote a round still waits for."""
    return _eligible(round_, policy) - round_.votes.keys()


def facts(closed: ClosedRound, policy: Policy) -> dict[str, Any]:
    """A closed round as JSON-able facts; region ids become strings because JSON keys are."""
    decision = closed.decision
    return {
        "slot": closed.slot,
        "verdict": str(decision.verdict),
        "votes": {str(region): str(vote) for region, vote in closed.votes.items()},
        "eligible": sorted(closed.eligible),
        "assigned": sorted(policy.regions),
        "quorum": str(policy.quorum),
        "need": decision.need,
        "partial": decision.partial,
    }


def judge(state: State, policy: Policy, rounds: Iterable[Round], now: Ms, next_slot: Ms) -> Judgement:
    """Close what can be closed and say what changed.

    `rounds` holds every due slot, grid and extra, after `state.judged_until`, with its votes or without any; closed
    ones are passed over, and the first one that is still open ends the work. `next_slot` is the first slot after
    `now`, grid or extra, that is already planned. Never raises for any votes.
    """
    before, closed, transitions = state, [], []
    waiting: Ms | None = None
    for round_ in sorted(rounds, key=lambda each: each.slot):
        if round_.slot <= state.judged_until:
            continue
        if round_.slot > now:
            break
        outcome = _close(round_, policy)
        if outcome is None:
            waiting = round_.slot
            break
        closed.append(outcome)
        state, changes = _advance(state, policy, outcome, now)
        transitions += changes
    if state.nodata_since is None and unmeasured(state.last_decided, policy, now):
        state, change = _lose(state, policy, waiting, now)
        transitions.append(change)
    recheck = _recheck(before, state, policy, now, next_slot) if waiting is None else None
    return Judgement(state, tuple(closed), tuple(transitions), recheck)


def _eligible(round_: Round, policy: Policy) -> frozenset[int]:
    return policy.regions if round_.eligible is None else round_.eligible


def _close(round_: Round, policy: Policy) -> ClosedRound | None:
    """The round as it will stay, None while a vote may still matter."""
    eligible = _eligible(round_, policy)
    votes = {region: round_.votes[region] for region in sorted(eligible) if region in round_.votes}
    if round_.expired:
        votes |= dict.fromkeys(sorted(missing(round_, policy)), Vote.NODATA)
    decision = decide(votes, eligible, policy)
    return ClosedRound(round_.slot, eligible, votes, decision, round_.muted) if decision.closed else None


def _advance(state: State, policy: Policy, closed: ClosedRound, now: Ms) -> tuple[State, list[Transition]]:
    if closed.decision.verdict == Vote.NODATA:
        state = _undecided(state, closed.slot)
        return (forget_streak(state) if closed.muted else state), []
    state, changes = _measured(state, policy, closed, now)
    state = replace(
        state,
        judged_until=closed.slot,
        last_decided=closed.slot,
        undecided=0,
        undecided_first=None,
        partial=closed.decision.partial,
    )
    if closed.muted:
        return forget_streak(state), changes
    state, change = _count(state, policy, closed, now)
    return state, changes + change


def _undecided(state: State, slot: Ms) -> State:
    """An undecided round neither counts nor resets; several in a row make the streak too old to trust."""
    state = replace(
        state,
        judged_until=slot,
        undecided=state.undecided + 1,
        undecided_first=slot if state.undecided_first is None else state.undecided_first,
    )
    return forget_streak(state) if state.undecided >= FORGET_AFTER else state


def _measured(state: State, policy: Policy, closed: ClosedRound, now: Ms) -> tuple[State, list[Transition]]:
    """Account for the silence before a decided round.

    Only the distance between decided slots makes a silence, not the hour at which we came to judge them:
    a monitor that was called unmeasured because we were behind is measured again from the same moment.
    """
    changes = []
    silent = policy.silence(state.last_decided, closed.slot) > policy.silence_ms
    if silent:
        state = forget_streak(state)
        if state.nodata_since is None:
            state, change = _lose(state, policy, closed.slot, now)
            changes.append(change)
    if state.nodata_since is not None:
        at = closed.slot if silent else state.nodata_since
        why = facts(closed, policy)
        changes.append(Transition(Change.MEASURED, Status.NODATA, state.verdict, at, now, why))
        state = replace(state, nodata_since=None)
    return state, changes


def _count(state: State, policy: Policy, closed: ClosedRound, now: Ms) -> tuple[State, list[Transition]]:
    """Let a decided round lengthen or break the streak, and flip the verdict when it is long enough."""
    seen = Status(closed.decision.verdict)
    if seen == state.verdict:
        return forget_streak(state), []
    kind = Change(seen)
    if state.verdict == Status.PENDING and seen == Status.UP:
        kind, state = Change.STARTED, forget_streak(state)  # the streak was one of DOWN rounds
    first = closed.slot if state.streak_first is None else state.streak_first
    state = replace(state, streak=state.streak + 1, streak_first=first)
    rounds, period_s = _demand(kind, policy)
    if state.streak < rounds or closed.slot - first < period_s * 1000:
        return state, []
    why = facts(closed, policy) | {
        "rounds": state.streak,
        "rounds_needed": rounds,
        "period_s": period_s,
        "since": first,
    }
    change = Transition(kind, state.verdict, seen, first, now, why)
    return replace(forget_streak(state), verdict=seen), [change]


def _demand(kind: Change, policy: Policy) -> tuple[int, int]:
    """How many rounds in a row, over how many seconds, a change of verdict takes."""
    down, up = (policy.confirm, policy.confirmation_period_s), (policy.recover, policy.recovery_period_s)
    return {Change.DOWN: down, Change.UP: up}.get(kind, (1, 0))


def unmeasured(last_decided: Ms, policy: Policy, now: Ms) -> bool:
    """Whether no slot that would break the silence in time can still be decided in time."""
    return policy.silence(last_decided, now) > watermark(
        policy.silence_ms, policy.timeout_ms, lateness(policy.interval_s)
    )


def _lose(state: State, policy: Policy, later: Ms | None, now: Ms) -> tuple[State, Transition]:
    """Call a monitor unmeasured from the first slot after its last decided one.

    That is the first undecided slot, or the open one `later`, or, where blindness left no round, one interval on.
    """
    known = (state.undecided_first, later, policy.following(state.last_decided))
    since = min(slot for slot in known if slot is not None)
    why = {"last_decided": state.last_decided, "undecided": state.undecided, "silence_ms": policy.silence_ms}
    change = Transition(Change.NODATA, state.verdict, Status.NODATA, since, now, why)
    return replace(state, nodata_since=since), change


def _recheck(before: State, state: State, policy: Policy, now: Ms, next_slot: Ms) -> Ms | None:
    """The extra slot that confirms a first contrary round soon, when the schedule does not do so itself."""
    began = state.streak == 1 and state.streak_first is not None and state.streak_first > before.judged_until
    rounds, _ = _demand(Change.UP if state.verdict == Status.DOWN else Change.DOWN, policy)
    if began and rounds > 1 and next_slot - now >= RECHECK_ROOM_MS:
        return now + RECHECK_AFTER_MS
    return None
