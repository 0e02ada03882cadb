"""What has been down long, or asks us to stay away, is asked less often; nothing of what is left out is missed."""

import threading
from itertools import pairwise

import pytest
from django.db import connection, transaction

from monitors.domain.slots import grid, next_slot
from monitors.models import ExtraSlot, Gap, Pace, Pulse, Region, RegionWorker, Schedule, State, Status, Tick
from monitors.probes.reasons import Reason
from monitors.services import edit
from monitors.services.regions import RESULTS_PULSE
from monitors.services.sweep import sweep
from monitors.times import from_ms, now_ms, to_ms
from tests.monitors.services.cast import claimed, make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = 3_600_000
STEP = 30_000


def make_down(hours=0.0, **fields):
    """A monitor that has been down for so long; returns it and its next slot, which is ahead of all that was judged."""
    monitor = make_watched(**fields)
    now = settle(monitor)
    State.objects.filter(pk=monitor.pk).update(
        status="down", verdict="down", since=from_ms(now - round(hours * HOUR)), last_decided=from_ms(now)
    )
    monitor.intervals.update(status="down", start=from_ms(now - round(hours * HOUR)))
    slot = next_slot(monitor.pk, monitor.interval, now)
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=from_ms(slot))
    return monitor, slot


def ask(monitor, slot, reason=Reason.REFUSED, **fields):
    """Dispatch hands a slot out, and its answer comes at once. Returns what was handed out."""
    sent = [check.slot for _, check in claimed(slot - 500)]
    take("eu", [outcome(monitor, each, reason, **fields) for each in sent], slot + 100)
    return sent


def asked_from(monitor, slot, seconds, reason=Reason.REFUSED, **fields):
    """Every slot that is handed out in a stretch of time, each one answered alike."""
    found = []
    for now in range(slot, slot + seconds * 1000, STEP):
        found += ask(monitor, now, reason, **fields)
    return found


def test_what_is_down_for_less_than_an_hour_is_asked_at_every_slot():
    monitor, slot = make_down(0.5)
    assert asked_from(monitor, slot, 300) == grid(monitor.pk, 30, slot - 1, slot + 299_999)
    assert not Pace.objects.exists()


@pytest.mark.parametrize(("hours", "every"), [(1.1, 2), (4, 4), (20, 8)])
def test_what_has_been_down_long_is_asked_at_every_nth_slot(hours, every):
    monitor, slot = make_down(hours)
    sent = asked_from(monitor, slot, 1200)
    assert [b - a for a, b in pairwise(sent[1:])] == [every * STEP] * (len(sent) - 2)
    assert sent[1] - sent[0] <= every * STEP
    pace = Pace.objects.get()
    assert (pace.every, to_ms(pace.start), pace.end) == (every, slot + STEP, None)


def test_left_out_slots_are_no_gap_no_tick_no_silence_and_no_new_configuration():
    monitor, slot = make_down(20)
    sent = asked_from(monitor, slot, 3600)
    hear_everything(sent[-1] + 100_000)
    sweep_everything(sent[-1] + 100_000)
    assert list(Tick.objects.order_by("slot").values_list("slot", flat=True)) == [from_ms(each) for each in sent]
    assert not Gap.objects.exists()
    state = state_of(monitor)
    assert (state.status, to_ms(state.accounted_until)) == (Status.DOWN, sent[-1])
    assert list(monitor.intervals.values_list("status", "end")) == [("down", None)]
    monitor.refresh_from_db()
    assert monitor.config_version == 1


def test_a_lost_result_of_what_is_asked_rarely_is_given_up_and_every_slot_is_back():
    monitor, slot = make_down(20)
    asked_from(monitor, slot, 900)
    lost = next_due(monitor)
    assert [check.slot for _, check in claimed(lost - 500)] == [lost]
    now = monitor.watermark_ms(lost) + 2_000
    hear_everything(now)
    sweep_everything(now)
    assert Tick.objects.get(slot=from_ms(lost)).reason == Reason.LOST
    claimed(now)
    assert next_due(monitor) == next_slot(monitor.pk, 30, now + 1_000)


