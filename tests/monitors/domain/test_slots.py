"""Slots: the same for everyone, evenly spread, and no slot lost or doubled between two looks."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain import slots
from tests.monitors.domain.worlds import START, examples

monitors = st.integers(1, 1 << 62)
intervals = st.one_of(st.sampled_from([1, 3, 30, 60, 180, 300, 86_400]), st.integers(1, 100_000))
moments = st.integers(START - 10**10, START + 10**10)


@pytest.mark.parametrize(
    ("monitor", "interval", "expected"),
    [(1, 30, 13_910), (2, 30, 1_100), (1, 1, 910), (7, 300, 245_890), (1 << 40, 86_400, 41_300_721)],
)
def test_phases_never_change_from_one_version_to_the_next(monitor, interval, expected):
    """The figures are those of `printf <id> | b2sum -l 64`, modulo the interval."""
    assert slots.phase(monitor, interval) == expected


def test_phases_are_spread_evenly_over_the_interval():
    seconds = Counter(slots.phase(monitor, 30) // 1000 for monitor in range(30_000))
    assert set(seconds) == set(range(30))
    assert all(850 < count < 1150 for count in seconds.values())


@examples
@given(monitors, intervals, moments, st.integers(0, 40), st.integers(0, 40))
def test_grids_of_neighbouring_spans_join_to_the_grid_of_both(monitor, interval, start, a, b):
    middle = start + a * interval * 377
    if a % 2:
        middle = slots.next_slot(monitor, interval, middle)  # a slot on the seam belongs to one side only
    end = middle + b * interval * 377
    both = slots.grid(monitor, interval, start, middle) + slots.grid(monitor, interval, middle, end)
    assert both == slots.grid(monitor, interval, start, end)


@examples
@given(monitors, intervals, moments, st.integers(0, 40))
def test_a_grid_holds_exactly_the_slots_within_its_span(monitor, interval, after, length):
    until = after + length * interval * 377
    found = slots.grid(monitor, interval, after, until)
    assert all(after < slot <= until for slot in found)
    assert all((slot - slots.phase(monitor, interval)) % (interval * 1000) == 0 for slot in found)
    assert len(found) in {(until - after) // (interval * 1000), (until - after) // (interval * 1000) + 1}
    last = slots.next_slot(monitor, interval, until)
    assert slots.grid(monitor, interval, until, last) == [last]
    assert until < last <= until + interval * 1000


@examples
@given(monitors, intervals, moments)
def test_the_next_slot_is_after_the_moment_even_when_the_moment_is_a_slot(monitor, interval, moment):
    first = slots.next_slot(monitor, interval, moment)
    assert slots.next_slot(monitor, interval, first - 1) == first
    assert slots.next_slot(monitor, interval, first) == first + interval * 1000


@pytest.mark.parametrize(
    ("interval", "lateness", "default", "longest"),
    [
        (1, 2_000, 5_000, 10_000),
        (3, 2_000, 5_000, 10_000),
        (6, 2_000, 6_000, 10_000),
        (8, 2_666, 8_000, 10_000),
        (10, 3_333, 10_000, 10_000),
        (30, 10_000, 10_000, 30_000),
        (60, 10_000, 10_000, 60_000),
        (180, 10_000, 10_000, 60_000),
        (86_400, 10_000, 10_000, 60_000),
    ],
)
def test_lateness_and_timeouts_follow_the_interval(interval, lateness, default, longest):
    assert slots.lateness(interval) == lateness
    assert slots.default_timeout(interval) == default
    assert slots.max_timeout(interval) == longest


def test_the_watermark_allows_the_latest_start_its_whole_timeout():
    assert slots.watermark(START, 5_000, 2_000) == START + 7_000


@pytest.mark.parametrize("interval", [0, -1])
@pytest.mark.parametrize(
    "ask", [slots.phase, lambda m, i: slots.next_slot(m, i, START), lambda _, i: slots.lateness(i)]
)
def test_an_interval_below_one_second_is_an_error(ask, interval):
    with pytest.raises(ValueError, match="at least 1 second"):
        ask(1, interval)
