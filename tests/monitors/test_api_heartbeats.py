"""/api/v2/heartbeats: Better Stack's wire over the same form, services and permissions as the pages."""

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import Team
from monitors.domain.heartbeat import PingKind
from monitors.models import Heartbeat, Monitor, State
from monitors.services import pings
from monitors.services.pings import Arrival, Key
from tests.factories import make_heartbeat, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db

LIST = "/api/v2/heartbeats"
BASICS = {"name": "Nightly backup", "period": 3_600, "grace": 300}


class Caller:
    def __init__(self, user):
        self.client = Client(headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"})

    def __getattr__(self, method):
        def call(path=LIST, body=None):
            send = getattr(self.client, method)
            return send(path) if body is None else send(path, body, content_type="application/json")

        return call

    def create(self, **body):
        return self.post(LIST, {**BASICS, **body})


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def caller(alice):
    return Caller(alice)


def attributes(response, code=200):
    assert response.status_code == code, response.json()
    return response.json()["data"]["attributes"]


def test_a_heartbeat_is_made_and_waits(caller):
    response = caller.create()
    made = attributes(response, 201)
    heartbeat = Heartbeat.objects.get()
    assert response.json()["data"]["type"] == "heartbeat"
    assert (made["name"], made["period"], made["grace"], made["status"]) == ("Nightly backup", 3_600, 300, "pending")
    assert made["url"] == f"{settings.BASE_URL}/api/v1/heartbeat/{heartbeat.token}"
    assert made["ping_url"] == f"{settings.BASE_URL}/ping/{heartbeat.uuid}"
    assert (made["slug"], made["paused_at"], made["policy_id"]) == ("nightly-backup", None, None)


def test_what_it_says_follows_its_pings(caller, alice):
    job = make_heartbeat(team_of(alice))
    pings.take(Key(uuid=job.heartbeat.uuid), Arrival(PingKind.FAIL, timezone.now(), exit_code=2))
    State.objects.filter(pk=job.pk).update(late=True)
    said = attributes(caller.get(f"{LIST}/{job.pk}"))
    assert (said["status"], said["last_reason"], said["pings"]) == ("down", "job_failed", 1)
    assert said["last_detail"] == "The job said it failed: exit code 2"
    assert said["flags"] == ["late"]


def test_what_the_body_leaves_out_stays(caller):
    pk = caller.create(slug="mine", post_only=True).json()["data"]["id"]
    said = attributes(caller.patch(f"{LIST}/{pk}", {"grace": 60}))
    assert (said["grace"], said["period"], said["slug"], said["post_only"]) == (60, 3_600, "mine", True)


def test_an_expression_needs_no_period(caller):
    body = {"name": "Nightly", "grace": 60, "schedule": "cron", "expression": "30 2 * * *"}
    said = attributes(caller.post(LIST, {**body, "server_timezone": "Europe/Berlin"}), 201)
    assert (said["expression"], said["server_timezone"]) == ("30 2 * * *", "Europe/Berlin")


def test_it_is_paused_and_resumed(caller):
    pk = caller.create().json()["data"]["id"]
    said = attributes(caller.patch(f"{LIST}/{pk}", {"paused": True}))
    assert (said["paused"], said["status"]) == (True, "paused")
    assert said["paused_at"]
    assert attributes(caller.patch(f"{LIST}/{pk}", {"paused": False}))["status"] == "pending"


def test_it_can_begin_paused(caller):
    assert attributes(caller.create(paused=True), 201)["status"] == "paused"


def test_a_deleted_one_is_not_found(caller):
    pk = caller.create().json()["data"]["id"]
    assert caller.delete(f"{LIST}/{pk}").status_code == 204
    response = caller.get(f"{LIST}/{pk}")
    assert response.status_code == 404
    assert response.json() == {"errors": f"Resource type heartbeat with id = {pk} was not found"}


REFUSED = {
    "no name": ({"name": ""}, {"name": ["Can't be blank."]}),
    "a period too short": ({"period": 5}, {"period": ["At least 10 s."]}),
    "a period that is none": ({"period": [1]}, {"period": ["This must be a number of seconds."]}),
    "a grace that is true": ({"grace": True}, {"grace": ["This must be a number of seconds."]}),
    "no flag": ({"post_only": "yes"}, {"post_only": ["This must be true or false."]}),
    "no such zone": ({"server_timezone": "Mars"}, {"server_timezone": None}),
    "no expression": ({"schedule": "cron"}, {"expression": None}),
    "a slug with spaces": ({"slug": "a b"}, {"slug": ["Use small letters, digits, dashes and underscores."]}),
    "paused that is text": ({"paused": "no"}, {"paused": ["This must be true or false."]}),
    "a name that is a number": ({"name": 7}, {"name": ["This must be text."]}),
}


@pytest.mark.parametrize(("body", "errors"), REFUSED.values(), ids=REFUSED)
def test_the_attribute_in_error_is_named(caller, body, errors):
    response = caller.create(**body)
    assert response.status_code == 422
    said = response.json()["errors"]
    assert set(said) == set(errors)
    assert all(texts is None or said[name] == texts for name, texts in errors.items())
    assert not Monitor.objects.exists()


def test_what_the_wire_requires_is_required(caller):
    assert caller.post(LIST, {}).json()["errors"] == {name: ["Can't be blank."] for name in BASICS}


def test_a_short_name_is_taken_once(caller):
    assert caller.create(slug="job").status_code == 201
    assert "short name" in caller.create(slug="job").json()["errors"]["slug"][0]
    assert [caller.create().json()["data"]["attributes"]["slug"] for _ in range(2)] == [
        "nightly-backup",
        "nightly-backup-2",
    ]


def test_the_list_has_ones_own_in_pages(caller, alice):
    make_heartbeat(team_of(make_user("bob")))
    mine = [make_heartbeat(team_of(alice), name=f"Job {n}", target=f"job-{n}") for n in range(3)]
    body = caller.get(f"{LIST}?per_page=2").json()
    assert [each["id"] for each in body["data"]] == [str(job.pk) for job in mine[:2]]
    assert body["pagination"]["next"].endswith("per_page=2&page=2")


def test_monitors_and_heartbeats_are_two_lists(caller, alice):
    job, website = make_heartbeat(team_of(alice)), make_monitor(team_of(alice))
    assert [each["id"] for each in caller.get(LIST).json()["data"]] == [str(job.pk)]
    assert [each["id"] for each in caller.get("/api/v2/monitors").json()["data"]] == [str(website.pk)]
    assert caller.get(f"/api/v2/monitors/{job.pk}").status_code == 404
    assert caller.get(f"{LIST}/{website.pk}").status_code == 404
    assert caller.get("/website").json()["website"][0]["id"] == str(website.pk)
    assert caller.get(f"/status/{job.pk}").status_code == 403
    assert caller.post("/api/v2/monitors", {"url": "https://a.example", "monitor_type": "heartbeat"}).status_code == 422


def test_another_teams_is_as_if_it_did_not_exist(caller):
    job = make_heartbeat(team_of(make_user("bob")))
    for method in ("get", "patch", "delete"):
        assert getattr(caller, method)(f"{LIST}/{job.pk}", {} if method == "patch" else None).status_code == 404
    assert caller.create(team_name="bob's team").status_code == 422
    assert Team.objects.get(name="bob's team").monitors.count() == 1


def test_the_reference_describes_what_is_answered_and_its_defaults(caller):
    schema = caller.get("/api/schema").json()["components"]["schemas"]
    said = attributes(caller.create(), 201)
    assert set(said) == set(schema["HeartbeatAttributes"]["properties"])
    assert set(schema["Heartbeat"]["example"]["attributes"]) == set(said)
    told = {
        name: part["default"] for name, part in schema["HeartbeatSettings"]["properties"].items() if "default" in part
    }
    assert {name: said[name] for name in told if name not in BASICS} == {
        name: value for name, value in told.items() if name not in BASICS
    }
