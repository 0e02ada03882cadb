"""Outcomes become ticks, verdicts, statuses and incidents: once, in whatever order they come."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from incidents import services as incidents
from incidents.models import Incident, Transition
from monitors.domain.slots import grid
from monitors.models import DeadLetter, ExtraSlot, Round, StatusInterval, Tick
from monitors.probes.reasons import Reason
from monitors.services import edit
from monitors.times import from_ms, now_ms, to_ms
from tests.monitors.services.cast import claimed, make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def slots_of(monitor, count=6):
    start = settle(monitor)
    return grid(monitor.pk, monitor.interval, start, start + (count + 1) * monitor.interval * 1000)[:count]


def play(monitor, region, reasons, slots):
    """One outcome per slot, each recorded 100 ms after its slot."""
    for slot, reason in zip(slots, reasons, strict=False):
        done = take(region, [outcome(monitor, slot, reason)], slot + 100)
        incidents.apply(done.changes)


def test_the_first_success_makes_a_monitor_up_silently():
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    done = take("eu", [outcome(monitor, check.slot)], check.slot + 50)
    incidents.apply(done.changes)
    state = state_of(monitor)
    assert (state.status, state.last_response_ms, state.recent) == ("up", 12.5, [12])
    assert Transition.objects.get().silent
    assert not Incident.objects.exists()


def test_two_failures_in_a_row_open_an_incident_and_two_successes_resolve_it():
    monitor = make_watched()
    slots = slots_of(monitor)
    bad = Reason.REFUSED
    play(monitor, "eu", [None, bad, bad, None, None], slots)
    incident = Incident.objects.get()
    assert to_ms(incident.started_at) == slots[1]
    assert to_ms(incident.resolved_at) == slots[3]
    assert (incident.cause, incident.resolution, incident.regions) == ("refused", "recovered", ["Eu"])
    assert [entry.kind for entry in incident.timeline.all()] == ["opened", "resolved"]
    loud = Transition.objects.filter(silent=False).order_by("at")
    assert [(t.from_status, t.to_status) for t in loud] == [("up", "down"), ("validating", "up")]


def test_between_failure_and_confirmation_it_is_shown_as_confirming():
    monitor = make_watched()
    slots = slots_of(monitor)
    play(monitor, "eu", [None, Reason.REFUSED], slots)
    state = state_of(monitor)
    assert (state.status, state.confirming) == ("up", True)
    assert not Incident.objects.exists()


def test_a_first_failure_is_looked_at_again_two_seconds_later():
    monitor = make_watched()
    slots = slots_of(monitor)
    play(monitor, "eu", [None, Reason.REFUSED], slots)
    extra = ExtraSlot.objects.get()
    assert (to_ms(extra.slot), extra.cause) == (slots[1] + 100 + 2000, "recheck")


def test_while_recovery_is_confirmed_it_is_validating():
    monitor = make_watched()
    slots = slots_of(monitor)
    play(monitor, "eu", [None, Reason.REFUSED, Reason.REFUSED, None], slots)
    assert state_of(monitor).status == "validating"
    assert Incident.objects.open().exists()


def test_one_of_three_regions_never_opens_an_incident_and_shows_as_partial():
    monitor = make_watched(["eu", "us", "ap"])
    slots = slots_of(monitor)
    for slot in slots:
        for region in ("us", "ap", "eu"):
            take(region, [outcome(monitor, slot, Reason.REFUSED if region == "eu" else None)], slot + 100)
    state = state_of(monitor)
    assert (state.status, state.partial) == ("up", True)
    assert Round.objects.filter(partial=True, verdict="up").count() >= len(slots) - 1
    assert not Incident.objects.exists()


def test_a_batch_that_comes_twice_changes_nothing():
    monitor = make_watched()
    slots = slots_of(monitor)
    batch = [outcome(monitor, slot, Reason.REFUSED) for slot in slots[:3]]
    first = take("eu", batch, slots[2] + 100)
    before = list(Tick.objects.order_by("slot").values())
    again = take("eu", [outcome(monitor, slot) for slot in slots[:3]], slots[2] + 200)
    assert len(first.changes) == 1
    assert again.changes == []
    assert list(Tick.objects.order_by("slot").values()) == before


def test_outcomes_of_an_older_configuration_are_stored_and_not_judged():
    monitor = make_watched()
    slots = slots_of(monitor)
    stale = [outcome(monitor, slot, Reason.REFUSED, version=0) for slot in slots[:4]]
    take("eu", stale, slots[3] + 100)
    assert state_of(monitor).status == "pending"
    assert Tick.objects.count() == 4


@pytest.mark.parametrize("days", [-2, 2])
def test_a_slot_more_than_a_day_away_is_refused(days):
    monitor = make_watched()
    now = now_ms()
    done = take("eu", [outcome(monitor, now + days * 86_400_000)], now)
    assert done.refused == 1
    assert not Tick.objects.exists()


def test_a_region_cannot_speak_for_a_monitor_it_was_not_given():
    monitor = make_watched(["eu", "us"])
    edit.change(monitor, {"regions": [r for r in monitor.regions.all() if r.slug == "eu"]})
    done = take("us", [outcome(monitor, now_ms())], now_ms())
    assert done.refused == 1


def test_a_row_the_database_refuses_is_put_aside_and_the_others_are_stored():
    monitor = make_watched()
    slots = slots_of(monitor)
    batch = [outcome(monitor, slot) for slot in slots]
    batch[2].detail = "a \x00 byte"
    take("eu", batch, slots[-1] + 100)
    assert Tick.objects.count() == len(slots) - 1
    assert json.loads(DeadLetter.objects.get().payload) == batch[2].to_wire()


def test_a_missing_partition_is_made():
    monitor = make_watched()
    slots = slots_of(monitor)
    with connection.cursor() as cursor:
        for day in {from_ms(slot).date() for slot in slots}:
            cursor.execute(f"DROP TABLE monitors_tick_{day:%Y%m%d}")
    take("eu", [outcome(monitor, slot) for slot in slots], slots[-1] + 100)
    assert Tick.objects.count() == len(slots)


def test_pausing_closes_the_incident_without_a_recovery():
    monitor = make_watched()
    slots = slots_of(monitor)
    play(monitor, "eu", [Reason.REFUSED, Reason.REFUSED], slots)
    incidents.apply([edit.pause(monitor)])
    incident = Incident.objects.get()
    assert incident.resolution == "paused"
    assert state_of(monitor).status == "paused"


def test_status_intervals_tile_the_life_of_a_monitor():
    monitor = make_watched()
    slots = slots_of(monitor)
    bad = Reason.REFUSED
    play(monitor, "eu", [None, bad, bad, None, None], slots)
    rows = list(StatusInterval.objects.order_by("start"))
    assert [row.status for row in rows] == ["pending", "up", "down", "up"]
    assert [row.end for row in rows[:-1]] == [row.start for row in rows[1:]]
    assert rows[-1].end is None


def test_outcomes_of_a_deleted_monitor_are_dropped():
    monitor = make_watched()
    edit.delete(monitor)
    done = take("eu", [outcome(monitor, now_ms())], now_ms())
    assert (done.refused, Tick.objects.count()) == (1, 0)


def test_a_vote_from_a_clock_slightly_ahead_counts_at_once():
    monitor = make_watched()
    slot = slots_of(monitor)[0]
    take("eu", [outcome(monitor, slot)], slot - 50)
    assert state_of(monitor).status == "up"


def test_a_late_outcome_is_counted_and_the_no_data_tick_stands():
    monitor = make_watched()
    slot = slots_of(monitor)[0]
    Tick.objects.create(monitor=monitor, region=monitor.regions.get(), slot=from_ms(slot), vote="nodata", reason="lost",
                        config_version=1, attempts=0)  # fmt: skip
    done = take("eu", [outcome(monitor, slot)], slot + 60_000)
    assert done.late == 1
    assert (Tick.objects.get().vote, state_of(monitor).late_outcomes) == ("nodata", 1)


def test_since_tells_when_the_status_began():
    monitor = make_watched()
    slots = slots_of(monitor)
    play(monitor, "eu", [None, Reason.REFUSED, Reason.REFUSED], slots)
    state = state_of(monitor)
    assert (state.status, to_ms(state.since)) == ("down", slots[1])
    assert state.since < timezone.now() + timedelta(hours=1)


# Degraded -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("regions", "worse", "flag"),
    [
        (("eu",), 1, True),
        (("eu",), 0, False),
        (("eu", "us", "asia"), 2, True),
        (("eu", "us", "asia"), 1, False),
        (("eu", "us"), 1, False),
    ],
)
def test_a_monitor_is_degraded_when_most_of_its_regions_see_it_so(regions, worse, flag):
    monitor = make_watched(regions)
    settle(monitor)
    for slot in slots_of(monitor, 3):  # the first is judged, the others are plain
        for number, region in enumerate(regions):
            take(region, [outcome(monitor, slot, degraded=number < worse)], slot + 1000)
        state = state_of(monitor)
        assert (state.status, state.degraded, state.shown_degraded) == ("up", flag, flag)
    assert Tick.objects.filter(degraded=True).count() == 3 * worse
    assert not Incident.objects.exists()


def test_degraded_ends_with_a_good_round_with_a_bad_one_and_with_new_settings():
    monitor = make_watched()
    settle(monitor)
    slots = slots_of(monitor, 4)
    seen = [{"degraded": True}, {}, {"degraded": True}, {"reason": Reason.REFUSED}]
    for slot, facts, flag in zip(slots, seen, (True, False, True, False), strict=True):
        take("eu", [outcome(monitor, slot, **facts)], slot + 1000)
        assert state_of(monitor).degraded is flag
    take("eu", [outcome(monitor, slots[-1] + 1, degraded=True)], slots[-1] + 2000)
    edit.pause(monitor)
    assert not state_of(monitor).shown_degraded
