"""/api/v2/monitors as Better Stack's clients know it: shapes, filters, pages, errors, and who may see what."""

import json
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from rest_framework_simplejwt.tokens import AccessToken

from monitors.masks import MASK
from monitors.models import Monitor
from monitors.probes.kinds import KINDS
from monitors.probes.thresholds import LIMITS
from monitors.serializers import HTTP_TYPES
from tests.factories import PASSWORD, make_monitor, make_region, make_user, team_of
from tests.monitors.test_forms import HOSTS, Knock
from tests.ssrf_cases import SPELLINGS
from uptime import api

pytestmark = pytest.mark.django_db
LIST = "/api/v2/monitors"
# Every attribute of the untouched recording of Better Stack's answer.
# fmt: off
RECORDED = {
    "url", "pronounceable_name", "monitor_type", "monitor_group_id", "last_checked_at", "status", "policy_id",
    "required_keyword", "verify_ssl", "check_frequency", "call", "sms", "email", "push", "team_wait", "http_method",
    "request_timeout", "recovery_period", "request_headers", "request_body", "follow_redirects", "remember_cookies",
    "created_at", "updated_at", "ssl_expiration", "domain_expiration", "regions", "expected_status_codes", "port",
    "confirmation_period", "paused_at", "paused", "maintenance_from", "maintenance_to", "maintenance_timezone",
}
OURS = {
    "timeout", "quorum", "at_least", "confirm", "recover", "flags", "last_reason", "last_detail", "last_response_ms",
    "team_name", "when_blind", "ssl_certificate_expires_at", "domain_expires_at", "assertions",
    "degraded_above_ms", "down_above_ms", "upside_down",
}
# How only a website is asked, and what that is in a monitor of which nothing was said.
HTTP = dict.fromkeys((
    "auth_username", "auth_password", "bearer_token", "token_url", "client_id", "client_secret", "scope", "audience",
    "client_certificate", "client_key", "authorities", "proxy_username", "proxy_password",
), "") | {
    "auth": "none", "client_auth": "header", "body_kind": "raw", "http_version": "1.1", "ip_version": None,
    "proxy_host": None, "proxy_port": None,
}
# fmt: on


class Caller(Client):
    """Somebody with a token."""

    def __init__(self, user):
        super().__init__(
            headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"}, raise_request_exception=True
        )

    def send(self, method, path, body):
        return self.generic(method, path, json.dumps(body), content_type="application/json")

    def create(self, **body):
        return self.send("POST", LIST, {"url": "https://example.com/", **body})

    def change(self, pk, /, **body):
        return self.send("PATCH", f"{LIST}/{pk}", body)

    def attributes(self, pk):
        return self.get(f"{LIST}/{pk}").json()["data"]["attributes"]


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def caller(alice):
    return Caller(alice)


@pytest.fixture
def local():
    return make_region("local")


@pytest.fixture
def knock(monkeypatch):
    monkeypatch.setitem(KINDS._kinds, "knock", Knock())


def made(response):
    assert response.status_code == 201, response.content
    return response.json()["data"]


def errors(response):
    assert response.status_code == 422, response.content
    return response.json()["errors"]


# Shapes ---------------------------------------------------------------------------------------------------------------
def test_a_monitor_has_exactly_the_recorded_attributes_and_our_own(caller, local):
    data = made(caller.create())
    assert set(data) == {"id", "type", "attributes", "relationships"}
    assert (type(data["id"]), data["type"], data["relationships"]) == (str, "monitor", {"policy": {"data": None}})
    assert set(data["attributes"]) == RECORDED | OURS | set(HTTP)


