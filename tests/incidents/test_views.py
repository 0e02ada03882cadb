"""Pages of incidents: who may see them, what they say, how they stay live."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents.models import TimelineEntry
from incidents.queries import PER_PAGE, Listing, unconfirmed
from monitors import live
from monitors.models import Tick
from monitors.services.partitions import ensure_partitions
from monitors.times import to_ms
from tests.factories import make_incident, make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def shop(alice):
    return make_monitor(team_of(alice), name="Shop", target="https://shop.example/")


def ago(**units):
    return timezone.now() - timedelta(**units)


def resolved(monitor, started_at, **length):
    ended = started_at + timedelta(**length)
    return make_incident(monitor, started_at=started_at, resolved_at=ended, resolution="recovered")


def order(response, *texts):
    """`texts` in the order in which they stand on the page, below banners."""
    page = response.content.decode()
    page = page.partition('id="incidents"')[2] or page
    return sorted((text for text in texts if text in page), key=page.index)


def why(regions, **votes):
    """Facts as a transition keeps them; `votes`: slug to vote."""
    ids = {region.slug: region.pk for region in regions}
    return {
        "slot": to_ms(timezone.now()),
        "verdict": "down",
        "votes": {str(ids[slug]): vote for slug, vote in votes.items()},
        "eligible": [ids[slug] for slug in votes],
        "assigned": list(ids.values()),
        "quorum": "majority",
        "need": 2,
        "partial": False,
        "rounds": 2,
        "reasons": {str(ids[slug]): ["refused", "Connection refused"] for slug in votes if votes[slug] == "down"},
    }


# Who may see them ---------------------------------------------------------------------------------------------------
def test_the_list_asks_strangers_to_sign_in(client):
    response = client.get(reverse("incidents:list"))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@pytest.mark.parametrize(("name", "signed_out"), [("detail", 302), ("summary", 204)])
def test_an_incident_is_hidden_from_anonymous_and_from_other_teams(client, name, signed_out):
    incident = make_incident(make_monitor(team_of(make_user("bob"))))
    url = reverse(f"incidents:{name}", args=[incident.pk])
    assert client.get(url).status_code == signed_out
    client.force_login(make_user("alice"))
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("name", ["list", "rows"])
def test_the_list_holds_only_incidents_of_own_teams(client, alice, shop, name):
    make_incident(shop, summary="Ours is down")
    other = make_monitor(team_of(make_user("bob")), state={"verdict": "up", "streak": 1}, name="Of Bob")
    make_incident(other, summary="Theirs is down")
    page = client.get(reverse(f"incidents:{name}")).content.decode()
    assert "Ours is down" in page
    assert "Theirs is down" not in page
    assert "Of Bob" not in page


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_pages_of_incidents_are_for_reading_only(client, alice, shop, method):
    for url in ("/incidents", "/incidents/rows", f"/incidents/{make_incident(shop).pk}"):
        assert getattr(client, method)(url).status_code == 405


# The list -----------------------------------------------------------------------------------------------------------
def test_without_incidents_the_list_says_so(client, alice):
    assert "No incidents" in client.get("/incidents").content.decode()


def test_open_incidents_come_first_however_old(client, alice, shop):
    other = make_monitor(team_of(alice), name="Blog")
    make_incident(other, started_at=ago(days=3))
    resolved(shop, ago(hours=1), minutes=5)
    assert order(client.get("/incidents"), "Shop", "Blog") == ["Blog", "Shop"]


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"Started</span>", "Resolved"}),
        ("show=open", {"Started</span>"}),
        ("show=resolved", {"Resolved"}),
        ("show=nonsense", {"Started</span>", "Resolved"}),
    ],
)
def test_the_filter_leaves_out_what_is_not_asked_for(client, alice, shop, query, seen):
    make_incident(shop)
    resolved(make_monitor(team_of(alice), name="Blog"), ago(hours=1), minutes=5)
    rows = client.get(f"/incidents/rows?{query}").content.decode()
    assert {word for word in ("Started</span>", "Resolved") if word in rows} == seen


@pytest.mark.parametrize("search", ["shop", "SHOP.example", "  Shop "])
def test_a_search_finds_monitors_by_name_and_address(client, alice, shop, search):
    make_incident(shop, summary="Found it")
    make_incident(make_monitor(team_of(alice), name="Blog"), summary="Something else")
    page = client.get("/incidents", {"q": search}).content.decode()
    assert "Found it" in page
    assert "Something else" not in page


def test_a_search_without_a_hit_offers_the_whole_list(client, alice, shop):
    make_incident(shop)
    page = client.get("/incidents", {"q": "zzz"}).content.decode()
    assert "No incidents match" in page
    assert "Show all" in page


@pytest.mark.parametrize("query", ["q=%00", "q=%FF", "page=-1", "page=x", "page=999999999999999999999", "sort=;drop"])
def test_a_crooked_query_shows_the_list_all_the_same(client, alice, shop, query):
    make_incident(shop)
    assert client.get(f"/incidents?{query}").status_code == 200


@pytest.mark.parametrize(
    ("sort", "names"), [("newest", "CBA"), ("oldest", "ABC"), ("longest", "BAC")], ids=["newest", "oldest", "longest"]
)
def test_the_list_is_sorted_as_asked(client, alice, sort, names):
    for name, hours, minutes in (("A", 9, 20), ("B", 6, 60), ("C", 3, 10)):
        resolved(make_monitor(team_of(alice), name=f"Site {name}"), ago(hours=hours), minutes=minutes)
    response = client.get("/incidents/rows", {"sort": sort})
    assert order(response, "Site A", "Site B", "Site C") == [f"Site {name}" for name in names]


def test_long_lists_have_pages_that_keep_the_filter(client, alice, shop):
    for number in range(PER_PAGE + 1):
        resolved(shop, ago(hours=number + 1), minutes=5)
    first = client.get("/incidents", {"show": "resolved"})
    assert first.content.decode().count('id="incident-') == PER_PAGE
    assert "?show=resolved&amp;page=2" in first.content.decode()
    second = client.get("/incidents", {"show": "resolved", "page": 2}).content.decode()
    assert second.count('id="incident-') == 1


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_takes_as_many_queries_for_many_incidents_as_for_one(client, alice, count, django_assert_num_queries):
    for number in range(count):
        team = team_of(alice)
        make_incident(make_monitor(team, name=f"{number}"))
        make_monitor(team, state={"verdict": "up", "streak": 1, "streak_first": timezone.now()})
    client.get("/incidents/rows")
    with django_assert_num_queries(6):  # session, user, teams, count, incidents, unconfirmed
        client.get("/incidents/rows")


def test_what_a_target_said_is_escaped(client, alice, shop):
    incident = make_incident(shop, summary="<script>alert(1)</script>")
    for url in ("/incidents", f"/incidents/{incident.pk}"):
        page = client.get(url).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


# Unconfirmed --------------------------------------------------------------------------------------------------------
def unconfirmed_monitor(alice, **state):
    values = {"verdict": "up", "streak": 1, "streak_first": ago(seconds=9), "last_detail": "Refused once", **state}
    return make_monitor(team_of(alice), name="Wobbly", status="up", state=values)


def test_a_first_failure_is_listed_as_unconfirmed_before_everything_else(client, alice, shop):
    make_incident(shop)
    monitor = unconfirmed_monitor(alice)
    response = client.get("/incidents/rows")
    assert order(response, "Wobbly", "Shop") == ["Wobbly", "Shop"]
    assert "Unconfirmed" in response.content.decode()
    assert "Refused once" in response.content.decode()
    assert reverse("monitors:detail", args=[monitor.pk]) in response.content.decode()


@pytest.mark.parametrize(("show", "listed"), [("all", True), ("open", True), ("resolved", False)])
def test_the_unconfirmed_belong_to_what_is_open(alice, show, listed):
    unconfirmed_monitor(alice)
    assert bool(unconfirmed(alice, Listing(show=show))) is listed


def test_the_unconfirmed_are_searched_too(alice):
    unconfirmed_monitor(alice)
    assert unconfirmed(alice, Listing(search="wob"))
    assert not unconfirmed(alice, Listing(search="shop"))


@pytest.mark.parametrize("verdict", ["pending", "up", "down"])
@pytest.mark.parametrize("streak", [0, 1])
@pytest.mark.parametrize("status", ["pending", "up", "down", "nodata", "paused"])
def test_the_unconfirmed_are_exactly_the_confirming_ones(alice, verdict, streak, status):
    state = {"verdict": verdict, "streak": streak, "streak_first": timezone.now() if streak else None}
    monitor = make_monitor(team_of(alice), status=status, state=state)
    assert bool(unconfirmed(alice, Listing())) is monitor.state.confirming


# Live ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["rows", "summary"])
def test_a_fragment_is_drawn_again_only_when_something_changed(client, alice, shop, name):
    incident = make_incident(shop)
    url = reverse(f"incidents:{name}", args=[incident.pk] if name == "summary" else [])
    live.bump([shop.team_id])
    version = live.version([shop.team_id])
    assert client.get(url, {"v": "another"}).status_code == 200
    assert client.get(url, {"v": version}).status_code == 204
    live.bump([shop.team_id])
    assert client.get(url, {"v": version}).status_code == 200


def test_a_fragment_asks_for_itself_with_the_same_filter(client, alice, shop):
    make_incident(shop)
    page = client.get("/incidents?show=open&q=shop").content.decode()
    assert 'hx-get="/incidents/rows?show=open&amp;q=shop&amp;v=' in page


# One incident -------------------------------------------------------------------------------------------------------
def test_an_open_incident_says_what_is_wrong_since_when_and_from_where(client, alice, shop):
    regions = [make_region(slug) for slug in ("eu-west", "us-east", "ap-south")]
    votes = why(regions, **{"eu-west": "down", "us-east": "down", "ap-south": "up"})
    incident = make_incident(
        shop, cause="refused", summary="Nothing listens on port 443.", regions=["Eu West", "Us East"], votes=votes
    )
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    for words in (
        "Nothing listens on port 443.",
        "The server is there, but nothing listens on this port.",  # the reason's explanation
        "Ongoing",
        "Eu West, Us East",
        "2 of 3 regions saw it down (Eu West, Us East); 2 are needed; second round in a row.",
        "First failed round",
        f'href="/monitors/{shop.pk}"',
    ):
        assert words in page
    assert "data-since" in page  # the length counts on


def test_a_resolved_incident_says_how_and_how_long(client, alice, shop):
    incident = resolved(shop, ago(hours=2), minutes=3, seconds=20)
    TimelineEntry.objects.create(incident=incident, at=incident.resolved_at, kind="resolved", text="Recovered")
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    assert "3 min 20 s" in page
    assert "Recovered" in page
    assert "Ongoing" not in page


def test_a_region_that_could_not_look_is_named_so(client, alice, shop):
    regions = [make_region(slug) for slug in ("eu-west", "us-east", "ap-south")]
    incident = make_incident(shop, votes=why(regions, **{"eu-west": "down", "us-east": "down"}))
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    assert "could not look" in page
    assert "1 of 3 regions could not look" in page


def test_a_region_that_was_not_trusted_is_named_so(client, alice, shop):
    regions = [make_region(slug) for slug in ("eu-west", "us-east", "ap-south")]
    doubted = {str(regions[2].pk): ["skewed", to_ms(timezone.now())]}
    votes = why(regions, **{"eu-west": "down", "us-east": "down"}) | {"doubted": doubted}
    page = client.get(f"/incidents/{make_incident(shop, votes=votes).pk}").content.decode()
    assert '<span class="muted">not trusted</span>' in page
    assert "Ap South is not trusted: its clock is off since" in page


def test_a_vote_that_came_after_the_quorum_is_shown_too(client, alice, shop):
    ensure_partitions(timezone.now().date())
    regions = [make_region(slug) for slug in ("eu-west", "us-east", "ap-south")]
    facts = why(regions, **{"eu-west": "down", "us-east": "down"})
    slot = timezone.now().replace(microsecond=0)
    facts |= {"slot": to_ms(slot), "eligible": [region.pk for region in regions]}
    incident = make_incident(shop, votes=facts)
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    assert "no answer" in page
    tick(shop, regions[2], slot, detail="Down here as well")
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    assert "no answer" not in page
    assert "Down here as well" in page


def test_a_removed_region_does_not_break_its_incidents(client, alice, shop):
    ensure_partitions(timezone.now().date())
    regions = [make_region("eu-west"), make_region("us-east")]
    incident = make_incident(shop, votes=why(regions, **{"eu-west": "down", "us-east": "down"}))
    tick(shop, regions[0], incident.started_at)
    regions[0].delete()
    assert "a removed region" in client.get(f"/incidents/{incident.pk}").content.decode()


def test_an_incident_without_votes_is_shown_all_the_same(client, alice, shop):
    incident = make_incident(shop, votes={}, cause="no_such_reason_any_more")
    assert "The votes were not kept." in client.get(f"/incidents/{incident.pk}").content.decode()


def test_a_recovery_under_validation_is_told(client, alice):
    state = {"verdict": "down", "streak": 1}
    monitor = make_monitor(team_of(alice), status="validating", recover=3, state=state)
    page = client.get(f"/incidents/{make_incident(monitor).pk}").content.decode()
    assert "1 of 3 good rounds" in page


def test_the_incident_of_a_deleted_monitor_stays_but_links_nowhere(client, alice, shop):
    incident = make_incident(shop)
    shop.deleted_at = timezone.now()
    shop.save()
    response = client.get(f"/incidents/{incident.pk}")
    assert response.status_code == 200
    assert f'href="/monitors/{shop.pk}"' not in response.content.decode()


def tick(monitor, region, slot, vote="down", **fields):
    return Tick.objects.create(
        monitor=monitor, region=region, slot=slot, vote=vote, **{"config_version": 1, "response_ms": 120, **fields}
    )


def test_the_checks_around_the_start_are_shown_and_no_others(client, alice, shop):
    ensure_partitions(timezone.now().date())
    region, start = make_region(), ago(minutes=5)
    tick(shop, region, start - timedelta(seconds=30), vote="up", detail="the last good one", address="203.0.113.7")
    tick(shop, region, start, reason="refused", detail="the first bad one")
    tick(shop, region, start + timedelta(seconds=30), reason="refused")
    tick(shop, region, start - timedelta(hours=2), detail="long before")
    tick(shop, region, start + timedelta(minutes=4), detail="long after")
    for number in range(5):
        tick(shop, region, start + timedelta(seconds=60 + number), reason="refused")
    tick(shop, region, start + timedelta(seconds=90), detail="a round too far")
    tick(make_monitor(team_of(alice)), region, start, detail="another monitor")
    page = client.get(f"/incidents/{make_incident(shop, started_at=start).pk}")
    assert order(page, "the last good one", "the first bad one") == ["the first bad one", "the last good one"]
    for words in ("203.0.113.7", "Connection refused", "120 ms", region.name):
        assert words in page.content.decode()
    for words in ("long before", "long after", "a round too far", "another monitor"):
        assert words not in page.content.decode()


def test_an_incident_whose_checks_are_pruned_says_so(client, alice, shop):
    ensure_partitions(timezone.now().date())
    page = client.get(f"/incidents/{make_incident(shop).pk}").content.decode()
    assert "No single checks any more" in page


@pytest.mark.parametrize("count", [2, 30])
def test_one_incident_takes_as_many_queries_for_many_checks(client, alice, shop, count, django_assert_num_queries):
    ensure_partitions(timezone.now().date())
    region, incident = make_region(), make_incident(shop, started_at=ago(minutes=5))
    for number in range(count):
        tick(shop, region, incident.started_at + timedelta(seconds=number))
    url = f"/incidents/{incident.pk}/summary"
    client.get(url)
    # Session, user, teams, incident, timeline, regions, ticks before and after, deliveries, alarm
    with django_assert_num_queries(10):
        client.get(url)
