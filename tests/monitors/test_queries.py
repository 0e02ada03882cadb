"""What lists and pages read: order, filters, uptime, regions, series and the explanation of a verdict."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisDown

from incidents.models import Transition
from monitors import queries
from monitors.models import Monitor, RegionWorker, Round, State, StatusInterval, Tick
from monitors.services.partitions import ensure_partitions
from monitors.times import to_ms
from tests.factories import make_incident, make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def now():
    """A fixed moment of today, and partitions also for 25 hours before it, which may be two days ago."""
    moment = timezone.now().replace(microsecond=0)
    with time_machine.travel(moment, tick=False):
        ensure_partitions((moment - timedelta(days=1)).date(), ahead=2)
        yield moment


@pytest.fixture
def alice():
    return make_user("alice")


def tick(monitor, region, slot, ms=100.0, vote="up", **fields):
    facts = {"config_version": 1, "started_at": slot, "response_ms": ms, **fields}
    return Tick.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, **facts)


def names(page):
    return [row.monitor.name for row in page.object_list]


# The list
def test_nobody_sees_the_monitors_of_others_or_deleted_ones(alice):
    mine = make_monitor(team_of(alice), name="Mine")
    make_monitor(team_of(make_user("bob")), name="Bob's")
    make_monitor(team_of(alice), name="Gone", deleted_at=timezone.now())
    assert names(queries.monitor_rows(alice)) == ["Mine"]
    assert queries.counts(alice) == {"all": 1, "pending": 1}
    assert queries.visible_monitor(alice, mine.pk) == mine
    assert list(queries.deleted(alice).values_list("name", flat=True)) == ["Gone"]


def test_what_needs_attention_comes_first(alice):
    team = team_of(alice)
    for status in ["up", "paused", "nodata", "down", "pending", "validating"]:
        make_monitor(team, name=status, status=status, state={"verdict": status})
    make_monitor(team, name="confirming", status="up", state={"verdict": "up", "streak": 1})
    worst = ["down", "validating", "confirming", "nodata", "pending", "up", "paused"]
    assert names(queries.monitor_rows(alice)) == worst


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", ["Alpha", "beta", "Gamma"]),
        ("newest", ["beta", "Alpha", "Gamma"]),
        ("response", ["Gamma", "beta", "Alpha"]),
    ],
)
def test_the_list_can_be_sorted(alice, sort, order):
    team = team_of(alice)
    for name, ms in [("Gamma", 900), ("Alpha", None), ("beta", 20)]:
        make_monitor(team, name=name, state={"last_response_ms": ms})
    assert names(queries.monitor_rows(alice, sort=sort)) == order


@pytest.mark.parametrize(
    ("search", "found"),
    [("shop", ["Shop"]), ("EXAMPLE.ORG", ["Blog"]), ("", ["Blog", "Shop"]), ("%", []), ("nothing", [])],
)
def test_a_search_looks_at_names_and_addresses(alice, search, found):
    make_monitor(team_of(alice), name="Shop", target="https://s.example.com/")
    make_monitor(team_of(alice), name="Blog", target="https://b.example.org/")
    assert names(queries.monitor_rows(alice, search=search)) == found


def test_a_status_filter_and_pages(alice):
    team = team_of(alice)
    for number in range(52):
        make_monitor(team, name=f"{number:02}", status="up")
    make_monitor(team, name="broken", status="down")
    assert names(queries.monitor_rows(alice, status="down")) == ["broken"]
    second = queries.monitor_rows(alice, status="up", sort="name", page=2)
    assert names(second) == ["50", "51"]
    assert second.paginator.count == 52
    assert names(queries.monitor_rows(alice, status="up", page="99")) == ["50", "51"]


@pytest.mark.parametrize(
    ("data", "listing"),
    [
        ({}, queries.Listing()),
        ({"q": " a\0b "}, queries.Listing(search="ab")),
        ({"status": "burning", "sort": "; drop"}, queries.Listing()),
        ({"status": "down", "sort": "name", "page": "3"}, queries.Listing(status="down", sort="name", page="3")),
        ({"q": "x" * 500}, queries.Listing(search="x" * 200)),
    ],
)
def test_an_unknown_wish_means_the_default(data, listing):
    assert queries.Listing.of(data) == listing


def test_a_page_of_the_list_costs_the_same_for_one_monitor_and_for_fifty(alice):
    def cost():
        with CaptureQueriesContext(connection) as seen:
            for row in queries.monitor_rows(alice).object_list:
                assert row.state.status
        return len(seen)

    make_monitor(team_of(alice))
    one = cost()
    for number in range(49):
        make_monitor(team_of(alice), name=str(number))
    assert cost() == one == 3


def test_monitors_that_come_back_still_count_as_down(alice):
    for status in ["down", "validating", "up", "paused"]:
        make_monitor(team_of(alice), status=status)
    assert queries.down_count(alice) == 2


# Uptime
def test_uptime_excludes_what_was_not_measured_and_says_how_much_was(alice, now):
    monitor = make_monitor(team_of(alice), status="up", since=now - 48 * HOUR)
    StatusInterval.objects.all().delete()
    for status, start, end in [("up", 48, 12), ("down", 12, 6), ("nodata", 6, 2), ("paused", 2, 1), ("up", 1, None)]:
        StatusInterval.objects.create(
            monitor=monitor, status=status, start=now - start * HOUR, end=None if end is None else now - end * HOUR
        )
    known = queries.uptime_24h([monitor.pk], now)[monitor.pk]
    assert known.ratio == pytest.approx(13 / 19)
    assert known.coverage == pytest.approx(19 / 23)


def test_uptime_of_several_spans_and_monitors_is_one_query(alice, now, django_assert_num_queries):
    young = make_monitor(team_of(alice), status="pending", since=now)
    old = make_monitor(team_of(alice), status="up", since=now - timedelta(days=40))
    with django_assert_num_queries(1):
        known = queries.uptimes([young.pk, old.pk], [span for _, span in queries.SPANS], now)
    assert {span.days: each[old.pk].ratio for span, each in known.items()} == dict.fromkeys([1, 7, 30, 90, 365], 1.0)
    assert all(each[young.pk].ratio is None for each in known.values())


# One monitor
def test_each_region_says_what_it_saw_last_and_whether_it_is_there(alice, now, settings):
    eu, us, ap = (make_region(slug) for slug in ("eu", "us", "ap"))
    monitor = make_monitor(team_of(alice), regions=[eu, us, ap])
    other = make_monitor(team_of(alice), regions=[eu])
    tick(monitor, eu, now - timedelta(minutes=2))
    tick(monitor, eu, now - timedelta(minutes=1), 7000, "down", reason="timeout_tls", detail="No TLS within 7 s")
    tick(other, eu, now, 5)
    tick(monitor, us, now - timedelta(minutes=1), 30)
    silent = timedelta(seconds=settings.REGION_OFFLINE_AFTER + 1)
    for region, heard in [(eu, now), (us, now - silent)]:
        RegionWorker.objects.create(region=region, name="one", started_at=now, heard_at=heard, in_band_at=heard)
    seen = {each.region.slug: each for each in queries.region_states(monitor, now)}
    assert (seen["eu"].online, seen["eu"].sees_down, seen["eu"].reason) == (True, True, "TLS timeout")
    assert seen["eu"].slot == now - timedelta(minutes=1)
    assert (seen["us"].online, seen["us"].tick["response_ms"]) == (False, 30)
    assert (seen["ap"].online, seen["ap"].tick, seen["ap"].slot) == (False, None, None)


def test_region_states_are_one_query_and_one_for_troubles(alice, now, django_assert_num_queries):
    regions = [make_region(slug) for slug in ("eu", "us", "ap")]
    monitor = make_monitor(team_of(alice), regions=regions)
    with django_assert_num_queries(2):
        assert len(queries.region_states(monitor, now)) == 3


def test_recent_checks_come_newest_first_in_pages_and_not_older_than_a_day(alice, now):
    eu = make_region("eu")
    monitor = make_monitor(team_of(alice))
    for number in range(queries.CHECKS_PER_PAGE + 3):
        tick(monitor, eu, now - timedelta(minutes=number + 1))
    tick(monitor, eu, now - 25 * HOUR)
    first, second = queries.recent_checks(monitor), queries.recent_checks(monitor, "2")
    assert first.object_list[0].tick.slot == now - timedelta(minutes=1)
    assert first.object_list[0].place == "Eu"
    assert (len(first.object_list), first.has_next(), first.has_previous()) == (queries.CHECKS_PER_PAGE, True, False)
    assert (len(second.object_list), second.has_next(), second.has_previous()) == (3, False, True)
    assert queries.recent_checks(monitor, "-1").number == queries.recent_checks(monitor, "x").number == 1


def test_the_average_is_of_good_checks_and_survives_without_a_cache(alice, now, monkeypatch):
    eu = make_region("eu")
    monitor = make_monitor(team_of(alice))
    for ms, vote in [(100, "up"), (300, "up"), (9000, "down")]:
        tick(monitor, eu, now - timedelta(seconds=ms), ms, vote)

    def away(*_):
        raise RedisDown

    monkeypatch.setattr(cache, "get_or_set", away)
    found = queries.average_24h(monitor)
    assert (found.mean, found.high) == (200, 300)


def test_incidents_of_a_monitor_know_their_length(alice, now):
    monitor = make_monitor(team_of(alice))
    make_incident(monitor, started_at=now - HOUR, resolved_at=now - HOUR / 2)
    make_incident(monitor, started_at=now)
    assert [incident.length for incident in queries.incidents(monitor)] == [None, 1800]


def test_a_reason_of_another_version_is_shown_as_it_is():
    assert queries.reason_label("timeout_tls") == "TLS timeout"
    assert queries.reason_label("eaten_by_a_whale") == "eaten_by_a_whale"
    assert queries.reason_label("") == queries.reason_explanation("") == queries.reason_explanation("no_such") == ""


# Why
def judged(alice, now, votes, **fields):
    """A monitor whose last closed round has `votes`: region slug to vote; a Round row unless all are up."""
    regions = {slug: make_region(slug, name=slug.upper()) for slug in votes}
    monitor = make_monitor(team_of(alice), regions=regions.values(), state={"judged_until": now}, **fields)
    for slug, vote in votes.items():
        if vote != "missing":
            reason = "" if vote == "up" else "refused" if vote == "down" else "lost"
            tick(monitor, regions[slug], now, vote=vote, reason=reason)
    if set(votes.values()) != {"up"}:
        cast = {str(regions[slug].pk): vote for slug, vote in votes.items() if vote != "missing"}
        Round.objects.create(
            monitor=monitor, slot=now, eligible=[r.pk for r in regions.values()], votes=cast, config_version=1
        )
    return monitor


@pytest.mark.parametrize(
    ("votes", "verdict", "sentence"),
    [
        ({"eu": "up"}, "up", "EU saw it up."),
        ({"eu": "down"}, "down", "EU saw it down: Connection refused."),
        ({"eu": "up", "us": "up", "ap": "up"}, "up", "3 of 3 regions saw it up."),
        (
            {"eu": "down", "us": "down", "ap": "up"},
            "down",
            "2 of 3 regions saw it down (EU: Connection refused, US: Connection refused); 2 are needed.",
        ),
        (
            {"eu": "down", "us": "up", "ap": "up"},
            "up",
            "1 of 3 regions saw it down (EU: Connection refused); 2 are needed, so it counts as up.",
        ),
        (
            {"eu": "down", "us": "nodata", "ap": "nodata"},
            "nodata",
            "1 of 3 regions saw it down (EU: Connection refused); 2 are needed; "
            "2 could not tell, so it stays undecided.",
        ),
        ({"eu": "up", "us": "missing", "ap": "missing"}, "nodata", None),
    ],
)
def test_the_last_closed_round_is_explained(alice, now, votes, verdict, sentence):
    found = queries.explain(judged(alice, now, votes))
    assert (found.at, found.verdict) == (now, verdict)
    if sentence:
        assert found.sentence == sentence


def test_votes_of_an_older_configuration_say_nothing(alice, now):
    found = queries.explain(judged(alice, now, {"eu": "up"}, config_version=2))
    assert found.verdict == "nodata"


def test_nothing_is_explained_before_the_first_closed_round(alice, now):
    assert queries.explain(make_monitor(team_of(alice), regions=[make_region("eu")])) is None


def test_the_last_change_is_explained_with_the_reasons_kept_with_it(alice, now):
    monitor = judged(alice, now, {"eu": "down"})
    eu = str(monitor.regions.get().pk)
    why = {
        "slot": to_ms(now), "verdict": "down", "votes": {eu: "down"}, "eligible": [int(eu)], "assigned": [int(eu)],
        "quorum": "majority", "need": 1, "partial": False, "rounds": 2, "rounds_needed": 2, "period_s": 0,
        "since": to_ms(now), "reasons": {eu: ["status", "Answered 500."]},
    }  # fmt: skip
    Transition.objects.create(monitor=monitor, from_status="up", to_status="down", at=now, decided_at=now, why=why)
    found = queries.explain(monitor)
    assert found.change.to_status == "down"
    assert found.change_sentence == "EU saw it down: Answered 500; second round in a row."


@pytest.mark.parametrize(
    ("fields", "regions", "words"),
    [
        ({}, 1, "Down when its region fails in 2 rounds in a row; up again after 2 good rounds in a row."),
        ({"confirm": 1, "recover": 1}, 3, "Down when 2 of 3 regions fail in 1 round; up again after 1 good round."),
        (
            {"quorum": "all", "confirmation_period": 60},
            3,
            "Down when 3 of 3 regions fail in 2 rounds in a row over at least 60 s; "
            "up again after 2 good rounds in a row.",
        ),
    ],
)
def test_the_rule_is_said_in_words(fields, regions, words):
    assert queries.rule(Monitor(interval=30, timeout_ms=5000, **fields), regions) == words


def test_recent_bars_hold_as_many_rounds_as_are_drawn():
    from uptime.templatetags import ui

    assert ui.BARS == State.RECENT


def test_degraded_ones_can_be_listed_and_come_before_those_that_are_well(alice):
    team = team_of(alice)
    for name, status, degraded in (("Well", "up", False), ("Slow", "up", True), ("Off", "paused", True)):
        make_monitor(team, name=name, status=status, state={"degraded": degraded})
    assert names(queries.monitor_rows(alice))[:2] == ["Slow", "Well"]
    assert names(queries.monitor_rows(alice, status="degraded")) == ["Slow"]
    assert queries.counts(alice) == {"all": 3, "up": 2, "paused": 1, "degraded": 1}