def test_a_monitor_with_little_said_has_the_wires_defaults(caller, local, settings):
    settings.DEFAULT_CHECK_INTERVAL = 30
    found = made(caller.create())["attributes"]
    times = [found.pop(name) for name in ("created_at", "updated_at")]
    assert all(datetime.fromisoformat(text).tzinfo == UTC and text[-5] == "." and text[-1] == "Z" for text in times)
    assert found == {
        **HTTP,
        "url": "https://example.com/",
        "pronounceable_name": "example.com",
        "monitor_type": "status",
        "monitor_group_id": None,
        "last_checked_at": None,
        "status": "pending",
        "policy_id": None,
        "required_keyword": None,
        "verify_ssl": True,
        "check_frequency": 30,
        "call": False,
        "sms": False,
        "email": False,
        "push": False,
        "team_wait": None,
        "http_method": "get",
        "request_timeout": 10,
        "recovery_period": 0,
        "request_headers": [],
        "request_body": "",
        "follow_redirects": True,
        "remember_cookies": False,
        "ssl_expiration": 14,
        "domain_expiration": None,
        "ssl_certificate_expires_at": None,
        "domain_expires_at": None,
        "regions": ["local"],
        "expected_status_codes": [],
        "port": None,
        "confirmation_period": 0,
        "paused_at": None,
        "paused": False,
        "maintenance_from": None,
        "maintenance_to": None,
        "maintenance_timezone": None,
        "timeout": 10,
        "quorum": "majority",
        "at_least": 2,
        "confirm": 2,
        "recover": 2,
        "flags": [],
        "last_reason": None,
        "last_detail": None,
        "last_response_ms": None,
        "team_name": "alice's team",
        "when_blind": "stand_in",
        "assertions": [],
        "degraded_above_ms": None,
        "down_above_ms": None,
        "upside_down": False,
    }


FULL = {
    "url": "https://example.com/health?x=1",
    "pronounceable_name": "Shop",
    "monitor_type": "keyword_absence",
    "required_keyword": "Fatal error",
    "expected_status_codes": [200, 201, 202, 301],
    "check_frequency": 300,
    "request_timeout": 45,
    "http_method": "POST",
    "request_body": '{"ping": true}',
    "follow_redirects": False,
    "verify_ssl": False,
    "regions": ["eu-west"],
    "confirmation_period": 60,
    "recovery_period": 180,
    "quorum": "any",
    "confirm": 1,
    "recover": 3,
    "paused": True,
}


def test_everything_that_is_set_is_stored_and_comes_back(caller, local):
    make_region("eu-west")
    found = made(caller.create(**FULL))["attributes"]
    expected = {**FULL, "http_method": "post", "request_body": f"{MASK}rue}}"}
    assert {name: found[name] for name in FULL} == expected
    assert found["status"] == "paused"
    assert found["paused_at"] is not None
    monitor = Monitor.objects.get()
    assert (monitor.timeout_ms, monitor.interval, monitor.paused) == (45_000, 300, True)
    assert monitor.options["expected_status"] == "200-202, 301"
    assert monitor.secrets["body"] == '{"ping": true}'


def test_sending_back_what_was_read_changes_nothing(caller, local):
    headers = [{"name": "Authorization", "value": "Bearer 0123456789"}]
    pk = made(caller.create(**{**FULL, "regions": None}, request_headers=headers))["id"]
    before = caller.attributes(pk)
    assert caller.change(pk, **before).status_code == 200
    after = caller.attributes(pk)
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    monitor = Monitor.objects.get()
    assert monitor.config_version == 1
    assert monitor.secrets["headers"] == headers


def test_what_was_seen_is_told(caller, alice):
    at = datetime(2026, 1, 2, 3, 4, 5, 678_912, UTC)
    state = {
        "last_checked_at": at,
        "last_reason": "refused",
        "last_detail": "Nobody there",
        "last_response_ms": 12.5,
        "partial": True,
        "verdict": "up",
        "streak": 1,
    }
    monitor = make_monitor(team_of(alice), status="up", state=state)
    found = caller.attributes(monitor.pk)
    assert found["last_checked_at"] == "2026-01-02T03:04:05.678Z"
    assert [found[n] for n in ("status", "last_reason", "last_detail", "last_response_ms")] == [
        "up", "refused", "Nobody there", 12.5,
    ]  # fmt: skip
    assert found["flags"] == ["confirming", "partial"]


