"""Percentiles are within 2 %, and parts add up to the whole."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.histogram import (
    COUNT_MASK,
    LAST_CELL,
    LEAST_MS,
    cell,
    count,
    merge,
    middle,
    pack,
    percentile,
    total,
    unpack,
)
from tests.monitors.domain.worlds import examples

A_DAY_OF_SECONDS = 86_400
times = st.floats(LEAST_MS, 600_000)
shares = st.floats(0, 1)


def exact(seen, share):
    """The percentile by nearest rank, from the times themselves."""
    return sorted(seen)[max(1, math.ceil(share * len(seen))) - 1]


@examples
@given(st.lists(times, min_size=1, max_size=80), shares)
def test_a_percentile_is_within_two_percent(seen, share):
    assert percentile(count(seen), share) == pytest.approx(exact(seen, share), rel=0.02)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_so_it_is_over_a_day_of_checks_every_second(share):
    chance = random.Random(7)
    seen = [chance.lognormvariate(4.6, 0.8) for _ in range(A_DAY_OF_SECONDS)]
    assert percentile(count(seen), share) == pytest.approx(exact(seen, share), rel=0.02)


@examples
@given(st.lists(st.lists(times, max_size=20), max_size=6))
def test_parts_add_up_to_the_whole(parts):
    assert merge(count(part) for part in parts) == count(ms for part in parts for ms in part)


@examples
@given(st.lists(times, max_size=80))
def test_nothing_is_lost_on_the_way_into_the_database(seen):
    histogram = count(seen)
    assert total(histogram) == len(seen)
    assert unpack(pack(histogram)) == histogram
    assert pack(histogram) == sorted(pack(histogram))


@examples
@given(times, times)
def test_cells_are_in_the_order_of_times(one, other):
    assert (cell(one) <= cell(other)) or one > other


def test_what_is_stored_fits_a_signed_integer_of_four_bytes():
    assert pack({LAST_CELL: COUNT_MASK}) == [2**31 - 1]
    assert A_DAY_OF_SECONDS * 12 < COUNT_MASK


@pytest.mark.parametrize(("ms", "found"), [(0, 0), (-1, 0), (1e40, LAST_CELL)])
def test_absurd_times_have_a_cell_too(ms, found):
    assert cell(ms) == found


def test_of_nothing_there_is_no_percentile():
    assert percentile({}, 0.95) is None


def test_a_cell_stands_for_the_middle_of_its_times():
    assert middle(cell(100)) == pytest.approx(100, rel=0.02)
