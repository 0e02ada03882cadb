"""Plain rounds are written down without judging, and end in the very rows that judging would have written."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.domain.slots import next_slot
from monitors.models import ExtraSlot, Gap, Region, RegionTrouble, Round, Schedule, State, StatusInterval, Tick
from monitors.services import plain
from monitors.services.judging import judge_cases, load_cases, lock_states
from monitors.times import from_ms
from tests.monitors.services.cast import make_watched, outcome, settle, state_of, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REGIONS = ("eu", "us", "asia")
TABLES = (State, Round, ExtraSlot, Gap, StatusInterval)
SECOND, MINUTE = 1_000, 60_000


def make_calm(regions=("eu",), **fields):
    """A monitor that is up with nothing pending; returns it and its next slot."""
    monitor = make_watched(regions, **fields)
    start = settle(monitor)
    State.objects.filter(pk=monitor.pk).update(status="up", verdict="up", last_slot=from_ms(start))
    return monitor, next_slot(monitor.pk, monitor.interval, start)


def closed_plainly(monitor, now):
    standings = plain.lock([monitor.pk])
    return plain.close(standings, plain.sites_of([monitor.pk]), now) == {monitor.pk}


def add_tick(monitor, region, slot, **fields):
    values = {"vote": "up", "config_version": 1, "started_at": from_ms(slot + 5), "response_ms": 12.5, **fields}
    Tick.objects.create(monitor=monitor, region=Region.objects.get(slug=region), slot=from_ms(slot), **values)


def test_the_next_slot_of_a_monitor_that_is_up_and_seen_up_is_plain():
    monitor, slot = make_calm()
    add_tick(monitor, "eu", slot)
    assert closed_plainly(monitor, slot + SECOND)
    state = state_of(monitor)
    assert state.judged_until == state.accounted_until == state.last_decided == state.last_slot == from_ms(slot)
    assert (state.recent[-1], state.last_response_ms, state.last_checked_at) == (12, 12.5, from_ms(slot + 5))


def test_every_vote_of_several_regions_is_plain_also_before_and_after_the_one_that_decides():
    monitor, slot = make_calm(REGIONS)
    seen = []
    for region in REGIONS:
        add_tick(monitor, region, slot)
        assert closed_plainly(monitor, slot + SECOND)
        state = state_of(monitor)
        seen.append((state.judged_until == from_ms(slot), state.accounted_until == from_ms(slot)))
    assert seen == [(False, False), (True, False), (True, True)]


def test_the_small_bars_are_as_many_as_before_at_most():
    monitor, slot = make_calm()
    State.objects.update(recent=list(range(State.RECENT)))
    add_tick(monitor, "eu", slot)
    assert closed_plainly(monitor, slot + SECOND)
    assert state_of(monitor).recent == [*range(1, State.RECENT), 12]


@pytest.mark.parametrize(
    "unlike",
    [
        {"status": "paused"},
        {"verdict": "down"},
        {"streak": 1},
        {"undecided": 1},
        {"partial": True},
        {"status": "nodata", "nodata_since": from_ms(0)},
    ],
)
def test_a_state_with_anything_pending_is_judged(unlike):
    monitor, slot = make_calm()
    State.objects.update(**unlike)
    add_tick(monitor, "eu", slot)
    assert not closed_plainly(monitor, slot + SECOND)


@pytest.mark.parametrize("unlike", [{"vote": "down"}, {"vote": "nodata"}, {"config_version": 0}])
def test_a_vote_that_is_not_up_or_of_older_settings_is_judged(unlike):
    monitor, slot = make_calm()
    add_tick(monitor, "eu", slot, **unlike)
    assert not closed_plainly(monitor, slot + SECOND)


def test_what_a_message_brings_for_plain_and_other_monitors_is_stored_alike():
    monitor, slot = make_calm()
    done = take("eu", [outcome(monitor, slot)], slot + SECOND)
    assert (done.refused, done.late, done.changes, done.teams) == (0, 0, [], {monitor.team_id})
    assert state_of(monitor).judged_until == from_ms(slot)
    assert Tick.objects.get().vote == "up"


# Any situation at all -------------------------------------------------------------------------------------------------
CHOICES = {
    "regions": [1, 2, 3],
    "quorum": ["majority", "any", "all", "at_least"],
    "state": [{}, {"streak": 1}, {"undecided": 2}, {"partial": True}, {"status": "paused"}, {"degraded": True}],
    "judged": [-1, 0, 30 * SECOND],  # from the slot: it is decided already, or one after it, and waits for votes
    "decided_before": [SECOND, 20 * SECOND, 5 * MINUTE, 20 * MINUTE],
    "claimed": [10, 0, 1, 2],  # slots handed out from the next one on
    "now": [SECOND, -5 * SECOND, -SECOND, 31 * SECOND, 3 * MINUTE, 8 * MINUTE],
    "rows": [None, "extra", "planned", "gap", "round", "doubt"],
}
PLAIN = {name: choices[0] for name, choices in CHOICES.items()}
SEEN_UP = {"slot": 0, "vote": "up", "version": 1}
ODD = ({"slot": 1}, {"slot": -1}, {"vote": "down"}, {"vote": "nodata"}, {"version": 0}, {"degraded": True})
ODD_TICKS = [SEEN_UP | odd for odd in ODD]
VARIED = [{name: value} for name, choices in CHOICES.items() for value in choices]


def usual(choices):
    """Mostly the first of them, so that most situations are plain but for one thing or two."""
    return st.one_of(st.just(choices[0]), st.just(choices[0]), st.sampled_from(choices))


situations = st.fixed_dictionaries(
    {name: usual(choices) for name, choices in CHOICES.items()}
    | {"ticks": st.dictionaries(st.sampled_from(REGIONS), usual([SEEN_UP, *ODD_TICKS]), min_size=1)}
)


@settings(deadline=None, max_examples=100, database=None, suppress_health_check=list(HealthCheck))
@given(situations)
def test_both_ways_end_in_the_same_rows(situation):
    assert_same(situation)


@pytest.mark.parametrize("heard", [1, 3])
@pytest.mark.parametrize("regions", [1, 3])
@pytest.mark.parametrize("varied", VARIED, ids=str)
def test_both_ways_say_the_same_where_one_thing_is_not_as_usual(varied, regions, heard):
    assert_same(PLAIN | {"regions": regions} | varied | {"ticks": dict.fromkeys(REGIONS[:heard], SEEN_UP)})


@pytest.mark.parametrize("odd", ODD_TICKS, ids=str)
def test_both_ways_say_the_same_where_one_vote_is_not_as_usual(odd):
    assert_same(PLAIN | {"regions": 2, "ticks": {"eu": SEEN_UP, "us": odd}})


def assert_same(situation):
    with rolled_back():
        monitor, slot = stage(situation)
        now = slot + situation["now"]
        with rolled_back():
            if not closed_plainly(monitor, now):
                judge(monitor, now)
            short = rows()
        judge(monitor, now)
        assert short == rows()


def stage(situation):
    monitor, slot = make_calm(REGIONS[: situation["regions"]], quorum=situation["quorum"])
    for slug in REGIONS[situation["regions"] :]:
        Region.objects.create(slug=slug, name=slug, key="key")
    before = from_ms(slot - situation["decided_before"])
    moments = {"judged_until": from_ms(slot + situation["judged"]), "accounted_until": from_ms(slot - 1)}
    State.objects.update(**moments, last_slot=before, last_decided=before, **situation["state"])
    Schedule.objects.update(next_slot_at=from_ms(slot + situation["claimed"] * monitor.interval * SECOND))
    for region, tick in situation["ticks"].items():
        at = slot + tick["slot"] * monitor.interval * SECOND
        degraded = tick.get("degraded", False)
        add_tick(monitor, region, at, vote=tick["vote"], config_version=tick["version"], degraded=degraded)
    if situation["rows"]:
        add_row(situation["rows"], monitor, from_ms(slot))
    return monitor, slot


def add_row(kind, monitor, slot):
    region = Region.objects.get(slug="eu")
    match kind:
        case "extra" | "planned":
            at = slot + timedelta(seconds=3)
            claimed = slot if kind == "extra" else None
            ExtraSlot.objects.create(monitor=monitor, slot=at, cause="manual", claimed_at=claimed)
        case "gap":
            Gap.objects.create(monitor=monitor, start=slot, end=slot + timedelta(minutes=11), reason="not_dispatched")
        case "round":
            Round.objects.create(monitor=monitor, slot=slot, eligible=[region.pk], config_version=1)
        case "doubt":
            RegionTrouble.objects.create(region=region, kind="canary", start=slot, doubted_from=slot)


def judge(monitor, now):
    judge_cases(load_cases(lock_states([monitor.pk])), now)


def rows():
    """All that judging writes, without the keys of rows made on the way."""
    return [
        sorted(repr({k: v for k, v in row.items() if k != "id"}) for row in table.objects.values()) for table in TABLES
    ]


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
