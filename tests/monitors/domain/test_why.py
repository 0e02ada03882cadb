"""Verdicts in words."""

import pytest

from monitors.domain.verdict import Policy, Quorum, Round, State, Status, facts, judge
from monitors.domain.why import explain
from tests.monitors.domain.worlds import DOWN, NODATA, START, UP

NAMES = {1: "eu-west", 2: "us-east", 3: "ap-south"}
REASONS = {1: "Connection refused", 2: "Timed out"}
THREE = frozenset({1, 2, 3})


def test_a_region_that_is_not_trusted_is_named_with_the_reason_and_since_when():
    facts = why_of({2: UP, 3: UP}, Policy(THREE), frozenset({2, 3}))
    told = explain(facts | {"doubted": {"1": ["disagrees", START]}}, NAMES, {})
    assert told == (
        "2 of 2 regions saw it up; eu-west is not trusted: it disagrees with the others since 14:13 UTC, "
        "so its votes count as no data"
    )


def why_of(votes, policy, eligible=None, state=None, now=START + 200_000):
    state = state or State(START - 1, START, Status.UP)
    judgement = judge(state, policy, [Round(START + 30_000, votes, eligible, expired=True)], now, now)
    (closed,) = judgement.closed
    return judgement.transitions[-1].why if judgement.transitions else facts(closed, policy)


@pytest.mark.parametrize(
    ("votes", "policy", "eligible", "words"),
    [
        (
            {1: DOWN, 2: DOWN, 3: UP},
            Policy(THREE, confirm=1),
            None,
            "2 of 3 regions saw it down (eu-west: Connection refused, us-east: Timed out); 2 are needed",
        ),
        (
            {1: DOWN, 2: UP, 3: UP},
            Policy(THREE),
            None,
            "1 of 3 regions saw it down (eu-west: Connection refused); 2 are needed, so it counts as up",
        ),
        (
            {3: DOWN, 2: UP},
            Policy(THREE),
            None,
            "1 of 3 regions saw it down (ap-south); 2 are needed; 1 could not tell, so it stays undecided",
        ),
        ({1: UP, 2: UP, 3: UP}, Policy(THREE), None, "3 of 3 regions saw it up"),
        ({1: UP, 2: UP, 3: NODATA}, Policy(THREE), None, "2 of 3 regions saw it up"),
        ({1: UP}, Policy(THREE), None, "1 of 3 regions saw it up; 2 could not tell, so it stays undecided"),
        (
            {1: DOWN, 2: UP, 3: UP},
            Policy(THREE, Quorum.ANY, confirm=1),
            None,
            "1 of 3 regions saw it down (eu-west: Connection refused); 1 is needed",
        ),
        ({1: DOWN}, Policy(frozenset({1}), confirm=1), None, "eu-west saw it down: Connection refused"),
        ({1: UP}, Policy(frozenset({1})), None, "eu-west saw it up"),
        ({}, Policy(frozenset({1})), None, "eu-west could not tell, so it stays undecided"),
        (
            {1: DOWN},
            Policy(THREE),
            frozenset({1}),
            "eu-west saw it down: Connection refused, but one region alone does not decide that; "
            "2 of 3 regions could not look",
        ),
        (
            {1: DOWN, 2: DOWN},
            Policy(THREE, confirm=1),
            frozenset({1, 2}),
            "2 of 2 regions saw it down (eu-west: Connection refused, us-east: Timed out); 2 are needed; "
            "1 of 3 regions could not look",
        ),
        ({}, Policy(THREE), frozenset(), "No region could look, so it stays undecided"),
        ({9: DOWN}, Policy(frozenset({9}), confirm=1), None, "region 9 saw it down"),
    ],
)
def test_a_round_is_explained_by_its_votes(votes, policy, eligible, words):
    assert explain(why_of(votes, policy, eligible), NAMES, REASONS) == words


@pytest.mark.parametrize(
    ("streak", "period", "words"),
    [
        (1, 0, "eu-west saw it down: Connection refused; second round in a row"),
        (2, 30, "eu-west saw it down: Connection refused; third round in a row; 30 s after the first"),
        (10, 0, "eu-west saw it down: Connection refused; 11 rounds in a row"),
    ],
)
def test_a_transition_is_explained_by_its_streak_too(streak, period, words):
    state = State(START, START, Status.UP, streak=streak, streak_first=START)
    policy = Policy(frozenset({1}), confirmation_period_s=period)
    assert explain(why_of({1: DOWN}, policy, state=state), NAMES, REASONS) == words


def test_a_silence_is_explained_by_its_length():
    state = State(START, START, Status.UP)
    (change,) = judge(state, Policy(THREE), [], START + 400_000, START + 400_000).transitions
    assert explain(change.why, NAMES, REASONS) == "No round could be decided for 5 minutes: not measured"