def test_a_status_the_wire_does_not_know_is_pending_with_a_flag(caller, alice):
    found = caller.attributes(make_monitor(team_of(alice), status="nodata").pk)
    assert (found["status"], found["flags"]) == ("pending", ["nodata"])


# Lists ----------------------------------------------------------------------------------------------------------------
def names(response):
    return [each["attributes"]["pronounceable_name"] for each in response.json()["data"]]


def test_an_empty_list_has_a_first_page(caller):
    body = caller.get(LIST).json()
    page = f"http://testserver{LIST}?page=1"
    assert body == {"data": [], "pagination": {"first": page, "last": page, "prev": None, "next": None}}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["A", "B", "C"]),
        ("?pronounceable_name=B", ["B"]),
        ("?pronounceable_name=b", []),
        ("?pronounceable_name=%00", []),
        ("?url=https://a.example/", ["A"]),
        ("?url=HTTPS://A.Example:443/", ["A"]),
        ("?url=https://nowhere.example/", []),
        ("?url=nonsense", []),
        ("?url=https://a.example/&pronounceable_name=B", []),
        ("?team_name=alice%27s%20team", ["A", "B"]),
        ("?team_name=shared", ["C"]),
        ("?team_name=bob%27s%20team", []),
        ("?url=", []),
    ],
)
def test_filters_are_exact_and_none_found_is_an_empty_list(caller, alice, query, found):
    shared = alice.teams.create(name="shared")
    make_monitor(team_of(alice), name="A", target="https://a.example/")
    make_monitor(team_of(alice), name="B", target="https://b.example/")
    make_monitor(shared, name="C", target="https://c.example/")
    make_monitor(team_of(make_user("bob")), name="D", target="https://a.example/")
    response = caller.get(LIST + query)
    assert (response.status_code, names(response)) == (200, found)


def test_links_are_absolute_keep_the_filter_and_lead_through_every_page(caller, alice):
    for number in range(5):
        make_monitor(team_of(alice), name="Shop & Co", target=f"https://{number}.example/")
    make_monitor(team_of(alice), name="Other")
    seen, url = [], f"{LIST}?pronounceable_name=Shop+%26+Co&per_page=2"
    while url:
        response = caller.get(url, headers={"Host": "testserver"})
        seen += [each["attributes"]["url"] for each in response.json()["data"]]
        links = response.json()["pagination"]
        assert links["first"] == "http://testserver/api/v2/monitors?pronounceable_name=Shop+%26+Co&per_page=2&page=1"
        assert links["last"].endswith("&page=3")
        url = links["next"]
    assert seen == [f"https://{number}.example/" for number in range(5)]
    assert links["prev"].endswith("&page=2")


@pytest.mark.parametrize(
    ("query", "count", "prev"), [("per_page=250", 3, None), ("per_page=9999", 3, None), ("page=7", 0, 1)]
)
def test_odd_pages_are_no_error(caller, alice, query, count, prev):
    for _ in range(3):
        make_monitor(team_of(alice))
    body = caller.get(f"{LIST}?{query}").json()
    assert len(body["data"]) == count
    assert (body["pagination"]["prev"] is None) == (prev is None)
    assert body["pagination"]["next"] is None


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=²", "per_page=0", f"page={10**30}", "page="])
def test_pages_that_cannot_be_are_named(caller, query):
    assert errors(caller.get(f"{LIST}?{query}")) == {query.partition("=")[0]: ["Use a whole number from 1 on."]}


def test_a_page_has_50_monitors_and_250_at_most(caller, alice):
    team = team_of(alice)
    for _ in range(52):
        make_monitor(team)
    assert len(caller.get(LIST).json()["data"]) == 50
    assert (api.Pagination.per_page, api.Pagination.most) == (50, 250)


def test_a_list_costs_the_same_queries_however_long(caller, alice, local, django_assert_max_num_queries):
    for _ in range(12):
        make_monitor(team_of(alice), regions=[local])
    with django_assert_max_num_queries(8):
        assert len(caller.get(LIST).json()["data"]) == 12


