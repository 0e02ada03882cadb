"""When a delivery is tried again, and how much a channel takes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.tries import GIVE_UP, Pace, Room, next_attempt, room

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def seconds(count):
    return timedelta(seconds=count)


@pytest.mark.parametrize(("attempts", "wait"), [(1, 5), (2, 10), (3, 20), (6, 160), (10, 2560), (11, 3600), (30, 3600)])
def test_the_wait_doubles_from_five_seconds_to_an_hour(attempts, wait):
    assert next_attempt(attempts, NOW, NOW, 0.5) == NOW + seconds(wait)


@pytest.mark.parametrize(("asked", "wait"), [(1, 5), (90, 90), (7200, 3600)])
def test_what_the_provider_asks_for_is_honoured_up_to_an_hour(asked, wait):
    assert next_attempt(1, NOW, NOW, 0.5, seconds(asked)) == NOW + seconds(wait)


def test_one_that_was_away_for_long_and_asks_for_a_wait_is_there_again():
    assert next_attempt(10, NOW, NOW, 0.5, seconds(12)) == NOW + seconds(60)
    assert next_attempt(10, NOW, NOW, 0.5, seconds(90)) == NOW + seconds(90)


def test_it_is_given_up_after_a_day():
    late = NOW + GIVE_UP
    assert next_attempt(40, NOW, late - seconds(60), 0.5) == late
    assert next_attempt(41, NOW, late, 0.5) is None


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 86_399), st.none() | st.floats(0, 1e6))
def test_a_wait_is_between_some_seconds_and_an_hour(attempts, dice, passed, asked):
    now = NOW + seconds(passed)
    found = next_attempt(attempts, NOW, now, dice, None if asked is None else seconds(asked))
    assert found is not None
    assert now < found <= now + seconds(3600)
    assert found <= NOW + GIVE_UP


def ago(count):
    return NOW - seconds(count)


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        (Pace(0, 0), Room(20, True)),
        (Pace(19, 19), Room(1, True)),
        (Pace(20, 20, ago(5)), Room(0, False)),
        (Pace(20, 20, ago(30)), Room(0, True)),
        (Pace(3, 199), Room(1, True)),
        (Pace(0, 200, ago(60)), Room(0, False)),
        (Pace(0, 200, ago(600)), Room(0, True)),
    ],
)
def test_a_channel_takes_so_many_and_then_digests(pace, expected):
    assert room(pace, 20, 200, NOW) == expected
