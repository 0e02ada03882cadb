"""What is read of ticks is what is open, however different the monitors are that come together."""

import pytest

from monitors.models import Tick
from monitors.services.openticks import open_ticks
from monitors.times import from_ms, now_ms
from tests.factories import make_monitor, make_region, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SECOND, MINUTE = 1_000, 60_000


def make_ticks(monitor, region, slots):
    Tick.objects.bulk_create(
        Tick(monitor=monitor, region=region, slot=from_ms(slot), vote="up", config_version=1) for slot in slots
    )


@pytest.fixture
def pair():
    """One checked every five seconds, and one that was last accounted for three hours ago."""
    team, region, now = team_of(make_user()), make_region(), now_ms()
    often, seldom = make_monitor(team, regions=[region]), make_monitor(team, regions=[region])
    make_ticks(often, region, range(now - 20 * MINUTE, now, 5 * SECOND))
    make_ticks(seldom, region, [now - 170 * MINUTE])
    return often, seldom, now


def test_every_tick_after_a_monitors_moment_is_read(pair):
    often, seldom, now = pair
    moments = {often.pk: now - 12 * SECOND, seldom.pk: now - 180 * MINUTE}
    found = list(open_ticks(moments, "slot"))
    assert {(often.pk, from_ms(now - 5 * SECOND)), (often.pk, from_ms(now - 10 * SECOND))} <= set(found)
    assert (seldom.pk, from_ms(now - 170 * MINUTE)) in found


def test_one_that_is_far_back_does_not_make_hours_of_another_be_read(pair):
    often, seldom, now = pair
    moments = {often.pk: now - 12 * SECOND, seldom.pk: now - 180 * MINUTE}
    assert sum(pk == often.pk for pk, _ in open_ticks(moments, "slot")) == 2


def test_what_lies_beyond_the_end_is_left_out(pair):
    often, _, now = pair
    assert list(open_ticks({often.pk: now - 12 * SECOND}, "slot", until=now - 8 * SECOND)) == [
        (often.pk, from_ms(now - 10 * SECOND))
    ]


def test_nobody_has_no_ticks():
    assert list(open_ticks({}, "slot")) == []