# Who may ------------------------------------------------------------------------------------------------------------
CALLS = [("GET", LIST), ("POST", LIST), ("GET", f"{LIST}/1"), ("PATCH", f"{LIST}/1"), ("DELETE", f"{LIST}/1")]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("token", [None, "Bearer nonsense", "nonsense"])
def test_without_a_valid_token_the_way_to_one_is_told(method, path, token, settings):
    headers = {"Authorization": token} if token else {}
    response = Client().generic(method, path, "{}", content_type="application/json", headers=headers)
    assert response.status_code == 401
    assert response.json() == {
        "errors": "Invalid Team API token. How to find your Team API token: " + settings.BASE_URL + "/api/docs#token"
    }


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("whose", ["bob's", "deleted", "missing", "huge", "text", "digits of another script"])
def test_what_is_not_yours_is_not_there(caller, alice, method, whose):
    other = make_monitor(team_of(make_user("bob")))
    gone = make_monitor(team_of(alice), deleted_at=datetime.now(UTC))
    pk = {"bob's": other.pk, "deleted": gone.pk, "missing": 999_999, "huge": 10**40, "text": "abc"}.get(whose, "٣")
    response = caller.send(method, f"{LIST}/{pk}", {"pronounceable_name": "mine"})
    assert response.status_code == 404
    assert response.json() == {"errors": f"Resource type monitor with id = {pk} was not found"}
    other.refresh_from_db()
    assert (other.name, other.deleted_at) == ("Example", None)


def test_a_session_may_read_and_needs_its_csrf_token_to_write(alice, local):
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username="alice", password=PASSWORD)
    assert browser.get(LIST).status_code == 200
    body = json.dumps({"url": "https://example.com"})
    refused = browser.post(LIST, body, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["errors"]
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    accepted = browser.post(LIST, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert accepted.status_code == 201


def test_a_token_needs_no_csrf_token(alice, local):
    client = Client(enforce_csrf_checks=True, headers={"Authorization": str(AccessToken.for_user(alice))})
    assert client.post(LIST, {"url": "https://example.com"}, content_type="application/json").status_code == 201


def test_a_new_monitor_belongs_to_the_named_team_only_for_its_members(caller, alice, local):
    alice.teams.create(name="shared")
    make_user("bob").teams.create(name="secret")
    assert made(caller.create(team_name="shared"))["attributes"]["team_name"] == "shared"
    for name in ("secret", "nowhere", 5, "a\0b", {}):
        assert errors(caller.create(team_name=name)) == {"team_name": ["You are in no team of this name."]}


def test_what_only_we_set_is_not_set_by_a_body(caller, alice, local):
    bob = make_user("bob")
    intruder = {
        "id": "1", "pk": 1, "team": team_of(bob).pk, "team_id": team_of(bob).pk, "created_by": str(bob.pk),
        "config_version": 99, "status": "down", "last_checked_at": "2020-01-01T00:00:00Z", "deleted_at": "2020-01-01",
        "created_at": "2020-01-01", "options": {"method": "PUT"}, "secrets": {"a": 1}, "schedule": 1, "state": 1,
        "timeout_ms": 1, "call": True,
    }  # fmt: skip
    pk = made(caller.create(**intruder))["id"]
    before = Monitor.objects.values().get()
    assert caller.change(pk, **intruder, team_name="bob's team").status_code == 200
    after = Monitor.objects.values().get()
    assert {**after, "updated_at": 0} == {**before, "updated_at": 0}
    assert (after["team_id"], after["created_by_id"]) == (team_of(alice).pk, alice.pk)
    assert (after["config_version"], after["deleted_at"], after["timeout_ms"]) == (1, None, 10_000)
    assert after["options"]["method"] == "GET"


# Changing -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"pronounceable_name": "New"}, 1),
        ({}, 1),
        ({"email": True}, 1),
        ({"check_frequency": 60}, 2),
        ({"required_keyword": "Welcome"}, 2),
        ({"request_headers": [{"name": "A", "value": "b"}]}, 2),
        ({"confirm": 3}, 2),
        ({"url": "https://example.com/other"}, 2),
    ],
)
def test_only_edits_of_probing_and_judging_start_a_new_configuration(caller, local, change, version):
    pk = made(caller.create())["id"]
    assert caller.change(pk, **change).status_code == 200
    assert Monitor.objects.get().config_version == version


