"""While none of a monitor's regions can look another one does, says so, and hands back."""

import pytest

from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.slots import next_slot
from monitors.models import Region, RegionTrouble, Round, Schedule, Tick
from monitors.probes.reasons import Reason
from monitors.times import Ms, from_ms, now_ms
from tests.factories import make_region
from tests.monitors.services.cast import claimed, make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def silent(*slugs):
    return {region.pk: Reason.REGION_OFFLINE for region in Region.objects.filter(slug__in=slugs)}


def doubted(*slugs):
    return frozenset(Region.objects.filter(slug__in=slugs).values_list("pk", flat=True))


def due_now(monitor) -> Ms:
    """Make the monitor's next slot due; returns it."""
    monitor.extra_slots.all().delete()
    slot = next_slot(monitor.pk, monitor.interval, now_ms())
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=from_ms(slot))
    return slot


def looking(monitor, **how):
    """Which regions are asked to look in the next slot."""
    slot = due_now(monitor)
    return sorted(region for region, check in claimed(slot, **how) if check.slot == slot)


def test_another_region_looks_while_the_only_one_is_offline():
    monitor = make_watched(["eu"])
    make_region("us")
    assert looking(monitor, silent=silent("eu")) == ["us"]
    row = Round.objects.get()
    us = Region.objects.get(slug="us").pk
    assert (row.eligible, row.stand_ins) == ([us], [us])
    assert list(Tick.objects.values_list("region__slug", "vote", "reason")) == [("eu", "nodata", "region_offline")]


def test_it_hands_back_as_soon_as_its_own_region_is_there_again():
    monitor = make_watched(["eu"])
    make_region("us")
    looking(monitor, silent=silent("eu"))
    slot = due_now(monitor) + monitor.interval * 1000
    Schedule.objects.update(next_slot_at=from_ms(slot))
    assert [region for region, _ in claimed(slot)] == ["eu"]
    assert not Round.objects.filter(slot=from_ms(slot)).exists()


def test_a_monitor_told_to_wait_is_not_looked_at_from_elsewhere():
    monitor = make_watched(["eu"], when_blind="wait")
    make_region("us")
    assert looking(monitor, silent=silent("eu")) == []
    assert Round.objects.get().eligible == []


def test_nobody_stands_in_while_one_of_its_regions_can_look():
    monitor = make_watched(["eu", "us"])
    make_region("asia")
    assert looking(monitor, silent=silent("eu")) == ["us"]


def test_two_stand_in_for_several_so_that_none_decides_alone():
    monitor = make_watched(["eu", "us"])
    for slug in ("asia", "africa", "oceania"):
        make_region(slug)
    found = looking(monitor, silent=silent("eu", "us"))
    assert len(found) == 2
    assert not {"eu", "us"} & set(found)


def test_only_a_fit_region_stands_in():
    monitor = make_watched(["eu"])
    for slug, facts in {"off": {"enabled": False}, "mute": {}, "sick": {}, "well": {}}.items():
        make_region(slug, **facts)
    assert looking(monitor, silent=silent("eu", "mute"), doubted=doubted("sick")) == ["well"]


def test_monitors_are_spread_over_the_regions_that_can_stand_in():
    monitors = [make_watched(["eu"])]
    others = [make_region(slug).slug for slug in ("us", "asia")]
    for _ in range(3):
        monitors.append(type(monitors[0]).objects.create(team=monitors[0].team, interval=30, timeout_ms=10_000))
        monitors[-1].regions.set(monitors[0].regions.all())
        Schedule.objects.create(monitor=monitors[-1])
    found = {monitor.pk: looking(monitor, silent=silent("eu"))[0] for monitor in monitors}
    assert sorted(found.values()) == sorted(others * 2)


def test_a_doubted_region_is_fed_and_has_no_vote():
    monitor = make_watched(["eu", "us", "asia"])
    assert looking(monitor, doubted=doubted("eu")) == ["asia", "eu", "us"]
    assert Round.objects.get().eligible == sorted(doubted("us", "asia"))


# What it sees counts --------------------------------------------------------------------------------------------------
def stood_in_rounds(monitor, count):
    """Slots for which `us` was asked in place of `eu`."""
    start = settle(monitor)
    us = Region.objects.get(slug="us").pk
    slots = []
    for _ in range(count):
        start = next_slot(monitor.pk, monitor.interval, start)
        slots.append(start)
        Round.objects.create(monitor=monitor, slot=from_ms(start), eligible=[us], stand_ins=[us], config_version=1)
    return slots


def test_the_stand_in_takes_it_down_and_the_reason_says_who_looked():
    monitor = make_watched(["eu"])
    make_region("us", name="US East")
    for slot in stood_in_rounds(monitor, 2):
        incidents.apply(take("us", [outcome(monitor, slot, Reason.REFUSED)], slot + 500).changes)
    incident = Incident.objects.get()
    assert incident.regions == ["US East"]
    assert "its own region could not look, so US East did" in incident.timeline.get().text


def test_a_region_nobody_asked_to_stand_in_is_refused():
    monitor = make_watched(["eu"])
    make_region("us")
    slot = stood_in_rounds(monitor, 1)[0]
    make_region("asia")
    assert take("asia", [outcome(monitor, slot)], slot + 500).refused == 1
    assert take("us", [outcome(monitor, slot + 1)], slot + 500).refused == 1
    assert Tick.objects.count() == 0


def test_a_stand_in_that_is_removed_holds_nothing_up():
    monitor = make_watched(["eu"])
    us = make_region("us")
    slot = stood_in_rounds(monitor, 1)[0]
    us.delete()
    take("eu", [outcome(monitor, slot)], slot + 500)
    assert state_of(monitor).accounted_until >= from_ms(slot)


# A region in doubt ----------------------------------------------------------------------------------------------------
def test_votes_of_a_region_that_turned_sick_count_as_no_data_in_open_rounds():
    monitor = make_watched(["eu", "us"], quorum="any", confirm=1)
    slot = next_slot(monitor.pk, monitor.interval, settle(monitor))
    eu = Region.objects.get(slug="eu")
    RegionTrouble.objects.create(
        region=eu, kind=RegionTrouble.Kind.CANARY, start=from_ms(slot), doubted_from=from_ms(slot)
    )
    assert take("eu", [outcome(monitor, slot, Reason.REFUSED)], slot + 500).changes == []
    assert Tick.objects.get().vote == "down"  # what was seen stays on record
    take("us", [outcome(monitor, slot)], slot + 600)
    assert Round.objects.get().votes == {str(eu.pk): "nodata", str(Region.objects.get(slug="us").pk): "up"}


def test_doubts_end():
    monitor = make_watched(["eu"], confirm=1)
    slot = next_slot(monitor.pk, monitor.interval, settle(monitor))
    RegionTrouble.objects.create(
        region=Region.objects.get(slug="eu"),
        kind=RegionTrouble.Kind.SKEWED,
        start=from_ms(slot - 60_000),
        doubted_from=from_ms(slot - 60_000),
        end=from_ms(slot),
    )
    [change] = take("eu", [outcome(monitor, slot, Reason.REFUSED)], slot + 500).changes
    assert change.after == "down"
