"""The domain equals the executable specification, on random histories."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.domain import slots
from monitors.domain.availability import Interval
from monitors.domain.verdict import Vote, decide, status
from tests import verdict_spec as spec
from tests.monitors.domain.worlds import (
    DOWN,
    MONITOR,
    START,
    UP,
    Watched,
    examples,
    histories,
    policy_of,
    sites,
    watch,
)


@examples
@given(sites(), st.data())
def test_a_round_is_decided_as_specified(site, data):
    eligible = frozenset(data.draw(st.sets(st.sampled_from(sorted(site.regions)))))
    votes = data.draw(st.dictionaries(st.sampled_from([1, 2, 3, 5, 8]), st.sampled_from(list(Vote))))
    decision = decide(votes, eligible, policy_of(site))
    assert decision.verdict == spec.round_says(site, eligible, votes)
    assert decision.closed == (decision.verdict != Vote.NODATA or eligible <= votes.keys())
    assert decision.up + decision.down + decision.nodata + decision.missing == len(eligible)


@examples
@given(histories())
def test_every_history_is_judged_as_specified(history):
    watched = watch(history)
    now = history.log[-1].now
    closed = spec.closings(history)
    assert [(c.slot, c.decision.verdict, c.decision.partial, c.votes) for c in watched.closed] == [
        (c.slot, c.verdict, c.partial, c.votes) for c in closed
    ]
    assert watched.verdict_changes() == spec.transitions(history)
    assert watched.intervals == [Interval(*piece) for piece in spec.timeline(history, now)]
    assert status(watched.state) == spec.status(history, now)


@examples
@given(histories(), st.integers(0, 60))
def test_the_state_in_the_middle_of_a_history_is_as_specified(history, upto):
    past = spec.History(history.site, history.start, history.slots, history.log[: upto + 1], history.quiet)
    watched, now = watch(past), past.log[-1].now
    verdict, streak = spec.standing(past)
    assert (watched.state.verdict, watched.state.streak) == (verdict, len(streak))
    assert watched.state.streak_first == (streak[0] if streak else None)
    assert watched.state.confirming == (verdict != DOWN and bool(streak))
    assert status(watched.state) == spec.status(past, now)
    decided = [one for one in spec.closings(past) if one.verdict != spec.NODATA]
    assert watched.state.partial == (bool(decided) and decided[-1].partial)
    assert watched.intervals == [Interval(*piece) for piece in spec.timeline(past, now)]


@examples
@given(histories(), st.randoms(use_true_random=False))
def test_cutting_the_work_into_other_calls_and_restarting_between_changes_nothing(history, rnd):
    """However many arrivals one call judges, and whatever was forgotten but the stored state.

    But for the rounds that are closed when a doubt arises: they stay closed, so they are judged before it."""
    watched = Watched(history)
    for event in history.log:
        if isinstance(event, spec.Doubted):
            watched.judge(event.now - 1)
        watched.store(event)
        if rnd.random() < 0.3:
            watched.restart()
            watched.judge(event.now)
    watched.judge(history.log[-1].now)
    assert [(kind, at) for kind, at, _ in watched.verdict_changes()] == [
        (kind, at) for kind, at, _ in spec.transitions(history)
    ]
    assert watched.intervals == [Interval(*piece) for piece in spec.timeline(history, history.log[-1].now)]


@settings(examples, max_examples=60)
@given(sites(), st.integers(0, 1 << 32))
def test_rechecks_are_asked_for_as_specified_and_judged_like_any_other_round(site, seed):
    """The whole loop: what a recheck finds is voted on, and may ask for the next one."""
    rnd = Random(seed)
    grid = slots.grid(MONITOR, site.interval // 1000, START, START + 8 * site.interval)
    history = spec.History(site, START, dict.fromkeys(grid, site.regions))
    watched, asked, pending = Watched(history), [], []

    def plan(slot):
        vote = rnd.choice([UP, DOWN])
        pending.extend(spec.Heard(slot + rnd.randint(0, site.timeout), slot, r, vote) for r in site.regions)

    def planned(now):
        """What was known at `now`: the grid, and the rechecks that were asked for before."""
        known = grid + [slot for slot in history.slots if slot - 2_000 < now]
        return min([slot for slot in known if slot > now], default=now)

    for slot in grid:
        plan(slot)
    while pending:
        event = min(pending, key=lambda each: each.now)
        pending.remove(event)
        history.log.append(event)
        watched.store(event)
        recheck = watched.judge(event.now, planned(event.now)).recheck
        if recheck is not None:
            asked.append(recheck)
            history.slots[recheck] = site.regions
            plan(recheck)
    assert asked == spec.rechecks(history, planned)
    assert watched.verdict_changes() == spec.transitions(history)