def test_put_changes_only_what_it_names_as_patch_does(caller, local):
    pk = made(caller.create(check_frequency=77))["id"]
    body = caller.send("PUT", f"{LIST}/{pk}", {"pronounceable_name": "New"}).json()["data"]["attributes"]
    assert (body["pronounceable_name"], body["check_frequency"]) == ("New", 77)


def test_null_is_the_default(caller, local, settings):
    pk = made(caller.create(**{**FULL, "regions": None}))["id"]
    named = ["check_frequency", "request_timeout", "regions", "http_method", "required_keyword", "quorum", "confirm"]
    found = caller.change(pk, **dict.fromkeys(named)).json()["data"]["attributes"]
    assert [found[name] for name in named] == [
        settings.DEFAULT_CHECK_INTERVAL,
        10,
        ["local"],
        "get",
        None,
        "majority",
        2,
    ]


def test_pausing_and_resuming(caller, local):
    pk = made(caller.create())["id"]
    paused = caller.change(pk, paused=True).json()["data"]["attributes"]
    assert (paused["status"], paused["paused"], paused["paused_at"] is None) == ("paused", True, False)
    again = caller.change(pk, paused=True).json()["data"]["attributes"]
    assert again["paused_at"] == paused["paused_at"]
    resumed = caller.change(pk, paused=False).json()["data"]["attributes"]
    assert (resumed["status"], resumed["paused"], resumed["paused_at"]) == ("pending", False, None)
    assert Monitor.objects.get().config_version == 1


def test_deleting_answers_with_nothing_and_then_not_found(caller, local):
    pk = made(caller.create())["id"]
    response = caller.delete(f"{LIST}/{pk}")
    assert (response.status_code, response.content) == (204, b"")
    assert caller.delete(f"{LIST}/{pk}").status_code == 404
    assert caller.get(LIST).json()["data"] == []


# Types ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "kind", "keyword", "mode", "statuses"),
    [
        ({"monitor_type": "status"}, "status", "", "present", ""),
        ({"required_keyword": "Hi"}, "keyword", "Hi", "present", ""),
        ({"monitor_type": "keyword", "required_keyword": "Hi"}, "keyword", "Hi", "present", ""),
        ({"monitor_type": "keyword_absence", "required_keyword": "Hi"}, "keyword_absence", "Hi", "absent", ""),
        ({"monitor_type": "expected_status_code", "expected_status_codes": [204, 200]}, "expected_status_code", "",
         "present", "200, 204"),
        ({"expected_status_codes": list(range(200, 300))}, "expected_status_code", "", "present", "200-299"),
    ],
)  # fmt: skip
def test_the_wires_types_are_settings_of_our_one_kind(caller, local, body, kind, keyword, mode, statuses):
    found = made(caller.create(**body))["attributes"]
    assert (found["monitor_type"], found["required_keyword"]) == (kind, keyword or None)
    monitor = Monitor.objects.get()
    options = monitor.options
    assert monitor.kind == "http"
    assert (options["keyword"], options["keyword_mode"], options["expected_status"]) == (keyword, mode, statuses)


