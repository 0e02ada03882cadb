"""A domain gets a burst at once, then evenly as many as the rate, and nothing after a slot's start budget."""

from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.bucket import BURST_S, SLACK_MS, Rate, take

LATENESS = 10_000
START = 1_790_000_000_000


def offsets(slots, rate, lateness=LATENESS):
    free, found = 0, []
    for slot in slots:
        offset, free = take(free, slot, lateness, rate)
        found.append(offset)
    return found


def test_what_comes_evenly_starts_on_time():
    assert set(offsets(range(START, START + 60_000, 200), Rate(5))) == {0}


def test_of_fifty_at_once_a_burst_starts_now_and_the_rest_one_by_one():
    found = offsets([START] * 50, Rate(5))
    assert found[:10] == [0] * 10
    assert found[10:] == list(range(200, 200 * 41, 200))


def test_what_would_start_too_late_is_held_back():
    found = offsets([START] * 100, Rate(5), lateness=2_000)
    assert [each for each in found if each is not None] == [0] * 10 + [200, 400, 600, 800, 1_000]
    assert found[15:] == [None] * 85


@given(st.integers(1, 100), st.lists(st.integers(0, 20_000), max_size=200), st.sampled_from([2_000, 3_333, 10_000]))
def test_never_more_than_the_rate_and_a_burst_and_never_too_late(per_second, moments, lateness):
    rate, slots = Rate(per_second), sorted(START + each for each in moments)
    found = offsets(slots, rate, lateness)
    starts = sorted(slot + offset for slot, offset in zip(slots, found, strict=True) if offset is not None)
    assert all(0 <= offset <= lateness - SLACK_MS for offset in found if offset is not None)
    for i, start in enumerate(starts):
        within = [each for each in starts[i:] if each < start + 10_000]
        assert len(within) <= per_second * (10 + BURST_S) + 1
