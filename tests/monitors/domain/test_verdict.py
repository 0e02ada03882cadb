"""Rounds, streaks and statuses, case by case; test_specification.py covers what nobody thought of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.verdict import (
    Change,
    Policy,
    Quorum,
    Round,
    State,
    Status,
    Vote,
    decide,
    degraded,
    forget_streak,
    judge,
    missing,
    quorum,
    status,
)
from tests.monitors.domain.worlds import DOWN, NODATA, START, UP, examples, policy_of, sites

ONE, TWO, THREE, FIVE = (frozenset(range(1, n + 1)) for n in (1, 2, 3, 5))
STEP = 30_000
LETTERS = {"u": UP, "d": DOWN, "n": NODATA}


def votes(letters):
    """'ud.' is UP from region 1, DOWN from region 2, and nothing from region 3."""
    return {i: LETTERS[letter] for i, letter in enumerate(letters, 1) if letter != "."}


def run(policy, rounds, state=None, step=STEP):
    """Judge one round a step: 'd' is all regions DOWN, '-' a round that expired without a vote."""
    state = state or State.fresh(START)
    found = []
    for k, letter in enumerate(rounds):
        slot = START + k * step
        cast = {} if letter == "-" else dict.fromkeys(policy.regions, LETTERS[letter])
        judgement = judge(state, policy, [Round(slot, cast, expired=letter == "-")], slot + 1, slot + step)
        state = judgement.state
        found += [(str(each.kind), (each.at - START) // step) for each in judgement.transitions]
    return state, found


@pytest.mark.parametrize(
    ("policy", "needs"),
    [
        (Policy(FIVE, Quorum.MAJORITY), [1, 1, 2, 2, 3, 3]),
        (Policy(FIVE, Quorum.ANY), [1, 1, 1, 1, 1, 1]),
        (Policy(FIVE, Quorum.ALL), [1, 1, 2, 3, 4, 5]),
        (Policy(FIVE, Quorum.AT_LEAST, at_least=1), [1, 1, 2, 2, 2, 2]),
        (Policy(FIVE, Quorum.AT_LEAST, at_least=3), [1, 1, 2, 3, 3, 3]),
        (Policy(FIVE, Quorum.AT_LEAST, at_least=9), [1, 1, 2, 3, 4, 5]),
    ],
)
def test_the_quorum_is_never_more_than_the_regions_nor_one_of_several_unless_chosen(policy, needs):
    assert [quorum(policy, n) for n in range(6)] == needs


@pytest.mark.parametrize(
    ("cast", "policy", "verdict", "closed", "partial"),
    [
        ("...", Policy(THREE), NODATA, False, False),
        ("d..", Policy(THREE), NODATA, False, False),
        ("dd.", Policy(THREE), DOWN, True, False),
        ("uu.", Policy(THREE), UP, True, False),
        ("ud.", Policy(THREE), NODATA, False, False),
        ("udu", Policy(THREE), UP, True, True),
        ("udn", Policy(THREE), NODATA, True, False),
        ("nnn", Policy(THREE), NODATA, True, False),
        ("dnn", Policy(THREE), NODATA, True, False),
        ("unn", Policy(THREE), NODATA, True, False),
        ("ud", Policy(TWO), UP, True, True),
        ("dd", Policy(TWO), DOWN, True, False),
        ("u.", Policy(TWO), UP, True, False),
        ("d", Policy(ONE), DOWN, True, False),
        ("u", Policy(ONE), UP, True, False),
        ("n", Policy(ONE), NODATA, True, False),
        ("d..", Policy(THREE, Quorum.ANY), DOWN, True, False),
        ("uu.", Policy(THREE, Quorum.ANY), NODATA, False, False),
        ("uuu", Policy(THREE, Quorum.ANY), UP, True, False),
        ("dd.", Policy(THREE, Quorum.ALL), NODATA, False, False),
        ("u..", Policy(THREE, Quorum.ALL), UP, True, False),
        ("ddu", Policy(THREE, Quorum.ALL), UP, True, True),
        ("d....", Policy(FIVE, Quorum.AT_LEAST, at_least=1), NODATA, False, False),
        ("dd...", Policy(FIVE, Quorum.AT_LEAST, at_least=1), DOWN, True, False),
        ("uuuu.", Policy(FIVE, Quorum.AT_LEAST, at_least=2), UP, True, False),
        ("uuud.", Policy(FIVE, Quorum.AT_LEAST, at_least=2), NODATA, False, False),
    ],
)
def test_a_round_is_decided_by_its_quorum(cast, policy, verdict, closed, partial):
    decision = decide(votes(cast), policy.regions, policy)
    assert (decision.verdict, decision.closed, decision.partial) == (verdict, closed, partial)


@pytest.mark.parametrize(
    ("cast", "policy", "verdict", "partial"),
    [
        ("d", Policy(THREE), NODATA, True),
        ("d", Policy(TWO, Quorum.ALL), NODATA, True),
        ("d", Policy(THREE, Quorum.AT_LEAST, at_least=2), NODATA, True),
        ("d", Policy(THREE, Quorum.ANY), DOWN, False),
        ("u", Policy(THREE), UP, False),
        ("n", Policy(THREE), NODATA, False),
        ("d", Policy(ONE), DOWN, False),
    ],
)
def test_one_eligible_region_of_several_may_decide_up_but_not_down(cast, policy, verdict, partial):
    decision = decide(votes(cast), ONE, policy)
    assert (decision.verdict, decision.closed, decision.partial) == (verdict, True, partial)


def test_a_round_without_eligible_regions_closes_undecided():
    decision = decide(votes("ddd"), frozenset(), Policy(THREE))
    assert (decision.verdict, decision.closed, decision.eligible) == (NODATA, True, 0)


def test_votes_of_regions_that_are_not_eligible_do_not_count():
    decision = decide(votes("uudd"), frozenset({3, 4}), Policy(frozenset({1, 2, 3, 4})))
    assert (decision.verdict, decision.up, decision.down) == (DOWN, 0, 2)


@examples
@given(sites(), st.lists(st.tuples(st.sampled_from([1, 2, 3, 5, 8]), st.sampled_from(list(Vote)))))
def test_once_decided_no_further_vote_changes_the_verdict(site, arrivals):
    policy, cast, seen = policy_of(site), {}, set()
    for region, vote in arrivals:
        cast.setdefault(region, vote)
        seen.add(decide(cast, policy.regions, policy).verdict)
    assert len(seen - {NODATA}) <= 1
    assert not seen - {NODATA} or decide(cast, policy.regions, policy).verdict != NODATA


@examples
@given(sites(), st.data())
def test_with_every_vote_up_or_down_there_is_no_tie(site, data):
    cast = {region: data.draw(st.sampled_from([Vote.UP, Vote.DOWN])) for region in site.regions}
    assert decide(cast, site.regions, policy_of(site)).verdict != NODATA


@examples
@given(sites(), st.data())
def test_an_expired_round_is_one_whose_missing_votes_are_nodata(site, data):
    policy = policy_of(site)
    cast = data.draw(st.dictionaries(st.sampled_from(sorted(site.regions)), st.sampled_from(list(Vote))))
    filled = dict.fromkeys(site.regions, Vote.NODATA) | cast
    begin, now = State.fresh(START), START + 99_999
    assert judge(begin, policy, [Round(START, cast, expired=True)], now, now) == judge(
        begin, policy, [Round(START, filled)], now, now
    )


@pytest.mark.parametrize(
    ("round_", "regions"),
    [
        (Round(START, {}), {1, 2, 3}),
        (Round(START, votes("u.n")), {2}),
        (Round(START, votes("u"), frozenset({1, 3})), {3}),
        (Round(START, {}, frozenset()), set()),
    ],
)
def test_a_round_waits_for_its_eligible_regions(round_, regions):
    assert missing(round_, Policy(THREE)) == regions


@pytest.mark.parametrize(
    ("policy", "rounds", "found"),
    [
        (Policy(THREE), "u", [("started", 0)]),
        (Policy(THREE), "dd", [("down", 0)]),
        (Policy(THREE), "du", [("started", 1)]),
        (Policy(THREE), "d", []),
        (Policy(THREE), "ududud", [("started", 0)]),
        (Policy(THREE), "uddd", [("started", 0), ("down", 1)]),
        (Policy(THREE), "udduu", [("started", 0), ("down", 1), ("up", 3)]),
        (Policy(THREE), "uddudu", [("started", 0), ("down", 1)]),
        (Policy(THREE, confirm=1, recover=1), "udu", [("started", 0), ("down", 1), ("up", 2)]),
        (Policy(THREE, confirm=3), "uddd", [("started", 0), ("down", 1)]),
        (Policy(THREE), "ud--d", [("started", 0), ("down", 1)]),
        (Policy(THREE), "ud---d", [("started", 0)]),
        (Policy(THREE), "ud---dd", [("started", 0), ("down", 5)]),
        (Policy(THREE), "ud-n-dd", [("started", 0), ("down", 5)]),
        (Policy(THREE), "uddu--u", [("started", 0), ("down", 1), ("up", 3)]),
        (Policy(THREE), "uddu---u", [("started", 0), ("down", 1)]),
        (Policy(THREE, confirmation_period_s=60), "udd", [("started", 0)]),
        (Policy(THREE, confirmation_period_s=60), "uddd", [("started", 0), ("down", 1)]),
        (Policy(THREE, confirmation_period_s=61), "uddd", [("started", 0)]),
        (Policy(THREE, confirmation_period_s=61), "udddd", [("started", 0), ("down", 1)]),
        (Policy(THREE, confirmation_period_s=60), "udd-", [("started", 0)]),
        (Policy(THREE, confirm=1, confirmation_period_s=30), "ud-d", [("started", 0), ("down", 1)]),
        (Policy(THREE, confirmation_period_s=60), "udduddd", [("started", 0), ("down", 4)]),
        (Policy(THREE, recovery_period_s=60), "udduu", [("started", 0), ("down", 1)]),
        (Policy(THREE, recovery_period_s=60), "udduuu", [("started", 0), ("down", 1), ("up", 3)]),
        (Policy(THREE, recovery_period_s=60), "udduuduu", [("started", 0), ("down", 1)]),
    ],
)
def test_a_monitor_turns_after_enough_rounds_over_enough_time_since_the_first_of_them(policy, rounds, found):
    assert run(policy, rounds)[1] == found


@pytest.mark.parametrize(
    ("rounds", "shown", "confirming"),
    [
        ("", Status.PENDING, False),
        ("d", Status.PENDING, True),
        ("u", Status.UP, False),
        ("ud", Status.UP, True),
        ("ud-", Status.UP, True),
        ("ud---", Status.UP, False),
        ("udd", Status.DOWN, False),
        ("uddu", Status.VALIDATING, False),
        ("uddud", Status.DOWN, False),
        ("uddu---", Status.DOWN, False),
        ("udduu", Status.UP, False),
        ("u" + "-" * 10, Status.UP, False),
        ("u" + "-" * 11, Status.NODATA, False),
        ("-" * 13, Status.NODATA, False),
        ("udd" + "-" * 13, Status.NODATA, False),
        ("udd" + "-" * 13 + "d", Status.DOWN, False),
    ],
)
def test_a_state_is_shown_as_what_it_means(rounds, shown, confirming):
    state, _ = run(Policy(THREE), rounds)
    assert (status(state), state.confirming) == (shown, confirming)


def test_a_silence_is_dated_back_to_its_first_slot_and_ends_with_the_next_decided_one():
    state, found = run(Policy(THREE), "udd" + "-" * 13 + "u")
    assert found == [("started", 0), ("down", 1), ("nodata", 3), ("measured", 16)]
    assert status(state) == Status.VALIDATING


def test_a_silence_that_was_only_our_own_delay_is_taken_back():
    """Judged late, the votes of the first slot show that it was measured all along."""
    policy, begin = Policy(ONE), State(START, START, Status.UP)
    late = START + 325_000
    blind = judge(begin, policy, [Round(START + STEP, {})], late, late + STEP)
    seen = judge(blind.state, policy, [Round(START + STEP, {1: Vote.UP})], late, late + STEP)
    assert [(t.kind, t.before, t.after, t.at) for t in (*blind.transitions, *seen.transitions)] == [
        (Change.NODATA, Status.UP, Status.NODATA, START + STEP),
        (Change.MEASURED, Status.NODATA, Status.UP, START + STEP),
    ]


def test_blindness_that_left_no_rounds_is_dated_from_one_interval_after_the_last_decided_slot():
    begin, hour = State(START, START, Status.UP), START + 3_600_000
    judgement = judge(begin, Policy(ONE), [Round(hour, {1: Vote.DOWN})], hour + 50, hour + STEP)
    assert [(t.kind, t.at) for t in judgement.transitions] == [("nodata", START + STEP), ("measured", hour)]
    assert judgement.state.streak == 1


def test_a_streak_does_not_outlive_blindness_that_left_no_rounds():
    begin, hour = State(START, START, Status.UP, streak=1, streak_first=START), START + 3_600_000
    judgement = judge(begin, Policy(ONE), [Round(hour, {1: Vote.DOWN})], hour + 50, hour + STEP)
    assert [str(each.kind) for each in judgement.transitions] == ["nodata", "measured"]
    assert (judgement.state.streak, judgement.state.streak_first) == (1, hour)


@pytest.mark.parametrize(("interval", "silence"), [(1, 300_000), (30, 300_000), (100, 300_000), (180, 540_000)])
def test_silence_lasts_five_minutes_or_three_intervals(interval, silence):
    policy = Policy(ONE, interval_s=interval)
    grace = policy.timeout_ms + max(2_000, min(10_000, interval * 1000 // 3))
    state = State(START, START, Status.UP)
    for now, shown in [(START + silence + grace, Status.UP), (START + silence + grace + 1, Status.NODATA)]:
        assert status(judge(state, policy, [], now, now).state) == shown


def test_rounds_close_in_slot_order_and_wait_for_the_first_open_one():
    policy = Policy(ONE)
    first, second = Round(START, {}), Round(START + STEP, {1: Vote.UP})
    waiting = judge(State.fresh(START), policy, [first, second], START + STEP, START + 2 * STEP)
    assert waiting.closed == ()
    done = judge(waiting.state, policy, [second, Round(START, {1: Vote.UP})], START + STEP, START + 2 * STEP)
    assert [closed.slot for closed in done.closed] == [START, START + STEP]


def test_a_closed_round_is_never_judged_again():
    policy = Policy(ONE, confirm=1)
    state = judge(State.fresh(START), policy, [Round(START, {1: Vote.UP})], START, START + STEP).state
    again = judge(state, policy, [Round(START, {1: Vote.DOWN})], START + 9, START + STEP)
    assert (again.state, again.closed, again.transitions) == (state, (), ())


def test_a_round_is_not_judged_before_its_slot():
    ahead = judge(State.fresh(START), Policy(ONE), [Round(START, {1: Vote.UP})], START - 1, START + STEP)
    assert ahead.closed == ()


def test_a_closed_round_keeps_what_was_voted_and_who_was_asked():
    cast = {3: Vote.UP, 1: Vote.DOWN, 9: Vote.DOWN}
    eligible = frozenset({1, 2, 3})
    (closed,) = judge(
        State.fresh(START), Policy(FIVE), [Round(START, cast, eligible, expired=True)], START, START + STEP
    ).closed
    assert closed.votes == {1: DOWN, 2: NODATA, 3: UP}
    assert (closed.slot, closed.eligible, closed.decision.missing) == (START, eligible, 0)


def test_an_edit_forgets_the_streak_and_nothing_else():
    state = State(START, START, Status.UP, streak=2, streak_first=START - STEP, undecided=1, partial=True)
    assert forget_streak(state) == State(START, START, Status.UP, undecided=1, partial=True)


def test_a_transition_says_why_in_json():
    policy = Policy(THREE, confirmation_period_s=30)
    state = State(START, START, Status.UP, streak=1, streak_first=START - STEP)
    slot, now = START + 5, START + 777
    (change,) = judge(state, policy, [Round(slot, votes("dud"))], now, now).transitions
    assert (change.kind, change.before, change.after) == (Change.DOWN, Status.UP, Status.DOWN)
    assert (change.at, change.decided_at) == (START - STEP, now)
    assert json.loads(json.dumps(change.why)) == {
        "slot": slot,
        "verdict": "down",
        "votes": {"1": "down", "2": "up", "3": "down"},
        "eligible": [1, 2, 3],
        "assigned": [1, 2, 3],
        "quorum": "majority",
        "need": 2,
        "partial": False,
        "rounds": 2,
        "rounds_needed": 2,
        "period_s": 30,
        "since": START - STEP,
    }


@pytest.mark.parametrize(
    ("begin", "policy", "letters", "room", "asked"),
    [
        (Status.UP, Policy(ONE), "d", 5_000, True),
        (Status.UP, Policy(ONE), "d", 4_999, False),
        (Status.PENDING, Policy(ONE), "d", 9_000, True),
        (Status.DOWN, Policy(ONE), "u", 9_000, True),
        (Status.UP, Policy(ONE), "u", 9_000, False),
        (Status.DOWN, Policy(ONE), "d", 9_000, False),
        (Status.UP, Policy(ONE, confirm=3), "dd", 9_000, False),
        (Status.UP, Policy(ONE, confirm=3), "dn", 9_000, True),
        (Status.UP, Policy(ONE, confirm=3), "dud", 9_000, True),
        (Status.UP, Policy(ONE), "dd", 9_000, False),
        (Status.UP, Policy(ONE), "du", 9_000, False),
        (Status.UP, Policy(ONE), "d.", 9_000, False),
        (Status.UP, Policy(ONE, confirm=1, confirmation_period_s=60), "d", 9_000, False),
        (Status.UP, Policy(ONE, confirm=1, recover=2), "d", 9_000, False),
        (Status.DOWN, Policy(ONE, confirm=2, recover=1), "d", 9_000, False),
        (Status.DOWN, Policy(ONE, recover=2, confirm=1), "u", 9_000, True),
    ],
)
def test_a_first_contrary_round_is_checked_again_soon(begin, policy, letters, room, asked):
    state = State(START - 1, START - STEP, begin)
    rounds = [Round(START + k, votes(letter)) for k, letter in enumerate(letters)]
    now = START + 100
    assert judge(state, policy, rounds, now, now + room).recheck == (now + 2_000 if asked else None)


def test_a_recheck_is_asked_for_once():
    policy, state = Policy(ONE), State(START - 1, START - STEP, Status.UP)
    first = judge(state, policy, [Round(START, votes("d"))], START + 10, START + STEP)
    assert first.recheck == START + 2_010
    assert judge(first.state, policy, [], START + 20, START + STEP).recheck is None
    undecided = [Round(START + 2_010, {}, expired=True)]
    assert judge(first.state, policy, undecided, START + 3_000, START + STEP).recheck is None


@pytest.mark.parametrize(
    ("before", "verdict", "seen", "after"),
    [
        (False, UP, [True], True),
        (True, UP, [False], False),
        (False, UP, [True, True, False], True),
        (False, UP, [True, False], False),
        (True, UP, [True, False, False], False),
        (True, UP, [], False),
        (True, DOWN, [True, True], False),
        (True, NODATA, [], True),
        (False, NODATA, [True], False),
    ],
)
def test_a_monitor_is_degraded_when_most_of_those_that_saw_it_up_say_so(before, verdict, seen, after):
    assert degraded(before, verdict, seen) is after