@pytest.mark.parametrize("before", HTTP_TYPES)
@pytest.mark.parametrize("after", HTTP_TYPES)
def test_a_type_may_become_any_other_of_its_kind(caller, local, before, after):
    needs = {
        "keyword": {"required_keyword": "Hi"},
        "keyword_absence": {"required_keyword": "Hi"},
        "expected_status_code": {"expected_status_codes": [204]},
    }
    pk = made(caller.create(monitor_type=before, **needs.get(before, {})))["id"]
    response = caller.change(pk, monitor_type=after, **needs.get(after, {}))
    assert response.json()["data"]["attributes"]["monitor_type"] == after


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"monitor_type": "keyword"}, {"required_keyword": ["Can't be blank."]}),
        ({"monitor_type": "expected_status_code"}, {"expected_status_codes": ["Can't be blank."]}),
        ({"monitor_type": "status", "required_keyword": "Hi"}, "required_keyword"),
        ({"monitor_type": "status", "expected_status_codes": [200]}, "expected_status_codes"),
        ({"monitor_type": "playwright"}, "monitor_type"),
        ({"monitor_type": "http"}, "monitor_type"),
        ({"monitor_type": 7}, "monitor_type"),
        ({"monitor_type": ["status"]}, "monitor_type"),
        ({"url": None}, {"url": ["Can't be blank."]}),
        ({"url": ""}, {"url": ["Can't be blank."]}),
        ({"url": 5}, {"url": ["This must be text."]}),
        ({"url": {"a": 1}}, {"url": ["This must be text."]}),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "example.com"}, {"url": ["Add https:// in front: https://example.com"]}),
        ({"url": "https://example.com/" + "a" * 3000}, "url"),
        ({"url": "https://example.com/\0"}, "url"),
        ({"pronounceable_name": "a\0b"}, "pronounceable_name"),
        ({"pronounceable_name": ["x"]}, {"pronounceable_name": ["This must be text."]}),
        ({"check_frequency": 0}, "check_frequency"),
        ({"check_frequency": True}, {"check_frequency": ["This must be a number."]}),
        ({"check_frequency": []}, {"check_frequency": ["This must be a number."]}),
        ({"check_frequency": 10**400}, "check_frequency"),
        ({"check_frequency": 30.5}, {"check_frequency": ["Enter a whole number."]}),
        ({"request_timeout": 61}, "request_timeout"),
        ({"request_timeout": 10**400}, "request_timeout"),
        ({"request_timeout": "soon"}, {"request_timeout": ["Enter a number."]}),
        ({"timeout": 61}, "timeout"),
        ({"timeout": 5, "request_timeout": 6}, "timeout"),
        ({"http_method": "BREW"}, "http_method"),
        ({"http_method": 5}, {"http_method": ["This must be text."]}),
        ({"request_headers": "A: b"}, {"request_headers": ["Send a list of objects with name and value."]}),
        ({"request_headers": ["A"]}, {"request_headers": ["Send a list of objects with name and value."]}),
        ({"request_headers": [{"name": "A"}]}, "request_headers"),
        ({"request_headers": [{"name": "A\r\nB", "value": "x"}]}, "request_headers"),
        ({"request_headers": [{"name": "Host", "value": "x"}]}, "request_headers"),
        ({"request_headers": [{"name": "A", "value": f"{MASK}abcd"}]}, "request_headers"),
        ({"request_body": 5}, {"request_body": ["This must be text."]}),
        ({"expected_status_codes": [99]}, "expected_status_codes"),
        ({"expected_status_codes": [None]}, "expected_status_codes"),
        ({"expected_status_codes": [10**30]}, "expected_status_codes"),
        ({"expected_status_codes": {"a": 1}}, "expected_status_codes"),
        ({"follow_redirects": "no"}, {"follow_redirects": ["This must be true or false."]}),
        ({"verify_ssl": 1}, {"verify_ssl": ["This must be true or false."]}),
        ({"paused": "yes"}, {"paused": ["This must be true or false."]}),
        ({"regions": "local"}, {"regions": ["This must be a list."]}),
        ({"regions": ["mars"]}, "regions"),
        ({"regions": [["local"]]}, "regions"),
        ({"quorum": "at_least", "at_least": 5}, "at_least"),
        ({"confirm": 11}, "confirm"),
        ({"http_method": "head", "required_keyword": "Hi"}, "required_keyword"),
    ],
)
def test_bad_settings_are_named_in_the_wires_words(caller, local, body, expected):
    found = errors(caller.create(**body))
    if isinstance(expected, str):
        assert list(found) == [expected]
        assert all(isinstance(text, str) and text for text in found[expected])
    else:
        assert found == expected
    assert not Monitor.objects.exists()


