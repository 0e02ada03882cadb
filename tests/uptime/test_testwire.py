"""How a worker tells what came of a test from what came of a check or of a canary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.verdict import Vote
from monitors.probes.base import MAX_BIGINT, Check, Outcome
from uptime import canaries
from uptime.testwire import disguised, revealed


def check(run, number=3):
    return Check(run, 1_000, number, "http", "http://shop.example/", 5_000, 3_000, {"a": "b"})


def outcome(monitor):
    return Outcome(monitor, 1_000, 3, Vote.UP)


@given(st.integers(1, MAX_BIGINT))
def test_a_test_comes_home_as_what_it_left_as(run):
    inside = disguised(check(run))
    assert inside.monitor < 0
    assert (inside.target, inside.options, inside.version) == ("http://shop.example/", {"a": "b"}, 3)
    assert revealed(outcome(inside.monitor)).outcome == outcome(run)


@pytest.mark.parametrize("monitor", [1, MAX_BIGINT, -1, -canaries.MOST])
def test_a_check_of_a_monitor_or_a_canary_is_no_test(monitor):
    assert revealed(outcome(monitor)) is None


def test_a_test_is_no_canary_and_never_leaves_among_the_outcomes_of_monitors():
    inside = disguised(check(1)).monitor
    assert -1 - inside >= canaries.MOST
    with pytest.raises(ValueError, match="monitor"):
        Outcome.from_wire(outcome(inside).to_wire())
