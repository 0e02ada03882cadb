"""/api/v2/tests: begun with settings or with a monitor, read until done, and nobody else's."""

import pytest
from django.utils import timezone

from monitors.models import Monitor
from monitors.models import TestRun as Run
from monitors.probes.base import Phases
from monitors.probes.reasons import Reason
from monitors.services import testruns
from tests.factories import make_heartbeat, make_monitor, make_region, make_test_run, make_user, team_of
from tests.monitors.services.test_testruns import said
from tests.monitors.test_api import Caller
from uptime.lib.crypto import new_key

pytestmark = [pytest.mark.django_db, pytest.mark.broker]
TESTS = "/api/v2/tests"


@pytest.fixture
def eu():
    return make_region("eu", key=new_key())


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def call(alice):
    return Caller(alice)


def begin(call, **body):
    return call.send("POST", TESTS, body)


def test_settings_are_tested_before_they_are_saved(call, eu):
    response = begin(call, url="https://shop.example/?key=1", request_headers=[{"name": "X-Key", "value": "secret"}])
    assert response.status_code == 202
    data = response.json()["data"]
    assert data["type"] == "test"
    begun = data["attributes"]
    assert (begun["done"], begun["monitor_id"], begun["url"]) == (False, None, "https://shop.example/?…")
    assert [each["status"] for each in begun["outcomes"]] == ["checking"]
    phases = Phases(1.0, 2.0, None, 3.0, 0.5)
    run = Run.objects.get(pk=data["id"])
    testruns.take(eu, [said(run, Reason.STATUS, status_code=500, phases=phases)], timezone.now())
    read = call.get(f"{TESTS}/{data['id']}").json()["data"]["attributes"]
    assert read["done"]
    [seen] = read["outcomes"]
    assert (seen["region"], seen["status"], seen["reason"], seen["status_code"]) == ("eu", "down", "status", 500)
    assert seen["phases"] == {"dns": 1.0, "connect": 2.0, "tls": None, "first_byte": 3.0, "transfer": 0.5}
    assert not Monitor.objects.exists()


def test_a_monitor_is_tested_as_it_is_stored(call, alice, eu):
    monitor = make_monitor(team_of(alice), regions=[eu])
    response = begin(call, monitor_id=str(monitor.pk), url="https://ignored.example/")
    attributes = response.json()["data"]["attributes"]
    assert (attributes["monitor_id"], attributes["url"]) == (str(monitor.pk), "https://example.com/")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "shop"}, "url"),
        ({"url": "https://shop.example/", "monitor_type": "heartbeat"}, "monitor_type"),
        ({"url": "https://shop.example/", "regions": ["mars"]}, "regions"),
        ({"url": "https://shop.example/", "team_name": "Others"}, "team_name"),
        ({"monitor_id": "987654321"}, "monitor_id"),
        ({"monitor_id": []}, "monitor_id"),
    ],
)
def test_a_wrong_body_is_named(call, eu, body, field):
    response = begin(call, **body)
    assert response.status_code == 422
    assert field in response.json()["errors"]
    assert not Run.objects.exists()


def test_neither_a_heartbeat_nor_what_is_anothers_is_tested(call, alice, eu):
    theirs = make_monitor(team_of(make_user("bob")), regions=[eu])
    for monitor in (theirs, make_heartbeat(team_of(alice))):
        assert begin(call, monitor_id=str(monitor.pk)).status_code == 422


def test_without_a_region_it_says_so(call):
    assert "regions" in begin(call, url="https://shop.example/").json()["errors"]


def test_too_many_tests_are_told_when_to_come_back(call, alice, eu):
    monitor = make_monitor(team_of(alice), regions=[eu])
    for _ in range(testruns.MOST):
        make_test_run(monitor)
    response = begin(call, url="https://shop.example/")
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert "At most 10 tests a minute" in response.json()["errors"]


def test_what_is_anothers_expired_or_no_number_is_not_found(call, alice, eu):
    theirs = make_test_run(make_monitor(team_of(make_user("bob")), regions=[eu]))
    expired = make_test_run(make_monitor(team_of(alice), regions=[eu]))
    Run.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    for pk in (theirs.pk, expired.pk, "x", "9" * 30):
        response = call.get(f"{TESTS}/{pk}")
        assert response.status_code == 404
        assert response.json()["errors"] == f"Resource type test with id = {pk} was not found"


def test_the_reference_describes_it(call):
    schema = call.get("/api/schema").json()
    assert {"post"} == set(schema["paths"][TESTS])
    assert "202" in schema["paths"][TESTS]["post"]["responses"]
    assert "phases" in schema["components"]["schemas"]["TestOutcome"]["properties"]
