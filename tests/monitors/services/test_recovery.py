"""Nothing stays stuck: not after a region left, not after weeks away, not after an edit or a wrong clock."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from monitors.domain.slots import next_slot
from monitors.models import Gap, Region, Schedule, State, StatusInterval, Tick
from monitors.probes.reasons import Reason
from monitors.services import edit, judging, regions, sweep
from monitors.services.regions import Hearing, Sign, beacon, heard, hearing
from monitors.times import from_ms, now_ms, to_ms
from tests.factories import make_region
from tests.monitors.services.cast import claimed, make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def all_heard(monkeypatch):
    """Whatever regions sent has been stored."""
    long_after = timezone.now() + timedelta(days=10)
    every = dict.fromkeys(range(30000), long_after)
    monkeypatch.setattr(sweep, "hearing", lambda: Hearing(frozenset(), every))


def test_a_region_that_leaves_an_open_round_holds_nothing_up(all_heard):
    monitor = make_watched(["a", "b", "c"], interval=30)
    slot = next_slot(monitor.pk, 30, settle(monitor))
    Schedule.objects.update(next_slot_at=from_ms(slot))
    claimed(slot - 500, {Region.objects.get(slug="c").pk: Reason.REGION_OFFLINE})  # a and b are frozen as eligible
    take("a", [outcome(monitor, slot, Reason.REFUSED)], slot + 100)
    regions.remove(Region.objects.get(slug="b"))
    Schedule.objects.update(next_slot_at=from_ms(slot + 30_000 * 10))
    for number in range(1, 10):
        for region in ("a", "c"):
            take(region, [outcome(monitor, slot + 30_000 * number)], slot + 30_000 * number + 100)
    sweep.sweep(from_ms(slot + 30_000 * 10))
    assert to_ms(state_of(monitor).judged_until) >= slot + 30_000 * 8
    assert state_of(monitor).status == "up"


def test_slots_from_before_a_long_absence_are_given_up_without_their_partitions(all_heard):
    monitor = make_watched(["a"], interval=30)
    now = settle(monitor)
    before = from_ms(now - 40 * 86_400_000)
    State.objects.update(judged_until=before, accounted_until=before, last_decided=before, sweep_at=before)
    Schedule.objects.update(next_slot_at=before + timedelta(seconds=61))
    claimed(now)  # two slots were sent before the absence; the rest is one long gap
    sweep.sweep(from_ms(now))
    assert state_of(monitor).accounted_until > from_ms(now) - timedelta(days=1, minutes=1)
    assert Gap.objects.filter(reason="lost").exists()
    assert not Tick.objects.exists()


def test_a_shorter_interval_does_not_rewrite_what_was_measured():
    monitor = make_watched(["a"], interval=3600)
    monitor.extra_slots.all().delete()
    long_ago, lately = timezone.now() - timedelta(hours=10), timezone.now() - timedelta(minutes=40)
    facts = {"judged_until": lately, "accounted_until": lately, "last_decided": lately}
    State.objects.update(status="up", verdict="up", since=long_ago, **facts)
    StatusInterval.objects.update(status="up", start=long_ago)
    edit.change(monitor, {"interval": 60})
    sweep.sweep(timezone.now() + timedelta(seconds=1))
    assert set(StatusInterval.objects.values_list("status", flat=True)) == {"up"}


def test_a_lost_first_check_of_a_daily_monitor_is_accounted_for_soon(all_heard):
    monitor = make_watched(["a"], interval=86_400)
    now = now_ms()
    sweep.sweep(from_ms(now + 50))  # looks before dispatch has handed the first check out
    claimed(now + 100)
    sweep.sweep(from_ms(now + 60_000))
    assert not monitor.extra_slots.exists()
    assert Tick.objects.get().reason == "lost"


def test_a_lost_check_now_is_accounted_for_soon(all_heard):
    monitor = make_watched(["a"], interval=86_400)
    [(_, check)] = claimed(now_ms())
    take("a", [outcome(monitor, check.slot)], check.slot + 10)
    edit.check_now(monitor)
    now = now_ms()
    claimed(now)
    sweep.sweep(from_ms(now + 60_000))
    assert Tick.objects.filter(reason="lost").count() == 1


def test_after_our_clock_was_set_back_regions_are_heard_again():
    region, now = make_region("a"), timezone.now()
    for start in (now + timedelta(hours=1), now):  # an hour ahead for a minute, then right
        for seconds in range(0, 60, 2):
            with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
                beacon(timezone.now())
                heard(region, Sign("w", now_ms(), 0, 0.0, "1", now_ms()), now_ms())
                assert region.pk not in hearing().offline


def test_a_backlog_of_many_slots_is_worked_off_in_pieces(all_heard, monkeypatch):
    monkeypatch.setattr(judging, "MOST_SLOTS", 10)
    monitor = make_watched(["a"], interval=1)
    now = settle(monitor)
    start = from_ms(now - 60_000)
    State.objects.update(judged_until=start, accounted_until=start, last_decided=start)
    for _ in range(10):
        State.objects.update(sweep_at=from_ms(0))
        sweep.sweep(from_ms(now))
    assert state_of(monitor).accounted_until > from_ms(now - 12_000)


def test_a_deleted_monitor_is_neither_edited_nor_resumed_back_to_life():
    monitor = make_watched(interval=3600)
    edit.pause(monitor)
    edit.delete(monitor)
    assert edit.resume(monitor) is None
    assert edit.change(monitor, {"interval": 60}) is False
    assert claimed(now_ms() + 7_200_000) == []


def test_a_monitor_that_was_brought_back_is_not_purged(monkeypatch):
    monitor = make_watched()
    edit.delete(monitor)
    ids = edit.Monitor.objects.values_list("pk", flat=True)
    edit.restore(monitor)
    assert list(ids)
    assert edit.purge(timezone.now() + timedelta(hours=1)) == 0