def test_several_errors_come_at_once(caller, local):
    assert set(errors(caller.create(url="x", check_frequency=0, confirm=99, verify_ssl="x"))) == {
        "url", "check_frequency", "confirm", "verify_ssl",
    }  # fmt: skip


@pytest.mark.parametrize("timeout", [{"request_timeout": 7}, {"timeout": 7}, {"timeout": "7.0", "request_timeout": 7}])
def test_the_timeout_of_a_website_is_in_seconds_under_both_names(caller, local, timeout):
    found = made(caller.create(**timeout))["attributes"]
    assert (found["request_timeout"], found["timeout"], Monitor.objects.get().timeout_ms) == (7, 7, 7000)


@pytest.mark.parametrize("host", [*HOSTS, *SPELLINGS, "localhost"])
def test_internal_addresses_are_refused_while_private_targets_are_off(caller, local, settings, host):
    settings.ALLOW_PRIVATE_TARGETS = False
    assert list(errors(caller.create(url=f"http://{host}/"))) == ["url"]
    pk = made(caller.create())["id"]
    assert list(errors(caller.change(pk, url=f"http://{host}/"))) == ["url"]


# Headers --------------------------------------------------------------------------------------------------------------
def test_header_values_are_never_told_and_ids_last(caller, local):
    headers = [{"name": "Authorization", "value": "Bearer 0123456789"}, {"name": "Accept", "value": "text/html"}]
    data = made(caller.create(request_headers=headers))
    shown = data["attributes"]["request_headers"]
    assert [(each["name"], each["value"]) for each in shown] == [
        ("Authorization", f"{MASK}6789"),
        ("Accept", f"{MASK}html"),
    ]
    assert all(isinstance(each["id"], str) and each["id"].isdigit() for each in shown)
    assert caller.attributes(data["id"])["request_headers"] == shown
    assert Monitor.objects.get().secrets["headers"] == headers


def header_ids(caller, pk):
    return {each["name"]: each["id"] for each in caller.attributes(pk)["request_headers"]}


@pytest.mark.parametrize(
    ("items", "stored"),
    [
        ([], {"A": "aaaaaaaaaa", "B": "bbbbbbbbbb"}),
        (None, {}),
        ([{"id": "A", "_destroy": True}], {"B": "bbbbbbbbbb"}),
        ([{"id": "A", "value": "new"}], {"A": "new", "B": "bbbbbbbbbb"}),
        ([{"id": "A", "name": "C"}], {"C": "aaaaaaaaaa", "B": "bbbbbbbbbb"}),
        ([{"name": "b", "value": "new"}], {"A": "aaaaaaaaaa", "b": "new"}),
        ([{"name": "C", "value": "c"}], {"A": "aaaaaaaaaa", "B": "bbbbbbbbbb", "C": "c"}),
        ([{"id": "A", "_destroy": True}, {"id": "B", "_destroy": True}, {"name": "A", "value": "x"}], {"A": "x"}),
        ([{"id": "12", "_destroy": True}], {"A": "aaaaaaaaaa", "B": "bbbbbbbbbb"}),
    ],
)
def test_headers_are_changed_one_by_one_and_repeating_it_changes_nothing_more(caller, local, items, stored):
    start = [{"name": "A", "value": "aaaaaaaaaa"}, {"name": "B", "value": "bbbbbbbbbb"}]
    pk = made(caller.create(request_headers=start))["id"]
    ids = header_ids(caller, pk)
    sent = items and [{**each, "id": ids.get(each["id"], each["id"])} if "id" in each else each for each in items]
    for _ in range(2 if not items or "name" not in items[0] or "id" not in items[0] else 1):
        assert caller.change(pk, request_headers=sent).status_code == 200
        headers = (Monitor.objects.get().secrets or {}).get("headers", [])
        assert {each["name"]: each["value"] for each in headers} == stored


