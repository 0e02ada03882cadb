"""Flapping: told of once, and then not until it is steady."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.flapping import Course, Limits, Memory, settled, turn

MINUTE = 60_000
LIMITS = Limits()
STEADY, BEGINS, FLAPPING = Course.STEADY, Course.BEGINS, Course.FLAPPING


def courses(minutes, limits=LIMITS, down_first=True):
    """What each of these turns is, in minutes; they alternate between down and up."""
    memory, found = Memory(), []
    for number, minute in enumerate(minutes):
        memory, course = turn(memory, round(minute * MINUTE), (number % 2 == 0) == down_first, limits)
        found.append(course)
    return found


@pytest.mark.parametrize(
    ("minutes", "down_first", "expected"),
    [
        ([0, 5], True, [STEADY] * 2),
        ([0, 1, 2, 3], True, [STEADY] * 4),  # it begins with a fall
        ([0, 1, 2, 3, 4], True, [STEADY] * 4 + [BEGINS]),
        ([0, 1, 2, 3], False, [STEADY] * 3 + [BEGINS]),  # was down for long before
        ([0, 10, 20, 30, 40], True, [STEADY] * 5),  # too far apart
        ([0, 9, 18, 27, 36], True, [STEADY] * 4 + [BEGINS]),  # the first no longer counts: four do
        ([0, 1, 2, 3, 4, 5, 18, 32], True, [STEADY] * 4 + [BEGINS] + [FLAPPING] * 3),
        ([0, 1, 2, 3, 4, 5, 20], True, [STEADY] * 4 + [BEGINS, FLAPPING, STEADY]),  # steady for 15 minutes
        ([0, 1, 2, 3, 4, 5, 20, 21, 22], True, [STEADY] * 4 + [BEGINS, FLAPPING] + [STEADY] * 3),
    ],
)
def test_what_a_turn_is(minutes, down_first, expected):
    assert courses(minutes, down_first=down_first) == expected


def test_it_says_since_when_and_how_often():
    memory = Memory()
    for minute in (0, 1, 2, 3, 4):
        memory, _ = turn(memory, minute * MINUTE, minute % 2 == 0, LIMITS)
    assert (memory.since, len(memory.turns)) == (MINUTE, 4)


def test_it_is_steady_when_the_quiet_time_has_passed():
    memory = Memory((1, 2, 3, 4), 1)
    assert not settled(memory, 4 + LIMITS.quiet_ms - 1, LIMITS)
    assert settled(memory, 4 + LIMITS.quiet_ms, LIMITS)
    assert not settled(Memory((1, 2, 3, 4)), 10**12, LIMITS)


limits = st.builds(
    Limits,
    changes=st.integers(3, 8),
    window_ms=st.integers(1, 60).map(lambda minutes: minutes * MINUTE),
    quiet_ms=st.integers(1, 60).map(lambda minutes: minutes * MINUTE),
)
gaps = st.lists(st.floats(0.01, 40), max_size=60)


def moments(gaps):
    at, found = 0, []
    for gap in gaps:
        at += round(gap * MINUTE)
        found.append(at)
    return found


def specified(turns, limits, down_first):
    """The same, from all turns at once: no memory, no bound."""
    found, fresh, flapping = [], 0, False
    for number, at in enumerate(turns):
        if flapping and at - turns[number - 1] < limits.quiet_ms:
            found.append(FLAPPING)
            continue
        if flapping:
            flapping, fresh = False, number  # what was before it is forgotten
        lately = [each for each in turns[fresh : number + 1] if each > at - limits.window_ms]
        flapping = (number % 2 == 0) == down_first and len(lately) >= limits.changes
        found.append(BEGINS if flapping else STEADY)
    return found


@given(gaps, limits, st.booleans())
def test_it_is_what_the_turns_say_whatever_was_remembered(gaps, limits, down_first):
    turns = moments(gaps)
    assert courses([at / MINUTE for at in turns], limits, down_first) == specified(turns, limits, down_first)


@given(gaps, limits)
def test_between_two_begins_it_was_steady_for_the_quiet_time(gaps, limits):
    turns = moments(gaps)
    found = courses([at / MINUTE for at in turns], limits)
    begun = [number for number, course in enumerate(found) if course is BEGINS]
    for first, second in pairwise(begun):
        between = range(first + 1, second + 1)
        assert any(turns[number] - turns[number - 1] >= limits.quiet_ms for number in between)


@given(gaps, limits)
def test_few_changes_in_the_window_are_all_told(gaps, limits):
    turns = moments(gaps)[: limits.changes - 1]
    assert set(courses([at / MINUTE for at in turns], limits)) <= {STEADY}


@given(gaps, limits)
def test_the_memory_stays_small(gaps, limits):
    memory = Memory()
    for number, at in enumerate(moments(gaps)):
        memory, _ = turn(memory, at, number % 2 == 0, limits)
        assert len(memory.turns) <= limits.changes
