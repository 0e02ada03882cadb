"""Pings in, verdicts out: tables of whole stories, and properties that hold for every story."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.heartbeat import (
    LONGEST_RUN_MS,
    MOST_RUNS,
    Cause,
    Gap,
    Memory,
    Ping,
    PingKind,
    Settings,
    due_after,
    look,
    next_times,
    take,
)
from monitors.domain.verdict import Status

MIN = 60_000
SUCCESS, START, FAIL, LOG = PingKind.SUCCESS, PingKind.START, PingKind.FAIL, PingKind.LOG
HOURLY = Settings(lambda after: after + 60 * MIN, grace=10 * MIN)
ON_THE_HOUR = Settings(lambda after: (after // (60 * MIN) + 1) * 60 * MIN, grace=10 * MIN)


def tell(*pings, settings=HOURLY, gaps=(), now=None, looks=()):
    """The outlook at `now` (minutes) after pings, [(minute, kind, run?)], and every move on the way."""
    events = [(minute * MIN, Ping(minute * MIN, kind, *run)) for minute, kind, *run in pings]
    events += [(minute * MIN, None) for minute in looks] + ([(now * MIN, None)] if now is not None else [])
    memory, moves, outlook = Memory(), [], None
    for at, ping in sorted(events, key=lambda each: each[0]):
        known = [gap for gap in gaps if gap.start < at]
        known = [Gap(gap.start, min(gap.end, at)) for gap in known]
        outlook = take(memory, ping, settings, known) if ping else look(memory, settings, known, at)
        memory = outlook.memory
        moves += outlook.moves
    return outlook, [(str(move.after), move.at / MIN, move.cause) for move in moves]


# Stories --------------------------------------------------------------------------------------------------------------
STORIES = {
    "nothing is expected before the first ping": ([], 10_000, []),
    "a first success": ([(0, SUCCESS)], 5, [("up", 0, None)]),
    "a log changes nothing": ([(0, LOG)], 500, []),
    "due, and in its time of grace": ([(0, SUCCESS)], 65, [("up", 0, None)]),
    "the grace is over": ([(0, SUCCESS)], 70, [("up", 0, None), ("down", 70, Cause.NO_PING)]),
    "long over: it went down when the grace ended": (
        [(0, SUCCESS)],
        700,
        [("up", 0, None), ("down", 70, Cause.NO_PING)],
    ),
    "late, and then there": ([(0, SUCCESS), (69, SUCCESS)], 100, [("up", 0, None)]),
    "back again": (
        [(0, SUCCESS), (90, SUCCESS)],
        100,
        [("up", 0, None), ("down", 70, Cause.NO_PING), ("up", 90, None)],
    ),
    "a failure is down at once": ([(0, SUCCESS), (5, FAIL)], 6, [("up", 0, None), ("down", 5, Cause.JOB_FAILED)]),
    "the first ping is a failure": ([(0, FAIL)], 6, [("down", 0, Cause.JOB_FAILED)]),
    "what is down does not go down again": ([(0, FAIL), (5, FAIL)], 500, [("down", 0, Cause.JOB_FAILED)]),
    "a start that is never heard of again": (
        [(0, SUCCESS), (60, START)],
        70,
        [("up", 0, None), ("down", 70, Cause.NOT_FINISHED)],
    ),
    "a first start that is never heard of again": ([(0, START)], 11, [("down", 10, Cause.NOT_FINISHED)]),
    "a start alone is no sign that all is well": (
        [(0, SUCCESS), (69, START)],
        75,
        [("up", 0, None), ("down", 70, Cause.NO_PING)],
    ),
    "a start that ends in time": ([(0, START), (9, SUCCESS)], 20, [("up", 9, None)]),
    "of two runs, one is never heard of again": (
        [(0, START, "a"), (1, START, "b"), (2, SUCCESS, "b")],
        12,
        [("up", 2, None), ("down", 10, Cause.NOT_FINISHED)],
    ),
    "both runs end": (
        [(0, START, "a"), (1, START, "b"), (2, SUCCESS, "b"), (3, SUCCESS, "a")],
        12,
        [("up", 2, None)],
    ),
    "a run that was given up does no harm later": (
        [(0, START, "a"), (20, SUCCESS, "b")],
        40,
        [("down", 10, Cause.NOT_FINISHED), ("up", 20, None)],
    ),
    "a ping that was overtaken by a later one": ([(5, SUCCESS), (5, SUCCESS)], 6, [("up", 5, None)]),
}


@pytest.mark.parametrize(("pings", "now", "moves"), STORIES.values(), ids=STORIES)
def test_the_story_of(pings, now, moves):
    assert tell(*pings, now=now)[1] == moves


def test_an_older_ping_than_the_last_one_changes_nothing():
    memory = Memory(Status.UP, last_ping=10 * MIN)
    outlook = take(memory, Ping(5 * MIN, FAIL), HOURLY, ())
    assert (outlook.memory, outlook.moves) == (memory, ())


def test_it_is_late_from_due_to_the_end_of_its_grace():
    seen = {minute: tell((0, SUCCESS), now=minute)[0] for minute in (59, 60, 69, 70)}
    assert {minute: outlook.late for minute, outlook in seen.items()} == {59: False, 60: True, 69: True, 70: False}


def test_the_judge_is_told_when_to_look_next():
    assert tell((0, SUCCESS), now=1)[0].look_at == 60 * MIN  # it becomes late
    assert tell((0, SUCCESS), now=60)[0].look_at == 70 * MIN  # it goes down
    assert tell((0, SUCCESS), (30, START), now=31)[0].look_at == 40 * MIN  # the run should have ended
    assert tell((0, SUCCESS), now=70)[0].look_at is None
    assert tell((0, LOG), now=1)[0].look_at is None


def test_the_facts_of_a_missing_ping_are_kept():
    outlook = look(Memory(Status.UP, last_ping=0), HOURLY, (), 80 * MIN)
    [move] = outlook.moves
    assert (move.due, move.last_ping, move.at) == (60 * MIN, 0, 70 * MIN)


# Runs -----------------------------------------------------------------------------------------------------------------
def test_the_time_from_start_to_success_is_measured_for_each_run():
    memory = take(Memory(), Ping(0, START, "a"), HOURLY, ()).memory
    memory = take(memory, Ping(1 * MIN, START, "b"), HOURLY, ()).memory
    first = take(memory, Ping(2 * MIN, SUCCESS, "b"), HOURLY, ())
    second = take(first.memory, Ping(4 * MIN, FAIL, "a"), HOURLY, ())
    assert (first.duration, second.duration) == (1 * MIN, 4 * MIN)
    assert take(second.memory, Ping(5 * MIN, SUCCESS, "a"), HOURLY, ()).duration is None


def test_what_took_too_long_has_no_duration():
    patient = Settings(HOURLY.following, grace=2 * LONGEST_RUN_MS)
    memory = take(Memory(), Ping(0, START), patient, ()).memory
    assert take(memory, Ping(LONGEST_RUN_MS, SUCCESS), patient, ()).duration == LONGEST_RUN_MS
    assert take(memory, Ping(LONGEST_RUN_MS + 1, SUCCESS), patient, ()).duration is None


def test_only_so_many_runs_are_remembered():
    memory = Memory()
    for number in range(MOST_RUNS + 5):
        memory = take(memory, Ping(number, START, str(number)), HOURLY, ()).memory
    assert list(memory.runs) == [str(number) for number in range(5, MOST_RUNS + 5)]


# Our own outages ------------------------------------------------------------------------------------------------------
def gap(start, end):
    return Gap(start * MIN, end * MIN)


GAPS = {
    "while the ping was expected": (gap(50, 65), 65 + 60),
    "while it was late already": (gap(65, 80), 80 + 60),
    "long before": (gap(5, 10), 10 + 60),
    "after the end of its grace": (gap(75, 90), 60),
}


@pytest.mark.parametrize(("lost", "due"), GAPS.values(), ids=GAPS)
def test_after_a_gap_the_next_ping_is_expected_from_its_end_on(lost, due):
    assert due_after(HOURLY, 0, [lost]) == due * MIN


def test_a_schedule_by_the_clock_keeps_its_hours_after_a_gap():
    assert due_after(ON_THE_HOUR, 0, [gap(5, 10)]) == 60 * MIN
    assert due_after(ON_THE_HOUR, 0, [gap(55, 62)]) == 120 * MIN


def test_a_run_whose_end_may_have_been_lost_is_not_missed():
    pings = [(0, SUCCESS), (10, START)]
    assert tell(*pings, now=25, gaps=[gap(12, 14)])[1] == [("up", 0, None)]
    assert tell(*pings, now=25)[1] == [("up", 0, None), ("down", 20, Cause.NOT_FINISHED)]


def test_while_a_gap_lasts_nobody_becomes_late():
    outlook, moves = tell((0, SUCCESS), now=500, gaps=[gap(59, 9_999)], looks=range(60, 500, 7))
    assert moves == [("up", 0, None)]
    assert not outlook.late


# Every story ----------------------------------------------------------------------------------------------------------
KINDS = st.sampled_from([SUCCESS, SUCCESS, START, FAIL, LOG])
PINGS = st.lists(
    st.tuples(st.integers(0, 600), KINDS, st.sampled_from(["", "a"])), max_size=12, unique_by=lambda p: p[0]
)
LOOKS = st.lists(st.integers(0, 700), max_size=15)


@given(PINGS, LOOKS)
def test_however_often_one_looks_the_moves_are_the_same(pings, looks):
    often, once = tell(*pings, now=800, looks=looks), tell(*pings, now=800)
    assert often[1] == once[1]
    assert replace(often[0], moves=()) == replace(once[0], moves=())


@given(PINGS)
def test_it_looks_at_every_moment_that_matters(pings):
    """Somebody who looks only when told to sees what somebody sees who looks every minute."""
    memory, moves, wanted = Memory(), [], None
    for minute in range(800):
        for each in [each for each in pings if each[0] == minute]:
            outlook = take(memory, Ping(minute * MIN, *each[1:]), HOURLY, ())
            memory, wanted = outlook.memory, outlook.look_at
            moves += outlook.moves
        if wanted is not None and wanted <= minute * MIN:
            outlook = look(memory, HOURLY, (), minute * MIN)
            memory, wanted = outlook.memory, outlook.look_at
            moves += outlook.moves
    assert [(str(m.after), m.at / MIN, m.cause) for m in moves] == tell(*pings, now=799)[1]


def plainly(pings, until):
    """The rules again, minute by minute and without any memory but what has happened: [(status, minute)]."""
    moves, status = [], "pending"
    for minute in range(until + 1):
        done = [p for p in pings if p[0] < minute]
        ends = [p for p in done if p[1] in {SUCCESS, FAIL}]
        if status == "up" and minute >= ends[-1][0] + 70:
            status = "down"
            moves.append((status, minute))
        for at, kind, run in done:
            ended = any(p[0] > at and p[1] in {SUCCESS, FAIL, START} and p[2] == run for p in done)
            if kind is START and minute == at + 10 and not ended and status != "down":
                status = "down"
                moves.append((status, minute))
        for _, kind, _ in [p for p in pings if p[0] == minute and p[1] in {SUCCESS, FAIL}]:
            wanted = "up" if kind is SUCCESS else "down"
            if wanted != status:
                status = wanted
                moves.append((status, minute))
    return moves


@given(PINGS)
def test_it_says_what_the_rules_say_minute_by_minute(pings):
    pings = sorted(pings)
    assert [move[:2] for move in tell(*pings, now=800)[1]] == plainly(pings, 800)


@given(st.integers(0, 600), st.integers(1, 120))
def test_an_outage_of_ours_never_makes_anyone_go_down(start, length):
    """Every ping a punctual job sends in a gap is lost: it is never called down for it."""
    lost = gap(start, start + length)
    punctual = [(minute, SUCCESS, "") for minute in range(0, 800, 60)]
    heard = [p for p in punctual if not lost.start <= p[0] * MIN < lost.end]
    assert [move for move in tell(*heard, now=799, gaps=[lost], looks=range(0, 800, 3))[1] if move[0] == "down"] == []


@given(PINGS, st.integers(0, 600), st.integers(1, 120))
def test_a_gap_only_ever_puts_off_what_is_due(pings, start, length):
    for last in [p[0] * MIN for p in pings]:
        assert due_after(HOURLY, last, [gap(start, start + length)]) >= due_after(HOURLY, last, [])


def test_the_next_times_follow_each_other():
    assert next_times(ON_THE_HOUR, 30 * MIN, 3) == [60 * MIN, 120 * MIN, 180 * MIN]
    assert next_times(Settings(lambda _: None, 0), 0, 5) == []
