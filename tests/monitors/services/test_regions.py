"""Signs of life: what they say, and whether a clock is wrong or only a queue slow."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from monitors.models import RegionWorker
from monitors.services.regions import Sign, beacon, heard
from monitors.times import now_ms
from tests.factories import make_region

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FACTS = ["host:1", 1_790_000_000_000, 3, 1.5, "0.1.0", [], [], 1_790_000_000_000]


def test_a_sign_is_read_from_its_facts():
    canaries = [["http://up.example/", True, "down", 2, "Connection refused\x00"]]
    sign = Sign.from_wire([*FACTS[:5], canaries, ["203.0.113.7"], 1_790_000_000_007])
    assert (sign.worker, sign.lag_ms, sign.sent_at) == ("host:1", 1.5, 1_790_000_000_007)
    told = {"url": "http://up.example/", "known_up": True, "vote": "down", "wrong": 2}
    assert sign.addresses == ("203.0.113.7",)
    assert sign.canaries == ({**told, "detail": "Connection refused\\x00"},)


@pytest.mark.parametrize(
    "facts",
    [
        [],
        FACTS[:5],
        [*FACTS, 1],
        [*FACTS[:7], "now"],
        [*FACTS[:5], "none", [], 7],
        [*FACTS[:5], [], "none", 7],
        [*FACTS[:5], [["http://up.example/"]], [], 7],
        [*FACTS[:5], [["http://up.example/", "yes", "up", 0, ""]], [], 7],
        [None, *FACTS[1:]],
    ],
)
def test_a_sign_with_other_facts_is_refused(facts):
    with pytest.raises(ValueError, match="does not have the facts"):
        Sign.from_wire(facts)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="is no address"):
        Sign.from_wire([*FACTS[:6], ["<script>"], 7])


# The clock ------------------------------------------------------------------------------------------------------------
class Region:
    """Gives signs by a clock that is `off_ms` ahead of ours; they take `way_ms` to be read."""

    def __init__(self):
        self.row, self.now = make_region(), timezone.now()

    def sign(self, off_ms=0, way_ms=5, beacon_ms=5, after_s=5.0):
        """A while later: a beacon is read that took `beacon_ms`, then the sign; returns the clock as known."""
        self.now += timedelta(seconds=after_s)
        with time_machine.travel(self.now, tick=False):
            if beacon_ms is not None:
                beacon(timezone.now() - timedelta(milliseconds=beacon_ms))
            sent = now_ms() - way_ms + off_ms
            heard(self.row, Sign("w", sent, 0, 0.0, "1", sent), sent)
        return RegionWorker.objects.get().clock_ms


def test_a_right_clock_is_known_to_be_right():
    assert Region().sign() == -5


def test_a_clock_that_is_ahead_is_seen_at_once_whatever_the_queue_does():
    assert Region().sign(off_ms=3_000, beacon_ms=None) == 2_995


def test_a_clock_that_is_behind_is_believed_little_by_little():
    region = Region()
    assert [region.sign(off_ms=-9_000) for _ in range(10)][:3] == [-1_000, -2_000, -3_000]
    assert region.sign(off_ms=-9_000) == -9_005


def test_one_message_that_was_held_up_makes_no_wrong_clock():
    region = Region()
    assert [region.sign(), region.sign(way_ms=8_000), region.sign()] == [-5, -1_005, -5]


def test_many_messages_that_were_held_up_together_make_no_wrong_clock():
    region = Region()
    region.sign()
    held_up = [region.sign(way_ms=8_000, after_s=5.0 if number == 0 else 0.01) for number in range(9)]
    assert set(held_up) == {-1_005}
    assert region.sign() == -5


@pytest.mark.parametrize("beacon_ms", [None, 1_001, 60_000])
def test_while_the_queue_is_slow_or_stands_still_a_late_sign_says_nothing_of_the_clock(beacon_ms):
    assert Region().sign(way_ms=60_000, beacon_ms=beacon_ms) is None
