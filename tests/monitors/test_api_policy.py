"""`policy_id`: whose alerts go by which policy."""

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from alerts.models import MonitorPolicy, Policy
from alerts.services import policies
from monitors.models import Monitor
from tests.factories import make_region, make_user, team_of

pytestmark = pytest.mark.django_db
MONITOR = {"url": "https://example.com/"}
HEARTBEAT = {"name": "Backup", "period": 3600, "grace": 60}
KINDS = [("monitors", MONITOR), ("heartbeats", HEARTBEAT)]


@pytest.fixture
def alice():
    make_region("local")
    return make_user("alice")


@pytest.fixture
def api(alice):
    return Client(headers={"Authorization": f"Bearer {AccessToken.for_user(alice)}"})


@pytest.fixture
def night(alice):
    return Policy.objects.create(team=team_of(alice), name="By night")


def post(api, noun, **body):
    return api.post(f"/api/v2/{noun}", body, content_type="application/json")


def patch(api, noun, pk, **body):
    return api.patch(f"/api/v2/{noun}/{pk}", body, content_type="application/json")


def said(answer):
    return answer.json()["data"]["attributes"]["policy_id"]


@pytest.mark.parametrize(("noun", "body"), KINDS)
def test_it_is_chosen_when_made_read_changed_and_given_up(api, night, noun, body):
    made = post(api, noun, **body, policy_id=str(night.pk))
    assert (made.status_code, said(made)) == (201, str(night.pk))
    pk = made.json()["data"]["id"]
    assert MonitorPolicy.objects.get().policy == night
    assert said(patch(api, noun, pk, paused=True)) == str(night.pk)
    policies.assign(Monitor.objects.get(), night, "critical")
    assert said(patch(api, noun, pk, policy_id=None)) is None
    assert MonitorPolicy.objects.get().severity == "critical"
    assert said(patch(api, noun, pk, policy_id=night.pk)) == str(night.pk)
    assert [row["attributes"]["policy_id"] for row in api.get(f"/api/v2/{noun}").json()["data"]] == [str(night.pk)]
    night.delete()
    assert said(api.get(f"/api/v2/{noun}/{pk}")) is None


def test_a_monitor_names_it_among_its_relationships(api, night):
    made = post(api, "monitors", **MONITOR, policy_id=str(night.pk)).json()["data"]
    assert made["relationships"] == {"policy": {"data": {"id": str(night.pk), "type": "policy"}}}


@pytest.mark.parametrize(("noun", "body"), KINDS)
@pytest.mark.parametrize("wrong", ["theirs", "987654321", "x", "1" * 30, "-1", "", True, 1.5, [1], {}])
def test_another_teams_policy_and_what_is_none_are_refused_by_name(api, noun, body, wrong):
    theirs = Policy.objects.create(team=team_of(make_user("bob")), name="Theirs")
    answer = post(api, noun, **body, policy_id=str(theirs.pk) if wrong == "theirs" else wrong)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"policy_id"}
    assert not Monitor.objects.exists()


def test_what_is_wrong_beside_it_is_said_with_it(api):
    answer = post(api, "monitors", url="", policy_id="7")
    assert set(answer.json()["errors"]) == {"url", "policy_id"}