def test_the_first_good_round_brings_every_slot_back_at_once_and_a_second_look_too():
    monitor, slot = make_down(20)
    asked_from(monitor, slot, 900)
    good = next_due(monitor)
    ask(monitor, good, None)
    assert state_of(monitor).status == Status.VALIDATING
    assert to_ms(ExtraSlot.objects.get().slot) == good + 2_100
    assert state_of(monitor).sweep_at <= from_ms(monitor.watermark_ms(good + STEP) + 1_000)
    claimed(good + 200)
    assert next_due(monitor) == good + STEP
    assert Pace.objects.get().end == from_ms(good + STEP)
    assert sorted(asked_from(monitor, good + STEP, 300, None)) == [
        good + 2_100,
        *grid(monitor.pk, 30, good, good + STEP + 299_999),
    ]
    assert state_of(monitor).status == Status.UP


def test_what_asks_us_to_stay_away_is_left_alone_for_that_long_once_it_is_down():
    monitor, slot = make_down()
    ask(monitor, slot, Reason.RATE_LIMITED, retry_after_s=130)
    claimed(slot + 200)
    assert next_due(monitor) == slot + 5 * STEP
    assert ask(monitor, slot + 5 * STEP) == [slot + 5 * STEP]
    assert next_due(monitor) == slot + 6 * STEP


def test_nobody_is_left_alone_for_more_than_ten_minutes():
    monitor, slot = make_down()
    ask(monitor, slot, Reason.RATE_LIMITED, retry_after_s=86_400)
    claimed(slot + 200)
    assert next_due(monitor) == slot + 19 * STEP


@pytest.mark.parametrize("verdict", ["up", "pending"])
def test_until_an_outage_is_confirmed_every_round_counts(verdict):
    monitor, slot = make_down()
    State.objects.update(status=verdict, verdict=verdict)
    ask(monitor, slot, Reason.RATE_LIMITED, retry_after_s=600)
    assert not Pace.objects.exists()
    assert ExtraSlot.objects.filter(cause="recheck").exists()


def test_an_edit_brings_every_slot_back():
    monitor, slot = make_down(20)
    asked_from(monitor, slot, 900)
    now = now_ms()
    edit.change(monitor, {"target": "http://shop.example/health"})
    assert next_due(monitor) == next_slot(monitor.pk, 30, to_ms(ExtraSlot.objects.get(cause="first").slot) - 1)
    assert not Pace.objects.filter(end=None).exists()
    assert now


def test_a_pause_ends_it():
    monitor, slot = make_down(20)
    ask(monitor, slot)
    edit.pause(monitor)
    claimed(slot + HOUR)
    assert not Pace.objects.filter(end=None).exists()
    assert Schedule.objects.get().next_slot_at is None


def test_it_can_be_switched_off(settings):
    settings.BACK_OFF = False
    monitor, slot = make_down(20)
    assert len(asked_from(monitor, slot, 300)) == 10


@pytest.mark.django_db(transaction=True)
def test_asking_for_a_pace_waits_for_no_dispatcher_and_a_locked_schedule_is_left_for_later():
    with transaction.atomic():
        monitor, slot = make_down(20)
        ask(monitor, slot)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM monitors_schedule FOR UPDATE")
        in_another_connection(lambda: claimed(slot + 200))
        assert Pace.objects.get().start is None
    claimed(slot + 200)
    assert Pace.objects.get().start == from_ms(slot + STEP)


def in_another_connection(work):
    found = []
    thread = threading.Thread(target=lambda: (found.append(work()), connection.close()))
    thread.start()
    thread.join()
    return found


def next_due(monitor):
    return to_ms(Schedule.objects.get(pk=monitor.pk).next_slot_at)


def hear_everything(now):
    Pulse.objects.update_or_create(name=RESULTS_PULSE, defaults={"at": from_ms(now), "since": from_ms(0)})
    facts = {"started_at": from_ms(now), "heard_at": from_ms(now), "in_band_at": from_ms(now)}
    for region in Region.objects.all():
        RegionWorker.objects.update_or_create(region=region, name="worker", defaults=facts)


def sweep_everything(now):
    State.objects.update(sweep_at=from_ms(0))
    with transaction.atomic():
        sweep(from_ms(now))
