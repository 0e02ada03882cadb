"""Intervals tile time however late a transition is found, and uptime never claims what was not measured."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.availability import Interval, apply, seconds_by_status, seconds_by_stretch, uptime
from monitors.domain.verdict import Status
from tests.monitors.domain.worlds import examples

PENDING, UP, DOWN, NODATA, PAUSED, MAINTENANCE = (
    Status.PENDING,
    Status.UP,
    Status.DOWN,
    Status.NODATA,
    Status.PAUSED,
    Status.MAINTENANCE,
)
HOUR = 3_600_000
SPAN = 60
changes = st.lists(
    st.tuples(st.sampled_from([UP, DOWN, NODATA, PAUSED, MAINTENANCE]), st.integers(-3, SPAN)), max_size=12
)


def painted(found):
    """What each moment 0 .. SPAN was, if every change repaints all that follows it."""
    canvas = [PENDING] * (SPAN + 1)
    for status, at in found:
        canvas[max(at, 0) :] = [status] * (SPAN + 1 - max(at, 0))
    return canvas


def intervals_of(found):
    intervals = [Interval(PENDING, 0, None)]
    for status, at in found:
        intervals = apply(intervals, status, at)
    return intervals


@examples
@given(changes)
def test_intervals_always_tile_time_and_show_what_was_last_known_of_each_moment(found):
    intervals = intervals_of(found)
    assert intervals[0].start == 0
    assert intervals[-1].end is None
    assert all(a.end == b.start and a.start < a.end for a, b in pairwise(intervals))
    assert all(a.status != b.status for a, b in pairwise(intervals))
    assert painted(found) == [
        next(i.status for i in intervals if i.start <= t and (i.end is None or t < i.end)) for t in range(SPAN + 1)
    ]


@examples
@given(changes, st.integers(-10, SPAN), st.integers(0, SPAN))
def test_the_seconds_in_each_status_add_up_to_the_span_asked_for(found, since, length):
    spent = seconds_by_status(intervals_of(found), since, since + length)
    assert sum(spent.values()) == pytest.approx(max(0, since + length - max(since, 0)) / 1000)
    moments = painted(found)[max(0, since) : max(0, min(since + length, SPAN + 1))]
    if since + length <= SPAN + 1:
        assert spent == pytest.approx({status: moments.count(status) / 1000 for status in set(moments)})


@examples
@given(changes, st.integers(-10, SPAN), st.integers(0, SPAN))
def test_uptime_is_a_share_and_only_there_when_something_was_measured(found, since, length):
    ratio, coverage = uptime(intervals_of(found), since, since + length)
    assert 0 <= coverage <= 1
    assert (ratio is None) == (coverage == 0)
    assert ratio is None or 0 <= ratio <= 1


def test_a_late_down_takes_back_the_up_that_was_shown_meanwhile():
    intervals = [Interval(UP, 0, None)]
    assert apply(intervals, DOWN, 40) == [Interval(UP, 0, 40), Interval(DOWN, 40, None)]


def test_a_change_to_the_status_it_had_before_takes_back_what_came_between():
    intervals = [Interval(UP, 0, 50), Interval(NODATA, 50, None)]
    assert apply(intervals, UP, 50) == [Interval(UP, 0, None)]


def test_the_first_status_of_all_begins_the_tiling():
    assert apply([], PENDING, 7) == [Interval(PENDING, 7, None)]


@pytest.mark.parametrize(
    ("intervals", "ratio", "coverage"),
    [
        ([Interval(UP, 0, None)], 1.0, 1.0),
        ([Interval(DOWN, 0, None)], 0.0, 1.0),
        ([Interval(UP, 0, 3 * HOUR), Interval(DOWN, 3 * HOUR, None)], 0.75, 1.0),
        ([Interval(UP, 0, HOUR), Interval(NODATA, HOUR, None)], 1.0, 0.25),
        ([Interval(DOWN, 0, HOUR), Interval(NODATA, HOUR, 2 * HOUR), Interval(UP, 2 * HOUR, None)], 2 / 3, 0.75),
        ([Interval(UP, 0, HOUR), Interval(PAUSED, HOUR, None)], 1.0, 1.0),
        ([Interval(UP, 0, HOUR), Interval(MAINTENANCE, HOUR, 2 * HOUR), Interval(DOWN, 2 * HOUR, None)], 1 / 3, 1.0),
        ([Interval(PENDING, 0, 3 * HOUR), Interval(UP, 3 * HOUR, None)], 1.0, 1.0),
        ([Interval(NODATA, 0, None)], None, 0.0),
        ([Interval(PAUSED, 0, None)], None, 0.0),
        ([Interval(UP, 5 * HOUR, None)], None, 0.0),
        ([], None, 0.0),
    ],
)
def test_only_measured_time_counts_and_only_blind_time_lowers_the_coverage(intervals, ratio, coverage):
    assert uptime(intervals, 0, 4 * HOUR) == (pytest.approx(ratio) if ratio else ratio, pytest.approx(coverage))


@examples
@given(changes, st.lists(st.integers(-5, SPAN + 5), max_size=9, unique=True).map(sorted))
def test_the_seconds_of_many_stretches_are_those_of_each(found, edges):
    intervals = intervals_of(found)
    assert seconds_by_stretch(intervals, edges) == [seconds_by_status(intervals, *each) for each in pairwise(edges)]
