"""/api/v2/maintenances: planned, started, changed and ended by programs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from incidents.models import Maintenance
from monitors.domain.verdict import Status
from monitors.models import State
from tests.factories import make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db
ROOT = "/api/v2/maintenances"


def api_of(user):
    return Client(headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"})


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def api(alice):
    return api_of(alice)


@pytest.fixture
def shop(alice):
    since = timezone.now() - timedelta(hours=1)
    return make_monitor(team_of(alice), name="Shop", status=Status.UP, since=since, state={"verdict": "up"})


def post(api, path, **body):
    return api.post(path, body, content_type="application/json")


def patch(api, path, **body):
    return api.patch(path, body, content_type="application/json")


def data(answer, code=200):
    assert answer.status_code == code, answer.content
    return answer.json()["data"]["attributes"]


def test_it_is_planned_by_the_clock_of_a_place_read_changed_and_deleted(api, shop):
    body = {"name": "Backups", "starts_at": "2030-03-30T02:30", "length": 1800, "rule": "RRULE:FREQ=DAILY",
            "time_zone": "Europe/Berlin", "monitor_ids": [str(shop.pk)]}  # fmt: skip
    made = post(api, ROOT, **body)
    said = data(made, 201)
    assert (said["starts_at"], said["length"], said["rule"]) == ("2030-03-30T01:30:00.000Z", 1800, "FREQ=DAILY")
    assert said["monitor_ids"] == [str(shop.pk)]
    # The hour that is left out on the 31st begins an hour later by the clock.
    starts = [each["starts_at"][11:16] for each in said["coming"]]
    assert starts[:3] == ["01:30", "01:30", "00:30"]
    path = f"{ROOT}/{made.json()['data']['id']}"
    changed = data(patch(api, path, length="2 h", everything=True))
    assert (changed["name"], changed["length"], changed["everything"]) == ("Backups", 7200, True)
    assert (changed["monitor_ids"], changed["starts_at"]) == ([], said["starts_at"])
    assert data(patch(api, path, rule=None))["rule"] is None
    assert [row["type"] for row in api.get(ROOT).json()["data"]] == ["maintenance"]
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_moment_with_an_offset_is_that_moment(api, shop):
    said = data(post(api, ROOT, name="Once", starts_at="2030-07-01T10:00:00+02:00", time_zone="America/New_York",
                     everything=True), 201)  # fmt: skip
    assert said["starts_at"] == "2030-07-01T08:00:00.000Z"
    assert Maintenance.objects.get().starts_at == datetime(2030, 7, 1, 8, tzinfo=UTC)


def test_it_is_started_now_for_some_minutes_and_ended(api, shop):
    made = post(api, f"{ROOT}/start", minutes=15, monitor_ids=[shop.pk], name="Deployment")
    said = data(made, 201)
    assert (said["name"], said["under_way"], said["length"]) == ("Deployment", True, 900)
    assert State.objects.get(pk=shop.pk).status == "maintenance"
    ended = data(post(api, f"{ROOT}/{made.json()['data']['id']}/end"))
    assert (ended["under_way"], ended["coming"]) == (False, [])
    assert State.objects.get(pk=shop.pk).status == "up"
    assert data(post(api, f"{ROOT}/start", minutes="5"), 201)["everything"] is True


def test_a_new_one_begins_now_where_nothing_else_is_said(api, shop):
    said = data(post(api, ROOT, name="Now", monitor_ids=[shop.pk]), 201)
    assert (said["under_way"], said["length"]) == (True, 3600)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("", {"everything": True}, "name"),
        ("", {"name": "X"}, "monitor_ids"),
        ("", {"name": "X", "monitor_ids": ["one"]}, "monitor_ids"),
        ("", {"name": "X", "monitor_ids": "1"}, "monitor_ids"),
        ("", {"name": "X", "monitor_ids": [987654321]}, "monitor_ids"),
        ("", {"name": "X", "everything": "yes"}, "everything"),
        ("", {"name": "X", "everything": True, "starts_at": "tomorrow"}, "starts_at"),
        ("", {"name": "X", "everything": True, "starts_at": 5}, "starts_at"),
        ("", {"name": "X", "everything": True, "length": "long"}, "length"),
        ("", {"name": "X", "everything": True, "length": 5}, "length"),
        ("", {"name": "X", "everything": True, "time_zone": "Mars"}, "time_zone"),
        ("", {"name": "X", "everything": True, "time_zone": "Mars", "starts_at": "2030-01-01T00:00Z"}, "time_zone"),
        ("", {"name": "X", "everything": True, "rule": "FREQ=NEVER"}, "rule"),
        ("", {"name": ["X"], "everything": True}, "name"),
        ("/start", {}, "minutes"),
        ("/start", {"minutes": 0}, "minutes"),
        ("/start", {"minutes": 99999}, "minutes"),
        ("/start", {"minutes": True}, "minutes"),
        ("/start", {"minutes": 5, "monitor_ids": []}, "monitor_ids"),
        ("/start", {"minutes": 5, "monitor_ids": [987654321]}, "monitor_ids"),
        ("/start", {"minutes": 5, "name": 7}, "name"),
        ("/start", {"minutes": 5, "team_name": "No such"}, "team_name"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(api, shop, path, body, field):
    answer = post(api, ROOT + path, **body)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {field}
    assert not Maintenance.objects.exists()


def test_nobody_of_another_team_sees_or_uses_it_and_no_monitor_of_theirs_goes_in(api, shop):
    bob = make_user("bob")
    pk = post(api, f"{ROOT}/start", minutes=15).json()["data"]["id"]
    others = api_of(bob)
    assert others.get(ROOT).json()["data"] == []
    assert others.get(f"{ROOT}/{pk}").status_code == 404
    assert post(others, f"{ROOT}/{pk}/end").status_code == 404
    assert patch(others, f"{ROOT}/{pk}", name="Mine").status_code == 404
    assert post(others, f"{ROOT}/start", minutes=5, monitor_ids=[shop.pk]).status_code == 422
    assert Client().get(ROOT).status_code == 401
