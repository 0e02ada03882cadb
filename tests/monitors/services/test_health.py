"""Regions in trouble: seen, written down, without a vote while it lasts, and trusted again."""

from datetime import timedelta

import pytest

from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.slots import grid
from monitors.models import Monitor, Pulse, Region, RegionTrouble, RegionWorker, Schedule, State, Tick
from monitors.probes.reasons import Reason
from monitors.services import health
from monitors.services.regions import RESULTS_PULSE
from monitors.times import from_ms, now_ms, to_ms
from tests.factories import make_monitor, make_region, make_user, team_of
from tests.monitors.services.cast import outcome, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = from_ms(now_ms())


@pytest.fixture
def few(settings):
    """A small installation, with the thresholds for it."""
    settings.DISAGREE_COMPARED, settings.DISAGREE_ALONE = 4, 2


def hear(*slugs, now=NOW, **facts):
    """A sign of life of each region that is read just now, and nothing in the queue behind it."""
    Pulse.objects.update_or_create(name=RESULTS_PULSE, defaults={"at": now, "since": now - timedelta(hours=1)})
    for slug in slugs:
        region = Region.objects.filter(slug=slug).first() or make_region(slug)
        values = {"started_at": now, "heard_at": now, "in_band_at": now, "clock_ms": 3.0, **facts}
        RegionWorker.objects.update_or_create(region=region, name="worker", defaults=values)


def watch(now=NOW):
    return health.watch(now)


def troubles():
    return [(row.region.slug, row.kind) for row in RegionTrouble.objects.filter(end=None).order_by("region", "kind")]


def later(seconds):
    return NOW + timedelta(seconds=seconds)


# Each kind of trouble -------------------------------------------------------------------------------------------------
def test_regions_that_are_heard_are_in_no_trouble():
    hear("eu", "us")
    assert watch() == set()
    assert troubles() == []


def test_a_region_that_cannot_look_for_want_of_means_is_impaired_until_it_can(few):
    hear("eu")
    team, region = team_of(make_user("alice")), Region.objects.get(slug="eu")
    for number in range(3):
        monitor = make_monitor(team, name=f"Site {number}", regions=[region])
        Tick.objects.create(
            monitor=monitor, region=region, slot=later(-5), vote="nodata",
            reason=Reason.LOCAL_ERROR, config_version=1, detail="Too many open files",
        )  # fmt: skip
    watch()
    assert troubles() == [("eu", "impaired")]
    trouble = RegionTrouble.objects.get()
    assert trouble.detail == "It could not look at 3 of 3 monitors within a minute: Too many open files"
    assert trouble.doubted_from is None
    hear("eu", now=later(60))
    watch(later(60))
    assert troubles() == []


def test_a_region_that_falls_silent_is_offline_until_it_is_heard_again():
    hear("eu", "us")
    hear("us", now=later(16))
    watch(later(16))
    assert troubles() == [("eu", "offline")]
    assert RegionTrouble.objects.get().doubted_from is None
    hear("eu", "us", now=later(20))
    watch(later(20))
    assert troubles() == []
    assert RegionTrouble.objects.get().end == later(20)


def test_a_region_whose_worker_was_never_started_is_nobodys_trouble():
    make_region("rack-2")
    hear("eu")
    watch()
    assert troubles() == []


def test_a_wrong_clock_is_a_trouble_and_is_doubted_over_every_open_round():
    hear("eu", clock_ms=2_500.0)
    watch()
    trouble = RegionTrouble.objects.get()
    assert (trouble.kind, trouble.detail) == ("skewed", "Its clock is 2.5 s ahead")
    assert NOW - trouble.doubted_from == timedelta(seconds=71)
    assert health.doubted() == {trouble.region_id}


def test_failing_canaries_are_a_trouble():
    failing = {"url": "http://up.example/", "known_up": True, "vote": "down", "wrong": 2, "detail": "Refused"}
    hear("eu", canaries=[failing])
    hear("us", canaries=[{**failing, "wrong": 1}])
    watch()
    assert troubles() == [("eu", "canary")]


def test_a_worker_that_is_gone_says_nothing_any_more():
    hear("eu", clock_ms=9_000.0)
    hear("us", now=later(20))
    RegionWorker.objects.create(
        region=Region.objects.get(slug="eu"), name="second", started_at=NOW, heard_at=later(20), in_band_at=later(20)
    )
    watch(later(20))
    assert troubles() == []


def test_it_is_trusted_again_after_three_clean_minutes():
    hear("eu", clock_ms=-9_000.0)
    watch()
    for seconds in range(5, 190, 5):
        hear("eu", now=later(seconds))
        watch(later(seconds))
        assert bool(health.doubted()) == (seconds < 185)
    trouble = RegionTrouble.objects.get()
    assert (trouble.clean_since, trouble.end) == (later(5), later(185))


def test_the_clean_time_is_a_setting_and_begins_anew_when_it_goes_wrong_again(settings):
    settings.REGION_TRUST_AFTER = 10
    for seconds, clock in enumerate([9_000.0, 0.0, 9_000.0, 0.0, 0.0]):
        hear("eu", now=later(5 * seconds), clock_ms=clock)
        watch(later(5 * seconds))
    assert RegionTrouble.objects.get().clean_since == later(15)
    hear("eu", now=later(25))
    watch(later(25))
    assert RegionTrouble.objects.get().end == later(25)


