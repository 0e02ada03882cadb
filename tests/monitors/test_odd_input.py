"""Odd input gets an answer that makes sense: never an error of ours, never a lost place."""

import pytest

from monitors.models import Monitor
from tests.factories import make_incident, make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def shop(alice):
    return make_monitor(team_of(alice), name="Shop", regions=[make_region("eu")])


@pytest.mark.parametrize("timeout", ["1e308", "-1e308", "nan", "inf"])
def test_a_timeout_beyond_measure_is_a_field_error(client, alice, timeout):
    answer = client.post("/monitors/add", {"target": "http://localhost:1/", "interval": "30", "timeout": timeout})
    assert answer.status_code == 422
    assert not Monitor.objects.exists()


def test_a_header_whose_name_is_a_number_is_a_field_error(client, alice, shop):
    address = f"/api/v2/monitors/{shop.pk}"
    client.patch(address, {"request_headers": [{"name": "A", "value": "b"}]}, content_type="application/json")
    known = client.get(address).json()["data"]["attributes"]["request_headers"][0]["id"]
    body = {"request_headers": [{"id": known, "name": 5}, {"name": "x", "value": "y"}]}
    assert client.patch(address, body, content_type="application/json").status_code == 422


@pytest.mark.parametrize("wanted", ["foo", "//evil.example", "https://evil.example/", "\\\\evil", ""])
def test_a_way_back_that_is_not_ours_leads_to_our_own_page(client, shop, wanted):
    answer = client.post(f"/monitors/{shop.pk}/pause", {"next": wanted})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/monitors/{shop.pk}")


def test_deleting_from_a_filtered_list_comes_back_to_it(client, shop):
    answer = client.post(f"/monitors/{shop.pk}/delete", {"next": "/?status=pending"})
    assert answer.headers["Location"] == "/?status=pending"


def test_bulk_actions_come_back_to_the_list_as_it_was_filtered(client, shop):
    page = client.get("/?status=pending").content.decode()
    assert '<input type="hidden" form="actions" name="next" value="/?status=pending">' in page


@pytest.mark.parametrize("page", ["9" * 5000, "0", "-1", "x", "¾", "99999"])
def test_a_page_that_cannot_be_is_the_first(client, shop, page):
    assert client.get(f"/monitors/{shop.pk}?page={page}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/monitors/rows", "/incidents/rows", "/incidents/{}/summary", "/regions/rows", "/welcome/panel"]
)
def test_a_live_part_sends_who_is_signed_out_to_the_whole_page(client, shop, path):
    path = path.format(make_incident(shop).pk)
    assert client.get(path).status_code == 200
    client.logout()
    answer = client.get(path)
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")
