"""A group is what its members make it, by its rule and whatever the unknown ones turn out to be."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.group import ABSENT, EITHER, Demand, Member, Rule, status
from monitors.domain.verdict import Status
from tests.monitors.domain.worlds import examples

UP, DOWN, NODATA, PENDING = Status.UP, Status.DOWN, Status.NODATA, Status.PENDING
VALIDATING, PAUSED, MAINTENANCE = Status.VALIDATING, Status.PAUSED, Status.MAINTENANCE


@pytest.mark.parametrize(
    ("demand", "statuses", "expected"),
    [
        (Demand(Rule.ALL), [UP, UP], UP),
        (Demand(Rule.ALL), [UP, DOWN], DOWN),
        (Demand(Rule.ALL), [UP, NODATA], NODATA),
        (Demand(Rule.ALL), [DOWN, NODATA], DOWN),
        (Demand(Rule.ALL), [UP, VALIDATING], DOWN),
        (Demand(Rule.ALL), [UP, PAUSED], UP),
        (Demand(Rule.ANY), [UP, DOWN], UP),
        (Demand(Rule.ANY), [DOWN, DOWN], DOWN),
        (Demand(Rule.ANY), [DOWN, NODATA], NODATA),
        (Demand(Rule.ANY), [UP, NODATA], UP),
        (Demand(Rule.ANY), [DOWN, PAUSED], DOWN),
        (Demand(Rule.AT_LEAST, least=2), [UP, UP, DOWN], UP),
        (Demand(Rule.AT_LEAST, least=2), [UP, DOWN, DOWN], DOWN),
        (Demand(Rule.AT_LEAST, least=2), [UP, NODATA, DOWN], NODATA),
        (Demand(Rule.AT_LEAST, least=2), [UP, PAUSED, PAUSED], UP),
        (Demand(Rule.ALL), [PENDING, UP], PENDING),
        (Demand(Rule.ALL), [PENDING, NODATA], NODATA),
        (Demand(Rule.ALL), [PAUSED, PAUSED], NODATA),
        (Demand(Rule.ALL), [PAUSED, MAINTENANCE], MAINTENANCE),
        (Demand(Rule.ALL), [UP, MAINTENANCE], UP),
        (Demand(Rule.ALL), [], NODATA),
    ],
)
def test_the_rule_says_what_the_members_come_to(demand, statuses, expected):
    assert status([Member(each) for each in statuses], demand) is expected


@pytest.mark.parametrize(("share", "expected"), [(50, UP), (75, UP), (76, DOWN), (100, DOWN)])
def test_the_weights_of_those_that_are_up_are_a_share_of_all_weights(share, expected):
    assert status([Member(UP, 3), Member(DOWN, 1)], Demand(Rule.WEIGHTED, share=share)) is expected


DEMANDS = st.builds(Demand, st.sampled_from(Rule), st.integers(1, 5), st.integers(1, 100))
MEMBERS = st.lists(st.builds(Member, st.sampled_from(Status), st.integers(1, 9)), max_size=6)


@examples
@given(MEMBERS, DEMANDS)
def test_up_and_down_are_what_every_way_of_filling_in_the_unknown_ones_gives(members, demand):
    found = status(members, demand)
    present = [each for each in members if each.status not in ABSENT]
    if not present:
        assert found in {NODATA, MAINTENANCE}
        return
    known = [each for each in present if each.status not in EITHER]
    unknown = [each for each in present if each.status in EITHER]
    ends = {
        status([*known, *(Member(each, m.weight) for each, m in zip(way, unknown, strict=True))], demand)
        for way in product((UP, DOWN), repeat=len(unknown))
    }
    assert found == next(iter(ends)) if len(ends) == 1 else found in {NODATA, PENDING}


@examples
@given(MEMBERS, DEMANDS, st.randoms(use_true_random=False))
def test_neither_order_nor_absent_members_matter(members, demand, rnd):
    found = status(members, demand)
    shuffled = [*members]
    rnd.shuffle(shuffled)
    assert status(shuffled, demand) == found
    assert found in {NODATA, MAINTENANCE} or status([*members, Member(PAUSED, 9)], demand) == found
