"""The clones' API at the site's root, call by call, as their front ends and test suites use it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from monitors.models import ExtraSlot, Monitor, Tick
from monitors.services.partitions import ensure_partitions
from tests.factories import PASSWORD, make_monitor, make_region, make_user, team_of
from tests.monitors.test_forms import HOSTS

pytestmark = pytest.mark.django_db
TICK_KEYS = {"id", "response_time", "status", "region_id", "website_id", "createdAt"}
ORIGIN = "https://a.front-end.example"


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def client(alice):
    """Signed in as their front ends are: the bare token, no `Bearer` in front."""
    return Client(headers={"Authorization": str(AccessToken.for_user(alice))})


@pytest.fixture
def local():
    return make_region("local")


@pytest.fixture
def now():
    moment = timezone.now().replace(microsecond=0)
    ensure_partitions(moment.date())
    return moment


def add(client, **body):
    return client.post("/website", body, content_type="application/json")


def seen(monitor, region, slot, vote="up", **fields):
    """A stored tick, and the state that shows its slot as the last one."""
    values = {"config_version": 1, "started_at": slot, "response_ms": 41.6, **fields}
    Tick.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, **values)
    state = monitor.state
    if state.last_slot is None or slot >= state.last_slot:
        state.last_slot, state.last_vote = slot, vote
        state.save()


# POST /website --------------------------------------------------------------------------------------------------------
def test_a_website_is_added_with_the_defaults_and_checked_at_once(client, alice, local, settings):
    response = add(client, url="https://example.com")
    monitor = Monitor.objects.get()
    assert response.status_code == 200
    assert response.json() == {"message": "Website is added", "id": str(monitor.pk)}
    assert (monitor.target, monitor.name, monitor.kind) == ("https://example.com", "example.com", "http")
    assert (monitor.interval, monitor.timeout_ms) == (settings.DEFAULT_CHECK_INTERVAL, 10_000)
    assert monitor.options["follow_redirects"] is True
    assert list(monitor.regions.all()) == [local]
    assert (monitor.team, monitor.created_by) == (team_of(alice), alice)
    assert ExtraSlot.objects.get().cause == ExtraSlot.Cause.FIRST


@pytest.mark.parametrize(
    "body", [{}, {"url": ""}, {"url": None}, {"url": 5}, {"url": ["https://example.com"]}, {"uri": "x"}]
)
def test_without_a_url_the_answer_is_411_and_an_empty_object(client, body):
    response = add(client, **body)
    assert (response.status_code, response.json()) == (411, {})


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"", "application/json"),
        (b"nonsense", "application/json"),
        (b"[]", "application/json"),
        (b'{"url": "\\ud800"}', "application/json"),
        (b"url=https://example.com", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_json_object_has_no_url(client, raw, content_type):
    response = client.generic("POST", "/website", raw, content_type=content_type)
    assert (response.status_code, response.json()) == (411, {})


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("example.com", "Add https:// in front"),
        ("javascript:alert(1)", "cannot be monitored here"),
        ("ftp://example.com", "http:// or https://"),
        ("https://example.com/\0", "control character"),
        ("https://example.com/" + "a" * 3000, "longer than 2048"),
    ],
)
def test_a_url_that_cannot_be_watched_is_refused_with_a_message(client, url, part):
    response = add(client, url=url)
    assert (response.status_code, list(response.json())) == (411, ["message"])
    assert part in response.json()["message"]
    assert not Monitor.objects.exists()


@pytest.mark.parametrize("host", HOSTS)
def test_internal_addresses_are_refused_while_private_targets_are_off(client, settings, host):
    settings.ALLOW_PRIVATE_TARGETS = False
    assert add(client, url=f"http://{host}/").status_code == 411
    assert not Monitor.objects.exists()


def test_what_else_the_body_says_changes_nothing(client, alice, local):
    add(client, url="https://example.com", interval=1, team=7, user_id="x", method="POST")
    monitor = Monitor.objects.get()
    assert (monitor.interval, monitor.team, monitor.options["method"]) == (30, team_of(alice), "GET")


# GET /website ---------------------------------------------------------------------------------------------------------
def test_a_website_without_ticks_is_listed_as_they_list_it(client, alice, local):
    pk = add(client, url="https://example.com").json()["id"]
    (website,) = client.get("/website").json()["website"]
    added = website.pop("timeAdded")
    assert website == {"id": pk, "url": "https://example.com", "userId": str(alice.pk), "tickes": []}
    assert datetime.fromisoformat(added) <= datetime.now(UTC)


def test_nobody_sees_another_ones_websites(client, alice):
    make_monitor(team_of(make_user("bob")))
    make_monitor(team_of(alice), deleted_at=timezone.now())
    make_monitor(team_of(alice), kind="other")
    assert client.get("/website").json() == {"website": []}


def test_each_website_has_its_latest_tick(client, alice, local, now):
    first, second = (make_monitor(team_of(alice), regions=[local], name=name) for name in "AB")
    for monitor in (first, second):
        for minutes in (3, 2, 1):
            seen(monitor, local, now - timedelta(minutes=minutes), response_ms=minutes * 100.4)
    seen(second, local, now, "down", response_ms=None)
    websites = client.get("/website").json()["website"]
    assert [len(each["tickes"]) for each in websites] == [1, 1]
    tick, down = (each["tickes"][0] for each in websites)
    assert set(tick) == TICK_KEYS
    assert isinstance(tick.pop("id"), str)
    assert tick == {
        "response_time": 100,
        "status": "Up",
        "region_id": "local",
        "website_id": str(first.pk),
        "createdAt": (now - timedelta(minutes=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert (down["status"], down["response_time"], down["website_id"]) == ("Down", 0, str(second.pk))


def test_of_several_regions_the_tick_agrees_with_what_the_website_is_shown_as(client, alice, now):
    regions = [make_region(slug) for slug in ("eu", "us", "ap")]
    monitor = make_monitor(team_of(alice), regions=regions)
    for region, vote in zip(regions, ("up", "down", "up"), strict=True):
        seen(monitor, region, now, vote)
    monitor.state.last_vote = "down"
    monitor.state.save()
    (website,) = client.get("/website").json()["website"]
    assert [(tick["region_id"], tick["status"]) for tick in website["tickes"]] == [("us", "Down")]


def test_a_list_costs_the_same_queries_however_long(client, alice, local, now, django_assert_max_num_queries):
    for _ in range(9):
        seen(make_monitor(team_of(alice), regions=[local]), local, now)
    with django_assert_max_num_queries(5):
        assert len(client.get("/website").json()["website"]) == 9


# GET /status/<id> -----------------------------------------------------------------------------------------------------
def test_a_status_tells_the_last_ten_ticks_newest_first(client, alice, now):
    regions = [make_region("eu"), make_region("us")]
    monitor = make_monitor(team_of(alice), regions=regions, status="up")
    slots = [now - timedelta(minutes=n) for n in range(8)]
    for slot in slots:
        seen(monitor, regions[0], slot)
        seen(monitor, regions[1], slot, "nodata", response_ms=None, started_at=None)
    body = client.get(f"/status/{monitor.pk}").json()
    ticks = body.pop("tickes")
    assert body == {"id": str(monitor.pk), "url": monitor.target, "user_id": str(alice.pk), "status": "up"}
    assert len(ticks) == 10
    assert all(set(tick) == TICK_KEYS for tick in ticks)
    assert [tick["createdAt"] for tick in ticks] == sorted((tick["createdAt"] for tick in ticks), reverse=True)
    assert ticks[0]["createdAt"] == now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert {tick["status"] for tick in ticks} == {"Up", "Unknown"}
    assert len({tick["id"] for tick in ticks}) == 10


@pytest.mark.parametrize("whose", ["bob's", "deleted", "missing", "huge", "text", "another script"])
def test_a_website_that_is_not_yours_is_not_found(client, alice, whose):
    other = make_monitor(team_of(make_user("bob")))
    gone = make_monitor(team_of(alice), deleted_at=timezone.now())
    pk = {"bob's": other.pk, "deleted": gone.pk, "missing": 999_999, "huge": 10**40, "text": "a-b"}.get(whose, "٣")
    response = client.get(f"/status/{pk}")
    assert (response.status_code, response.json()) == (403, {"message": "not found"})


# Tokens and browsers --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "path"), [("POST", "/website"), ("GET", "/website"), ("GET", "/status/1")])
@pytest.mark.parametrize("token", [None, "nonsense", "Bearer nonsense", ""])
def test_without_a_valid_token_the_answer_is_403(method, path, token):
    headers = {} if token is None else {"Authorization": token}
    response = Client().generic(method, path, '{"url": "https://example.com"}', "application/json", headers=headers)
    assert response.status_code == 403
    assert response.json() == {"message": "not signed in"}
    assert not Monitor.objects.exists()


def test_a_token_may_have_bearer_in_front(alice):
    client = Client(headers={"Authorization": f"Bearer {AccessToken.for_user(alice)}"})
    assert client.get("/website").status_code == 200


def test_a_session_is_no_token_here(alice):
    browser = Client()
    assert browser.login(username="alice", password=PASSWORD)
    assert browser.get("/website").status_code == 403


@pytest.mark.parametrize("path", ["/website", "/status/7", "/user/signup", "/user/signin"])
def test_any_origin_may_ask_before_it_calls(path):
    asking = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    response = Client().options(path, headers=asking)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "*"
    allowed = response["Access-Control-Allow-Headers"].replace(" ", "").split(",")
    assert {"authorization", "content-type"} <= set(allowed)
    assert {"GET", "POST"} <= set(response["Access-Control-Allow-Methods"].replace(" ", "").split(","))
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize("headers", [{}, {"Authorization": "nonsense"}])
def test_refusals_can_be_read_by_other_origins_too(headers):
    response = Client().get("/website", headers={"Origin": ORIGIN, **headers})
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (403, "*")


def test_other_paths_are_closed_to_other_origins(client):
    response = client.get("/api/v2/monitors", headers={"Origin": ORIGIN})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response
