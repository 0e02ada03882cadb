"""Our clock was an hour ahead, and is right again: everything goes on as if that hour had not been."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from monitors.domain.slots import grid, next_slot
from monitors.models import Gap, Region, RegionWorker, Round, Schedule, StatusInterval, Tick
from monitors.probes.reasons import Reason
from monitors.services import clock, edit
from monitors.services.regions import beacon
from monitors.times import from_ms, now_ms, to_ms
from tests.monitors.services.cast import claimed, make_watched, outcome, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]

AN_HOUR = timedelta(hours=1)


def watch(monitor, minutes: int, reason: Reason | None = None) -> None:
    """A region looks at every slot for so long."""
    began = now_ms()
    for due in grid(monitor.pk, monitor.interval, began, began + minutes * 60_000):
        with time_machine.travel(from_ms(due), tick=False):
            sent = [check.slot for _, check in claimed(now_ms())]
        with time_machine.travel(from_ms(due + 500), tick=False):
            take("eu", [outcome(monitor, slot, reason) for slot in sent], now_ms())


@pytest.fixture
def monitor():
    """Watched for five minutes by a clock that is an hour ahead, and seen down in the last two of them."""
    with time_machine.travel(timezone.now() + AN_HOUR, tick=False) as clocks:
        made = make_watched(interval=30)
        watch(made, 3)
        clocks.shift(180)
        watch(made, 2, Reason.REFUSED)
        assert state_of(made).status == "down"
    return made


def test_dispatch_goes_on_at_once(monitor):
    assert claimed(now_ms() + 30_000) == []
    clock.set_back(timezone.now())
    slot = next_slot(monitor.pk, 30, now_ms())
    assert to_ms(Schedule.objects.get().next_slot_at) == slot
    assert [check.slot for _, check in claimed(slot)] == [slot]


def test_what_is_seen_now_counts_and_not_what_was_stamped_with_this_time_before(monitor):
    clock.set_back(timezone.now())
    assert not Tick.objects.exists()
    assert not Round.objects.exists()
    watch(monitor, 3)
    assert state_of(monitor).status == "up"
    assert set(Tick.objects.values_list("vote", flat=True)) == {"up"}


def test_no_time_ends_before_it_began(monitor):
    now = timezone.now()
    Gap.objects.create(monitor=monitor, start=now + AN_HOUR, end=now + 2 * AN_HOUR, reason="lost")
    Gap.objects.create(monitor=monitor, start=now - AN_HOUR, end=now + AN_HOUR, reason="lost")
    clock.set_back(now)
    assert list(Gap.objects.values_list("start", "end")) == [(now - AN_HOUR, now)]
    assert list(StatusInterval.objects.values_list("status", "start", "end")) == [("down", now, None)]
    watch(monitor, 3)
    spans = list(StatusInterval.objects.values_list("start", "end"))
    assert all(end is None or start <= end for start, end in spans)
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]


def test_a_worker_that_died_is_missed_as_soon_as_ever(monitor):
    now = timezone.now()
    RegionWorker.objects.create(
        region=Region.objects.get(), name="w", started_at=now, heard_at=now + AN_HOUR, in_band_at=now + AN_HOUR
    )
    clock.set_back(now)
    assert RegionWorker.objects.get().in_band_at == now


def test_what_lies_as_far_ahead_as_it_should_stays(monitor):
    clock.set_back(timezone.now())
    daily = edit.create(monitor.team, None, {"name": "d", "target": "http://d.example/", "interval": 86_400})
    due = next_slot(daily.pk, 86_400, now_ms())
    Schedule.objects.filter(pk=daily.pk).update(next_slot_at=from_ms(due))
    clock.set_back(timezone.now())
    assert to_ms(Schedule.objects.get(pk=daily.pk).next_slot_at) == due


def test_our_own_messages_tell_that_the_clock_was_set_back():
    now = timezone.now()
    with time_machine.travel(now + AN_HOUR, tick=False):
        assert not beacon(timezone.now())
        assert not beacon(timezone.now() + timedelta(seconds=2))
    with time_machine.travel(now, tick=False):
        assert beacon(timezone.now())
    with time_machine.travel(now + timedelta(seconds=2), tick=False):
        assert not beacon(timezone.now())