# Bodies and limits ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b'{"url": "\\ud800"}', "application/json", 400),
        (b'{"url": "\xff"}', "application/json", 400),
        (b'{"check_frequency": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b'{"check_frequency": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"url": "' + b"a" * (1024 * 1024) + b'"}', "application/json", 413),
        (b"url=https://example.com", "application/x-www-form-urlencoded", 415),
        (b'{"url": "https://example.com"}', "application/json; charset=utf-16", 201),
    ],
)
def test_a_body_that_is_no_object_is_refused(caller, local, body, content_type, code):
    response = caller.generic("POST", LIST, body, content_type=content_type)
    assert response.status_code == code
    if code != 201:
        assert isinstance(response.json()["errors"], str)


def test_a_method_that_is_not_there_is_refused_in_the_same_shape(caller):
    response = caller.generic("POST", f"{LIST}/1", "{}", content_type="application/json")
    assert (response.status_code, list(response.json())) == (405, ["errors"])


def test_too_many_calls_are_told_to_wait(caller, monkeypatch):
    monkeypatch.setattr(api, "CALLS_PER_MINUTE", 2)
    answers = [caller.get(LIST) for _ in range(5)]  # a minute may end in between
    refused = answers[-1]
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert list(refused.json()) == ["errors"]


def test_nobody_is_held_up_while_the_cache_is_away(caller, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    with pytest.raises(Exception, match="refused"):
        cache.get("x")
    assert caller.get(LIST).status_code == 200


# A kind added later ---------------------------------------------------------------------------------------------------
def test_a_kind_added_later_is_in_the_api_by_itself(caller, local, knock):
    body = {"monitor_type": "knock", "url": "door 7", "knocks": 5, "loud": False, "phrase": "open sesame"}
    data = made(caller.create(**body))
    found = data["attributes"]
    assert set(found) == RECORDED | OURS - {"assertions", *LIMITS} | {"knocks", "loud", "phrase"}
    assert {name: found[name] for name in body} == {**body, "phrase": f"{MASK}same"}
    assert found["http_method"] is None
    changed = caller.change(data["id"], knocks=6, pronounceable_name="Door").json()["data"]["attributes"]
    assert (changed["knocks"], changed["loud"], changed["phrase"]) == (6, False, f"{MASK}same")
    assert Monitor.objects.get().secrets == {"phrase": "open sesame"}


def test_the_options_of_a_kind_added_later_are_checked(caller, local, knock):
    body = {"monitor_type": "knock", "url": "window", "knocks": 10, "loud": "very"}
    assert set(errors(caller.create(**body))) == {"url", "knocks", "loud"}


def test_a_monitor_keeps_its_kind(caller, local, knock):
    pk = made(caller.create())["id"]
    assert list(errors(caller.change(pk, monitor_type="knock"))) == ["monitor_type"]


# Fuzz -----------------------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*sorted(RECORDED | OURS | set(HTTP)), "_destroy", "id", "keyword_mode", "kind"])
HEADERS = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "name", "value", "_destroy"), JSON)), max_size=3
)


patient = hypothesis_settings(deadline=None, max_examples=40)  # an example is a request with its own transaction


class Fuzz(TestCase):
    def setup_example(self):
        super().setup_example()
        self.caller = Caller(make_user("fuzz"))
        make_region("local")
        self.pk = made(self.caller.create(request_headers=[{"name": "A", "value": "b"}]))["id"]

    @patient
    @given(st.dictionaries(NAMES, JSON, max_size=8))
    def test_no_body_whatever_is_an_error_of_ours(self, body):
        for response in (self.caller.send("POST", LIST, body), self.caller.change(self.pk, **body)):
            assert response.status_code in {200, 201, 400, 422}, response.content

    @patient
    @given(HEADERS)
    def test_no_headers_whatever_are_an_error_of_ours(self, headers):
        assert self.caller.change(self.pk, request_headers=headers).status_code in {200, 400, 422}

    @patient
    @given(st.binary(max_size=200))
    def test_no_bytes_whatever_are_an_error_of_ours(self, raw):
        response = self.caller.generic("POST", LIST, raw, content_type="application/json")
        assert response.status_code in {201, 400, 422}
