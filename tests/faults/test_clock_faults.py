"""T4: the centre's and the regions' clock is an hour ahead, is set back, jumps ahead, and is set back again."""

import time
from itertools import pairwise

import pytest

from tests.faults.stack import REMOTE, SIZES, WRONG_CLOCK, Stack
from tests.helpers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.full, pytest.mark.timeout(600)]

SILENCE_S = 5.0  # beyond an interval
STEPS = {"set back by an hour": 0, "a minute ahead": 60, "set back by a minute": 0}  # seconds ahead, afterwards


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return tmp_path_factory.mktemp("clock") / "ahead"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, clock):
    """Everything but the servers has the clock of that file; so no region whose worker gets no environment of ours."""
    clock.write_text("3600")
    knobs = {"PYTHONPATH": str(WRONG_CLOCK), "CLOCK_AHEAD": str(clock)}
    folder = tmp_path_factory.mktemp("faults")
    with Stack(folder, SIZES["quick"], REMOTE, **knobs) as running:
        running.wait_until_calm(time.time() + 3600)
        yield running


@pytest.mark.parametrize("step", STEPS)
def test_the_clock_is(step, stack, clock):
    began, ahead, incidents = time.time(), STEPS[step], count_incidents(stack)
    clock.write_text(str(ahead))
    stack.wait_until_calm(began + ahead + SILENCE_S, 30)
    assert longest_silence(stack, began) <= stack.size.interval + SILENCE_S + 1  # a second until the file is read
    assert count_incidents(stack) == incidents
    an_outage_is_noticed(stack)
    assert count_incidents(stack) == incidents + 1
    spans = 'SELECT count(*) FROM monitors_statusinterval WHERE "end" < start'
    assert stack.sql(spans) == [(0,)]
    future = "SELECT count(*) FROM monitors_tick WHERE slot > to_timestamp(%s)"
    assert stack.sql(future, time.time() + ahead + 10) == [(0,)]


def longest_silence(stack, since: float) -> float:
    """The longest time in which a target was not asked by anybody."""
    now, targets = time.time(), list(stack.targets.values())
    moments = {target: [since, now] for target in targets}
    for probe in stack.farm.seen(since, now, targets):
        moments[probe.target].append(probe.at)
    return max(after - before for found in moments.values() for before, after in pairwise(sorted(found)))


def count_incidents(stack) -> int:
    return stack.sql("SELECT count(*) FROM incidents_incident")[0][0]


def an_outage_is_noticed(stack) -> None:
    monitor, target = next(iter(stack.targets.items()))
    query = "SELECT status FROM monitors_state WHERE monitor_id = %s"
    stack.farm.breaks(target)
    wait_until(lambda: stack.sql(query, monitor) == [("down",)], 40, 0.2, "the outage is noticed")
    stack.farm.heals(target)
    wait_until(lambda: stack.sql(query, monitor) == [("up",)], 40, 0.2, "and its end")