def test_nobody_minds_a_region_that_is_switched_off():
    hear("eu", clock_ms=9_000.0)
    watch()
    Region.objects.update(enabled=False)
    watch(later(5))
    assert RegionTrouble.objects.get().end == later(5)


def test_watching_twice_changes_nothing():
    hear("eu", clock_ms=9_000.0)
    watch()
    before = list(RegionTrouble.objects.values())
    watch()
    assert list(RegionTrouble.objects.values()) == before


def test_the_teams_whose_monitors_are_concerned_are_told():
    hear("eu", "us", clock_ms=9_000.0)
    team = team_of(make_user("alice"))
    make_monitor(team, regions=[Region.objects.get(slug="us")])
    make_monitor(team_of(make_user("bob")))
    assert watch() == {team.pk}
    assert watch() == set()


# Disagreement ---------------------------------------------------------------------------------------------------------
def saw(votes, monitors=6, teams=1, seconds_ago=10):
    """Every monitor was judged in one slot: `votes` by region."""
    for number in range(monitors):
        owner = make_user(f"owner{Monitor.objects.count()}") if number < teams else None
        team = team_of(owner) if owner else Monitor.objects.first().team
        monitor = make_monitor(team, regions=Region.objects.filter(slug__in=votes))
        for slug, vote in votes.items():
            region = Region.objects.get(slug=slug)
            slot = NOW - timedelta(seconds=seconds_ago)
            Tick.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, config_version=1)


def test_a_region_that_alone_sees_many_monitors_down_is_not_believed(few):
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"})
    watch()
    assert troubles() == [("eu", "disagrees")]
    assert RegionTrouble.objects.get().detail == "It alone sees 6 of 6 monitors down"


@pytest.mark.parametrize(
    "votes",
    [
        {"eu": "down", "us": "down", "asia": "up"},  # two see it
        {"eu": "down", "us": "up"},  # one other is not enough to say who is wrong
        {"eu": "down", "us": "up", "asia": "nodata"},
        {"eu": "up", "us": "up", "asia": "up"},
        {"eu": "nodata", "us": "up", "asia": "up"},
    ],
)
def test_otherwise_it_is(few, votes):
    hear("eu", "us", "asia")
    saw(votes)
    watch()
    assert troubles() == []


def test_what_was_seen_more_than_a_minute_ago_counts_no_more(few):
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"}, seconds_ago=61)
    watch()
    assert troubles() == []


def test_the_newest_slot_that_all_have_judged_counts(few):
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"}, seconds_ago=40)
    for tick in list(Tick.objects.all()):
        Tick.objects.create(
            monitor=tick.monitor,
            region=tick.region,
            slot=tick.slot + timedelta(seconds=30),
            vote="up",
            config_version=1,
        )
    watch()
    assert troubles() == []


def test_a_few_monitors_are_too_few_with_the_default_thresholds():
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"}, monitors=19)
    watch()
    assert troubles() == []
    saw({"eu": "down", "us": "up", "asia": "up"}, monitors=1)
    watch()
    assert troubles() == [("eu", "disagrees")]


def test_of_very_many_monitors_a_sample_is_compared(few, monkeypatch):
    monkeypatch.setattr(health, "SAMPLE", 4)
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"}, monitors=9)
    watch()
    assert RegionTrouble.objects.get().detail == "It alone sees 4 of 4 monitors down"


def test_one_teams_trouble_is_not_the_regions(few):
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"}, monitors=6, teams=1)
    saw({"eu": "up", "us": "up", "asia": "up"}, monitors=6, teams=4)
    watch()
    assert troubles() == []


def test_without_two_others_that_are_trusted_nobody_can_tell(few):
    """A liar does not become trusted because its judges fall sick."""
    hear("eu", "us", "asia")
    saw({"eu": "down", "us": "up", "asia": "up"})
    watch()
    hear("us", "eu", now=later(5))
    hear("asia", now=later(5), clock_ms=9_000.0)
    watch(later(5))
    watch(later(10))
    assert ("eu", "disagrees") in troubles()
    assert RegionTrouble.objects.get(kind="disagrees").clean_since is None


def test_a_region_told_to_lie_opens_no_incident_and_is_found_out(few):
    """It says DOWN of everything; the others say UP. Judged as the pipeline judges, watched as the job watches."""
    hear("eu", "us", "asia")
    team, places = team_of(make_user("alice")), list(Region.objects.all())
    start = to_ms(NOW) - 60_000
    policies = [{}, {"quorum": "all"}, {"quorum": "at_least", "at_least": 1}, {"confirm": 1}, {"confirm": 1}]
    monitors = [make_monitor(team, regions=places, since=from_ms(start), interval=10, **each) for each in policies]
    for monitor in monitors:
        State.objects.filter(pk=monitor.pk).update(accounted_until=from_ms(start), last_decided=from_ms(start))
        Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=later(3600))
        for slot in grid(monitor.pk, 10, start, to_ms(NOW)):
            for slug, reason in (("eu", Reason.REFUSED), ("us", None), ("asia", None)):
                incidents.apply(take(slug, [outcome(monitor, slot, reason)], slot + 300).changes)
    assert set(Monitor.objects.values_list("state__status", flat=True)) == {"up"}
    assert not Incident.objects.exists()
    watch()
    assert troubles() == [("eu", "disagrees")]
