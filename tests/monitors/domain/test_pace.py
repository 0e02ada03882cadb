"""Which slots are left out, never more than ten minutes of them, and how soon all of them are back."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.domain import pace, slots
from monitors.domain.change import Change
from monitors.domain.pace import Grid, Pace, Wish, every_nth, not_before
from tests import verdict_spec as spec
from tests.monitors.domain.worlds import MONITOR, START, Watched, examples

HOUR = 3_600_000
INTERVALS = st.sampled_from([1, 7, 30, 60, 150, 300, 601, 3600])
PACES = st.builds(
    lambda start, length, every, later: Pace(
        START + start, None if length is None else START + start + length, every, START + start + later
    ),
    st.integers(0, 2_000_000),
    st.none() | st.integers(0, 2_000_000),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(-1000, 600_000),
)


@pytest.mark.parametrize(
    ("down", "interval", "every"),
    [
        (0, 30, 1),
        (HOUR - 1, 30, 1),
        (HOUR, 30, 2),
        (3 * HOUR, 30, 4),
        (12 * HOUR, 30, 8),
        (100 * HOUR, 30, 8),
        (100 * HOUR, 75, 8),
        (100 * HOUR, 76, 4),
        (100 * HOUR, 300, 2),
        (100 * HOUR, 301, 1),
        (100 * HOUR, 86_400, 1),
    ],
)
def test_what_has_been_down_long_is_asked_more_rarely_but_every_ten_minutes(down, interval, every):
    assert every_nth(down, interval) == every


@pytest.mark.parametrize(
    ("asked", "interval", "every", "seconds"),
    [
        (0, 30, 1, 0),
        (120, 30, 1, 120),
        (86_400, 30, 1, 570),  # the slot after that is at most ten minutes away
        (86_400, 30, 8, 360),
        (86_400, 600, 1, 0),
        (86_400, 3_600, 1, 0),
    ],
)
def test_staying_away_is_granted_for_less_than_ten_minutes(asked, interval, every, seconds):
    assert not_before(START, asked, interval, every) == START + seconds * 1000


@examples
@given(INTERVALS, PACES)
def test_the_due_slots_are_those_of_the_grid_that_no_pace_leaves_out(interval, one):
    grid, until = Grid(MONITOR, interval, (one,)), START + 3_000_000
    every = slots.grid(MONITOR, interval, START, until)
    due = grid.due(START, until)
    assert due == [slot for slot in every if grid.keeps(slot)]
    assert due[:1] == grid.due(START, until, most=1)
    assert grid.next(START) == (due[0] if due else grid.next(until))
    outside = [slot for slot in every if slot < one.start or (one.end is not None and slot >= one.end)]
    assert set(outside) <= set(due)
    numbers = {(slot // (interval * 1000) + MONITOR) % one.every for slot in set(due) - set(outside)}
    assert numbers <= {0}


@examples
@given(INTERVALS, PACES, st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_what_is_left_out_is_the_interval_before_each_slot_that_is(interval, one, begin, length):
    grid, step = Grid(MONITOR, interval, (one,)), interval * 1000
    after, until = START + begin, START + begin + length
    blanks = [s for s in slots.grid(MONITOR, interval, after, until + step) if not grid.keeps(s)]
    assert grid.left_out(after, until) == sum(max(0, min(s, until) - max(s - step, after)) for s in blanks)
    first = slots.next_slot(MONITOR, interval, after)
    assert grid.following(after) - after - step == grid.next(after) - first


@given(INTERVALS)
def test_the_slots_of_a_slower_pace_are_slots_of_a_quicker_one_too(interval):
    due = [
        set(Grid(MONITOR, interval, (Pace(0, None, every),)).due(START, START + 100 * interval * 1000))
        for every in (8, 4, 2, 1)
    ]
    assert due[0] <= due[1] <= due[2] <= due[3]


def test_monitors_asked_equally_rarely_do_not_take_their_turns_together():
    first = {Grid(pk, 60, (Pace(0, None, 8),)).next(START) // 60_000 % 8 for pk in range(1, 200)}
    assert len(first) == 8


# The whole loop -------------------------------------------------------------------------------------------------------
class World:
    """A monitor judged and paced in the domain, its slots handed out one by one as dispatch does."""

    def __init__(self, site, down):
        self.site, self.down = site, down  # from, to
        self.watched = Watched(spec.History(site, START))
        self.paces, self.wish, self.moment = (), Wish(), START
        self.asked = []

    @property
    def grid(self):
        return Grid(MONITOR, self.site.interval // 1000, self.paces)

    def step(self):
        """The next due slot is asked at, and answered at once."""
        slot = self.grid.next(self.moment)
        self.moment = slot
        self.asked.append(slot)
        watched = self.watched
        watched.slots = {slot: self.site.regions}
        watched.policy = replace(watched.policy, grid=self.grid)
        vote = spec.DOWN if self.down[0] <= slot < self.down[1] else spec.UP
        for region in self.site.regions:
            watched.store(spec.Heard(slot + 1, slot, region, vote))
        found = watched.judge(slot + 1, slot + self.site.interval)
        since = watched.intervals[-1].start
        wish = pace.wish(self.wish, found.state.plainly_down, slot, since, 0, self.site.interval // 1000)
        if wish != self.wish:
            ended = tuple(p._replace(end=slot + 1) if p.end is None else p for p in self.paces)
            self.paces = (*ended, Pace(slot + 1, None, *wish)) if wish.every > 1 else ended
            self.wish = wish


@settings(examples, max_examples=25)
@given(
    st.sampled_from([30, 60, 150, 300]), st.integers(1, 3), st.floats(0.1, 14).map(lambda hours: round(hours * HOUR))
)
def test_an_outage_is_told_at_once_and_its_end_within_ten_minutes_however_long_it_was(interval, rounds, length):
    site = spec.Site(frozenset([1]), confirm=rounds, recover=rounds, interval=interval * 1000)
    begin, end = START + 600_000, START + 600_000 + length
    world = World(site, (begin, end))
    while world.moment < end + 1_800_000:
        world.step()
    grid = slots.grid(MONITOR, interval, START, end + 1_800_000)
    assert max(b - a for a, b in pairwise(world.asked)) <= 600_000
    assert all(slot in world.asked for slot in grid if slot < begin + HOUR)
    changes = world.watched.transitions
    if length < rounds * interval * 1000:
        assert [change.kind for change in changes] == [Change.STARTED]
        return
    assert [change.kind for change in changes] == [Change.STARTED, Change.DOWN, Change.UP]
    down, up = changes[1].at, changes[2].at
    assert down == min(slot for slot in grid if slot >= begin)
    assert end <= up <= end + 600_000
    assert all(slot in world.asked for slot in grid if slot >= up)
