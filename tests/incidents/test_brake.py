"""Alerts that wait while everything fails at once: stored, released, dropped, and never lost."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from incidents import brake
from incidents import services as incidents
from incidents.domain.brake import Cause
from incidents.models import Incident, Transition
from monitors.domain.verdict import Status
from monitors.models import Monitor, Region, RegionTrouble
from monitors.services.changes import StatusChange
from tests.factories import make_monitor, make_region, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]
WHY = {"eligible": [1], "assigned": [1], "votes": {"1": "down"}, "verdict": "down", "need": 1}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def few(settings):
    """A small installation, with the thresholds for it."""
    settings.BRAKE_MONITORS = 4


@pytest.fixture
def monitors():
    team = team_of(make_user("alice"))
    return [make_monitor(team) for _ in range(8)]


def change(monitors, after, at, before=Status.UP):
    """What the pipeline does when these monitors change their status."""
    silent = after == Status.PAUSED
    incidents.apply([StatusChange(each, before, after, at, at, silent, WHY) for each in monitors])


def fall(monitors, at):
    change(monitors, Status.DOWN, at)


def rise(monitors, at):
    change(monitors, Status.UP, at, before=Status.DOWN)


def trouble(*slugs, since):
    for slug in slugs:
        RegionTrouble.objects.create(region=make_region(slug), kind="canary", start=since, doubted_from=since)


def due(now):
    return [(row.monitor_id, row.to_status) for row in Transition.objects.due(now)]


def later(now, seconds):
    return now + timedelta(seconds=seconds)


# When it is pulled ----------------------------------------------------------------------------------------------------
def test_in_ordinary_times_nothing_waits(few, monitors, now):
    fall(monitors[:1], now)
    assert due(now) == [(monitors[0].pk, "down")]
    assert brake.cause(now) is None


def test_when_much_goes_down_at_once_all_of_it_waits(few, monitors, now):
    """Those before the fourth too: a moment ago nobody could know."""
    for monitor in monitors[:5]:
        fall([monitor], now)
    assert brake.cause(now) == Cause.MANY
    assert due(later(now, 60)) == []
    held = Transition.objects.held(now)
    assert held.count() == 5
    assert all(timedelta(seconds=115) < row.hold_until - now < timedelta(seconds=125) for row in held)


def test_what_was_announced_or_is_older_than_a_minute_stays_as_it_is(few, monitors, now):
    fall(monitors[:2], now)
    Transition.objects.filter(monitor=monitors[0]).update(announced_at=now)
    Transition.objects.filter(monitor=monitors[1]).update(created_at=later(now, -61))
    fall(monitors[2:6], now)
    assert set(Transition.objects.held(now).values_list("monitor_id", flat=True)) == {m.pk for m in monitors[2:6]}


def test_a_share_of_what_is_watched_is_meant(few, settings, monitors, now):
    settings.BRAKE_SHARE = 60
    fall(monitors[:4], now)
    assert Transition.objects.held(now).count() == 0
    Monitor.objects.filter(pk__in=[each.pk for each in monitors[5:]]).update(paused=True)
    brake.review(now)
    assert Transition.objects.held(now).count() == 4


def test_several_teams_must_be_concerned_where_there_are_several(few, monitors, now):
    for number in range(6):
        make_monitor(team_of(make_user(f"owner{number}")))
    fall(monitors, now)
    assert Transition.objects.held(now).count() == 0
    fall(list(Monitor.objects.exclude(pk__in=[each.pk for each in monitors]))[:4], now)
    assert Transition.objects.held(now).count() == 12


def test_when_half_of_the_regions_are_in_trouble_every_fall_waits(monitors, now):
    make_region("well")
    trouble("eu", "us", since=now)
    fall(monitors[:1], now)
    assert due(now) == []
    assert brake.cause(now) == Cause.REGIONS


def test_what_went_down_a_moment_before_the_regions_were_found_sick_waits_too(monitors, now):
    fall(monitors[:1], now)
    trouble("eu", "us", since=now)
    brake.review(now)
    assert due(now) == []


def test_a_region_that_is_switched_off_is_in_nobodys_way(monitors, now):
    trouble("eu", "us", since=now)
    Region.objects.filter(slug="us").update(enabled=False)
    fall(monitors[:1], now)
    assert len(due(now)) == 1


# What becomes of it ---------------------------------------------------------------------------------------------------
def test_what_lasts_is_told_after_the_hold(few, monitors, now):
    fall(monitors[:4], now)
    brake.review(later(now, 119))
    assert due(later(now, 119)) == []
    brake.review(later(now, 125))
    assert len(due(later(now, 125))) == 4
    assert not Transition.objects.exclude(hold_until=None).exists()


def test_what_was_over_before_it_was_believed_is_told_to_nobody(few, monitors, now):
    fall(monitors[:4], now)
    rise(monitors[:2], later(now, 30))
    assert due(later(now, 40)) == []
    brake.review(later(now, 40))
    brake.review(later(now, 130))
    dropped = Transition.objects.exclude(dropped_at=None)
    assert sorted(dropped.values_list("monitor_id", "to_status")) == sorted(
        (monitor.pk, status) for monitor in monitors[:2] for status in ("down", "up")
    )
    assert sorted(due(later(now, 130))) == sorted((monitor.pk, "down") for monitor in monitors[2:4])
    assert Incident.objects.count() == 4  # what happened stays on record


def test_a_second_fall_is_judged_by_itself(few, monitors, now):
    fall(monitors[:4], now)
    rise(monitors[:1], later(now, 10))
    fall(monitors[:1], later(now, 20))
    brake.review(later(now, 30))
    brake.review(later(now, 130))
    rows = Transition.objects.filter(monitor=monitors[0]).order_by("at")
    assert [row.dropped_at is not None for row in rows] == [True, True, False]
    assert (monitors[0].pk, "down") in due(later(now, 130))


def test_what_was_paused_or_deleted_meanwhile_is_dropped(few, monitors, now):
    fall(monitors[:4], now)
    change(monitors[:1], Status.PAUSED, later(now, 5), before=Status.DOWN)
    Monitor.objects.filter(pk=monitors[1].pk).update(deleted_at=now)
    brake.review(later(now, 10))
    dropped = Transition.objects.exclude(dropped_at=None)
    assert set(dropped.values_list("monitor_id", flat=True)) == {monitors[0].pk, monitors[1].pk}


def test_a_recovery_whose_fall_was_told_is_told_at_once(few, monitors, now):
    fall(monitors[:1], now)
    Transition.objects.update(announced_at=now)
    fall(monitors[1:5], now)
    rise(monitors[:1], later(now, 5))
    assert due(later(now, 5)) == [(monitors[0].pk, "up")]


def test_while_regions_stay_in_trouble_alerts_wait_on_and_then_as_long_as_it_takes_to_look_again(monitors, now):
    trouble("eu", "us", since=now)
    fall(monitors[:1], now)
    for seconds in range(5, 300, 5):
        brake.review(later(now, seconds))
        assert due(later(now, seconds)) == []
    RegionTrouble.objects.update(end=later(now, 300))
    brake.review(later(now, 300))
    assert due(later(now, 400)) == []
    brake.review(later(now, 416))
    assert len(due(later(now, 416))) == 1


def test_nothing_waits_for_ever(monitors, now):
    trouble("eu", "us", since=now)
    fall(monitors[:1], now)
    for seconds in range(5, 905, 5):
        brake.review(later(now, seconds))
    assert len(due(later(now, 901))) == 1
    with time_machine.travel(later(now, 910), tick=False):  # what falls now is told at once
        fall(monitors[1:2], later(now, 910))
    assert len(due(later(now, 910))) == 2


def test_were_nobody_to_look_alerts_would_only_be_late(few, monitors, now):
    fall(monitors[:4], now)
    assert len(due(later(now, 130))) == 4


def test_only_what_somebody_must_hear_of_is_due(monitors, now):
    fall(monitors[:3], now)
    first, second, third = Transition.objects.order_by("pk")
    Transition.objects.filter(pk=first.pk).update(silent=True)
    Transition.objects.filter(pk=second.pk).update(dropped_at=now)
    assert list(Transition.objects.due(now)) == [third]
    Transition.objects.filter(pk=third.pk).update(announced_at=now)
    assert not Transition.objects.due(now).exists()
