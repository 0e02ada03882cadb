"""/api/v2/incidents and /api/v3/incidents, as clients of Better Stack use them."""

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from incidents.models import Incident
from tests.factories import make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice", email="alice@example.com")


@pytest.fixture
def api(alice):
    return Client(headers={"Authorization": f"Bearer {AccessToken.for_user(alice)}"})


def post(api, path, **body):
    return api.post(path, body, content_type="application/json")


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_an_incident_goes_through_its_life_over_rest(api, alice, version):
    root = f"/api/{version}/incidents"
    made = post(api, root, summary="On fire", description="All of it", requester_email="ALICE@example.com")
    assert made.status_code == 201
    pk = made.json()["data"]["id"]
    assert made.json()["data"]["attributes"]["status"] == "Started"
    said = post(api, f"{root}/{pk}/acknowledge", acknowledged_by="Operations").json()["data"]["attributes"]
    assert (said["status"], said["acknowledged_by"]) == ("Acknowledged", "Operations")
    assert post(api, f"{root}/{pk}/acknowledge").status_code == 422
    assert post(api, f"{root}/{pk}/resolve").json()["data"]["attributes"]["resolved_by"] == "alice"
    assert post(api, f"{root}/{pk}/reopen").json()["data"]["attributes"]["status"] == "Started"
    kinds = [each["item_type"] for each in api.get(f"{root}/{pk}/timeline").json()["data"]]
    assert kinds == ["opened", "acknowledged", "resolved", "reopened"]
    assert api.delete(f"{root}/{pk}").status_code == 204
    assert not Incident.objects.exists()


def test_comments_are_written_and_listed(api, alice):
    incident = make_incident(make_monitor(team_of(alice)))
    url = f"/api/v2/incidents/{incident.pk}/comments"
    assert post(api, url, content="").status_code == 422
    assert post(api, url, content="Seen").status_code == 201
    assert [each["attributes"]["content"] for each in api.get(url).json()["data"]] == ["Seen"]


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 1), ("resolved=true", 0), ("resolved=false", 1), ("acknowledged=false", 1), ("status=Started", 1),
     ("status=Resolved", 0), ("status=x", 0), ("from=2000-01-01", 1), ("to=2000-01-01", 0), ("monitor_id=x", 0)],
)  # fmt: skip
def test_the_list_is_filtered(api, alice, query, count):
    make_incident(make_monitor(team_of(alice)))
    make_incident(make_monitor(team_of(make_user("bob"))))
    assert len(api.get(f"/api/v3/incidents?{query}").json()["data"]) == count


def test_what_is_wrong_is_named_by_its_field(api):
    assert "summary" in str(post(api, "/api/v2/incidents").json())
    assert "monitor_id" in str(post(api, "/api/v2/incidents", summary="x", monitor_id="999").json())
    assert api.get("/api/v2/incidents?from=yesterday").status_code == 422
