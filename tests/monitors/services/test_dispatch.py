"""What is due is sent once, on time; what was missed is accounted for."""

import threading

import pytest
from django.db import connection
from kombu.exceptions import OperationalError

from monitors.domain.slots import grid, next_slot
from monitors.models import ExtraSlot, Gap, Region, Round, Schedule, Tick
from monitors.probes.reasons import Reason
from monitors.services import dispatch
from monitors.services.edit import check_now, pause
from monitors.times import from_ms, now_ms, to_ms
from tests.monitors.services.cast import claimed, make_watched

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = 86_400  # seconds between two slots: that one falls into a test is as rare as can be


def put_on_grid(monitor, slot):
    monitor.extra_slots.all().delete()
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=from_ms(slot))


def test_a_new_monitor_is_sent_at_once_to_every_region():
    monitor = make_watched(["eu", "us"], interval=DAY)
    sent = claimed(now_ms())
    assert sorted(region for region, _ in sent) == ["eu", "us"]
    assert {check.slot for _, check in sent} == {to_ms(ExtraSlot.objects.get().slot)}
    assert {(c.monitor, c.version, c.target) for _, c in sent} == {(monitor.pk, 1, "http://shop.example/")}


def test_what_was_claimed_is_not_sent_again():
    make_watched(interval=DAY)
    now = now_ms()
    assert len(claimed(now)) == 1
    assert claimed(now) == []


def test_slots_of_the_coming_second_are_sent_and_the_schedule_moves_on():
    monitor = make_watched(interval=1)
    now = now_ms()
    first = next_slot(monitor.pk, 1, now)
    put_on_grid(monitor, first)
    assert [check.slot for _, check in claimed(now)] == grid(monitor.pk, 1, now, now + 1000)
    assert to_ms(Schedule.objects.get().next_slot_at) == next_slot(monitor.pk, 1, now + 1000)


def test_slots_too_old_to_start_are_a_gap_and_the_others_are_still_sent():
    monitor = make_watched(interval=3)
    now = now_ms()
    missed = next_slot(monitor.pk, 3, now - 60_000)
    put_on_grid(monitor, missed)
    sent = [check.slot for _, check in claimed(now)]
    assert all(slot > now - monitor.lateness_ms for slot in sent)
    gap = Gap.objects.get()
    assert (to_ms(gap.start), gap.reason) == (missed, Reason.NOT_DISPATCHED)
    assert to_ms(gap.end) == next_slot(monitor.pk, 3, now - monitor.lateness_ms)
    assert not sent or sent[0] == to_ms(gap.end)


def test_a_silent_region_is_not_fed_and_its_slot_is_accounted_for():
    make_watched(["eu", "us"], interval=DAY)
    eu = Region.objects.get(slug="eu")
    sent = claimed(now_ms(), {eu.pk: Reason.REGION_OFFLINE})
    assert [region for region, _ in sent] == ["us"]
    assert Round.objects.get().eligible == [Region.objects.get(slug="us").pk]
    tick = Tick.objects.get()
    assert (tick.region_id, tick.vote, tick.reason) == (eu.pk, "nodata", "region_offline")


def test_a_paused_monitor_is_not_sent():
    monitor = make_watched()
    pause(monitor)
    assert claimed(now_ms() + 3_600_000) == []


def test_check_now_adds_one_slot_until_it_is_sent():
    monitor = make_watched(interval=DAY)
    claimed(now_ms())
    assert check_now(monitor)
    assert not check_now(monitor)
    assert len(claimed(now_ms())) == 1


def test_secrets_travel_with_the_check():
    make_watched(
        interval=DAY, options={"method": "GET"}, secrets={"headers": [{"name": "Authorization", "value": "Bearer x"}]}
    )
    [(_, check)] = claimed(now_ms())
    assert check.options == {"method": "GET", "headers": [{"name": "Authorization", "value": "Bearer x"}]}


def test_when_the_broker_is_away_nothing_counts_as_sent():
    make_watched(interval=DAY)

    def fail(region, checks):
        raise OperationalError("away")

    with pytest.raises(OperationalError):
        dispatch.claim_due(now_ms(), {}, fail)
    assert len(claimed(now_ms())) == 1


@pytest.mark.django_db(transaction=True)
def test_three_dispatchers_at_once_send_each_slot_once():
    monitor = make_watched(interval=DAY)
    monitor.extra_slots.all().delete()
    base = now_ms()
    for n in range(31):
        ExtraSlot.objects.create(monitor=monitor, slot=from_ms(base - n), cause="manual")
    sent, barrier = [], threading.Barrier(3)

    def work():
        barrier.wait()
        sent.extend(check.slot for _, check in claimed(now_ms()))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == len(set(sent)) == 31
