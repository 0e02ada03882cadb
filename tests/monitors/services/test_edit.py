"""What people do to monitors takes effect at the next slot, and forgets nothing it should keep."""

import pytest

from monitors.domain.slots import next_slot
from monitors.models import ExtraSlot, Monitor, Schedule, StatusInterval
from monitors.services import edit, regions
from monitors.times import from_ms, now_ms, to_ms
from tests.factories import make_region, make_user, team_of
from tests.monitors.services.cast import claimed, make_watched, outcome, state_of, take

pytestmark = pytest.mark.django_db


def test_a_new_monitor_takes_the_default_timeout_of_its_interval():
    assert make_watched(interval=3).timeout_ms == 5_000


def test_without_regions_all_enabled_ones_check_it():
    make_region("off", enabled=False)
    make_region("eu")
    monitor = edit.create(team_of(make_user("bob")), None, {"target": "http://shop.example/", "interval": 30})
    assert {region.slug for region in monitor.regions.all()} == {"eu"}


def test_a_new_name_is_no_new_configuration():
    monitor = make_watched()
    assert edit.change(monitor, {"name": "Other"}) is False
    assert (monitor.config_version, Monitor.objects.get().name) == (1, "Other")


@pytest.mark.parametrize(
    "fields",
    [{"target": "http://other.example/"}, {"interval": 60}, {"confirm": 3}, {"options": {"method": "HEAD"}}],
)
def test_an_edit_of_what_is_judged_starts_a_new_configuration_and_a_check_at_once(fields):
    monitor = make_watched()
    claimed(now_ms())
    assert edit.change(monitor, fields) is True
    assert Monitor.objects.get().config_version == 2
    assert to_ms(Schedule.objects.get().next_slot_at) == next_slot(monitor.pk, monitor.interval, now_ms())
    assert {check.version for _, check in claimed(now_ms())} == {2}


def test_the_same_values_again_change_nothing():
    monitor = make_watched()
    same = {"target": monitor.target, "interval": 30, "regions": list(monitor.regions.all()), "secrets": {}}
    assert edit.change(monitor, same) is False


def test_pausing_stops_everything_and_resuming_starts_afresh():
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    take("eu", [outcome(monitor, check.slot)], check.slot + 10)
    edit.pause(monitor)
    assert state_of(monitor).status == "paused"
    assert Schedule.objects.get().next_slot_at is None
    assert edit.pause(monitor) is None
    edit.resume(monitor)
    assert state_of(monitor).status == "pending"
    assert claimed(now_ms())
    assert list(StatusInterval.objects.values_list("status", flat=True))[-2:] == ["paused", "pending"]


def test_a_result_that_was_under_way_when_it_was_paused_changes_nothing():
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    edit.pause(monitor)
    take("eu", [outcome(monitor, check.slot)], check.slot + 10)
    assert state_of(monitor).status == "paused"


def test_a_deletion_can_be_undone():
    monitor = make_watched()
    edit.delete(monitor)
    assert not Monitor.objects.alive().exists()
    assert claimed(now_ms() + 60_000) == []
    edit.restore(monitor)
    assert Monitor.objects.alive().exists()
    assert ExtraSlot.objects.exists()


def test_a_paused_monitor_is_still_paused_after_delete_and_restore():
    monitor = make_watched()
    edit.pause(monitor)
    edit.delete(monitor)
    edit.restore(monitor)
    assert state_of(monitor).status == "paused"
    assert claimed(now_ms() + 60_000) == []


def test_purging_removes_only_what_was_deleted_before():
    monitor = make_watched()
    edit.delete(monitor)
    assert edit.purge(from_ms(now_ms() - 60_000)) == 0
    assert edit.purge(from_ms(now_ms() + 60_000)) == 1
    assert not Monitor.objects.exists()


def test_what_comes_back_without_its_regions_gets_the_others():
    monitor = make_watched(["eu"])
    other = make_region("us")
    edit.delete(monitor)
    regions.remove(monitor.regions.get())
    edit.restore(monitor)
    assert list(monitor.regions.all()) == [other]
