"""Every slot gets a tick from every region; what is missing is given up only when nothing can still arrive."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from incidents.models import Incident
from monitors.domain.slots import grid
from monitors.models import Gap, Pulse, Region, RegionWorker, State, StatusInterval, Tick
from monitors.probes.reasons import Reason
from monitors.services.judging import SETTLE_MS
from monitors.services.regions import RESULTS_PULSE
from monitors.services.sweep import sweep
from monitors.times import from_ms
from tests.monitors.services.cast import make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def results_flow_until(ms, since_ms=0):
    """The results queue has flowed without a break up to `ms`."""
    Pulse.objects.update_or_create(name=RESULTS_PULSE, defaults={"at": from_ms(ms), "since": from_ms(since_ms)})


def heard_until(slug, ms):
    RegionWorker.objects.update_or_create(
        region=Region.objects.get(slug=slug),
        name="worker",
        defaults={"started_at": timezone.now(), "heard_at": timezone.now(), "in_band_at": from_ms(ms)},
    )


def run_sweep(now):
    State.objects.update(sweep_at=from_ms(0))
    with transaction.atomic():
        return sweep(from_ms(now))[0]


def given_up(monitor, slot):
    return monitor.watermark_ms(slot) + SETTLE_MS


def due(monitor, count):
    start = settle(monitor)
    return grid(monitor.pk, monitor.interval, start, start + (count + 1) * monitor.interval * 1000)[:count]


def test_a_lost_result_becomes_no_data_once_the_regions_later_results_are_in():
    monitor = make_watched()
    slot = due(monitor, 1)[0]
    now = given_up(monitor, slot) + 100
    results_flow_until(now)
    heard_until("eu", now)
    run_sweep(now)
    assert list(Tick.objects.values_list("vote", "reason")) == [("nodata", "lost")]


def test_before_the_watermark_nothing_is_given_up():
    monitor = make_watched()
    slot = due(monitor, 1)[0]
    now = given_up(monitor, slot) - 1
    results_flow_until(now)
    heard_until("eu", now)
    run_sweep(now)
    assert not Tick.objects.exists()


def test_while_our_own_results_queue_stands_still_nobody_is_given_up():
    monitor = make_watched()
    slots = due(monitor, 3)
    results_flow_until(slots[0])
    heard_until("eu", slots[0])
    run_sweep(given_up(monitor, slots[2]) + 60_000)
    assert not Tick.objects.exists()


def test_after_a_standstill_regions_get_time_to_be_heard_again():
    monitor = make_watched()
    slots = due(monitor, 3)
    now = given_up(monitor, slots[2]) + 60_000
    heard_until("eu", slots[0])
    results_flow_until(now, since_ms=now - 1000)
    run_sweep(now)
    assert not Tick.objects.exists()


def test_a_region_that_fell_silent_while_results_flowed_is_offline():
    monitor = make_watched()
    slots = due(monitor, 2)
    now = given_up(monitor, slots[1]) + 100
    results_flow_until(now)
    heard_until("eu", now - 20_000)
    run_sweep(now)
    assert set(Tick.objects.values_list("reason", flat=True)) == {"region_offline"}


def test_silence_opens_no_incident_and_is_shown_as_no_data_after_five_minutes():
    monitor = make_watched()
    slots = due(monitor, 14)
    take("eu", [outcome(monitor, slots[0])], slots[0] + 100)
    now = given_up(monitor, slots[-1]) + 100
    results_flow_until(now)
    heard_until("eu", now - 20_000)
    run_sweep(now)
    assert state_of(monitor).status == "nodata"
    assert not Incident.objects.exists()
    assert list(StatusInterval.objects.values_list("status", flat=True))[-2:] == ["up", "nodata"]


def test_slots_that_were_never_sent_are_written_down_one_by_one():
    monitor = make_watched()
    slots = due(monitor, 4)
    Gap.objects.create(monitor=monitor, start=from_ms(slots[0]), end=from_ms(slots[3]), reason=Reason.NOT_DISPATCHED)
    run_sweep(given_up(monitor, slots[2]) + 100)
    assert list(Tick.objects.values_list("reason", flat=True)) == ["not_dispatched"] * 3


def test_a_long_blindness_is_its_gap_alone():
    monitor = make_watched(interval=30)
    slots = due(monitor, 60)
    Gap.objects.create(monitor=monitor, start=from_ms(slots[1]), end=from_ms(slots[50]), reason=Reason.NOT_DISPATCHED)
    take("eu", [outcome(monitor, slots[0]), outcome(monitor, slots[50])], slots[50] + 100)
    assert Tick.objects.count() == 2
    assert state_of(monitor).accounted_until == from_ms(slots[50])


def test_a_vote_missing_after_the_quorum_is_still_accounted_for():
    monitor = make_watched(["eu", "us", "ap"])
    slot = due(monitor, 1)[0]
    for region in ("eu", "us"):
        take(region, [outcome(monitor, slot)], slot + 100)
    assert state_of(monitor).status == "up"
    now = given_up(monitor, slot) + 100
    results_flow_until(now)
    for region in ("eu", "us", "ap"):
        heard_until(region, now)
    run_sweep(now)
    assert Tick.objects.get(region__slug="ap").reason == "lost"


def test_a_monitor_with_nothing_overdue_is_left_alone():
    monitor = make_watched()
    slot = due(monitor, 1)[0]
    take("eu", [outcome(monitor, slot)], slot + 100)
    assert state_of(monitor).sweep_at == from_ms(given_up(monitor, slot + 30_000))
    assert sweep(from_ms(slot) + timedelta(seconds=1))[0].teams == set()


@pytest.mark.parametrize(("behind_s", "later_s"), [(1, 2), (3, 3), (13, 13), (600, 30)])
def test_the_further_results_are_behind_the_later_a_monitor_is_looked_at_again(behind_s, later_s):
    monitor = make_watched()
    now = given_up(monitor, due(monitor, 1)[0]) + 100
    results_flow_until(now - behind_s * 1000)
    heard_until("eu", now - behind_s * 1000)
    State.objects.update(sweep_at=from_ms(now))
    with transaction.atomic():
        sweep(from_ms(now))
    assert state_of(monitor).sweep_at == from_ms(now + later_s * 1000)
