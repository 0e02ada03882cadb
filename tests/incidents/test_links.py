"""Acknowledging through the link of a message."""

import pytest
from django.core import signing
from django.urls import reverse

from incidents import handling, links
from incidents.handling import Person
from tests.factories import make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def incident(alice):
    return make_incident(make_monitor(team_of(alice), name="Shop"), summary="Answered 500.")


def address(incident, whom):
    return reverse("incidents:acknowledge_link", args=[links.acknowledge_token(incident, whom)])


def test_opening_the_link_changes_nothing_and_its_button_acknowledges(client, incident, alice):
    url = address(incident, alice)
    assert url.split(":")[0] in links.acknowledge_url(incident, alice)
    page = client.get(url)
    assert "Acknowledge as alice" in page.content.decode()
    client.head(url)
    incident.refresh_from_db()
    assert incident.acknowledged_at is None
    assert "acknowledged it" in client.post(url).content.decode()
    incident.refresh_from_db()
    assert (incident.acknowledger, incident.acknowledged_by) == ("alice", alice)


def test_somebody_without_an_account_is_named_as_the_link_says(client, incident):
    client.post(address(incident, "Operations"))
    incident.refresh_from_db()
    assert (incident.acknowledger, incident.acknowledged_by) == ("Operations", None)
    assert incident.timeline.get().who == "Operations"


def test_who_is_later_sees_who_was_faster(client, incident, alice):
    handling.acknowledge(incident, Person.of(alice))
    page = client.post(address(incident, "Operations")).content.decode()
    assert "alice acknowledged it" in page
    incident.refresh_from_db()
    assert incident.acknowledger == "alice"


def test_a_link_that_is_forged_old_or_of_somebody_who_left_says_so(client, incident, alice, monkeypatch):
    url = address(incident, alice)
    assert client.post(url[:-3] + "abc").status_code == 410
    other = signing.dumps({"i": incident.pk, "n": "Eve"}, salt="another")
    assert client.post(reverse("incidents:acknowledge_link", args=[other])).status_code == 410
    alice.memberships.all().delete()
    assert "no longer in the team" in client.get(url).content.decode()
    monkeypatch.setattr(links, "LIFETIME", -1)
    assert "seven days" in client.get(address(incident, "Operations")).content.decode()
    incident.refresh_from_db()
    assert incident.acknowledged_at is None


def test_the_link_of_a_deleted_incident_says_so(client, alice):
    manual = handling.declare(team_of(alice), Person.of(alice), summary="Fire")
    url = address(manual, alice)
    handling.delete(manual)
    assert "was deleted" in client.get(url).content.decode()
