"""Incidents and transitions in the admin: facts to look at."""

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import maintenance_links
from incidents.links import LinkError
from incidents.models import Incident, Maintenance, TimelineEntry, Transition
from tests.factories import make_admin, make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(client):
    client.force_login(make_admin())
    return make_monitor(team_of(make_user("bob")), name="Shop")


@pytest.fixture
def incident(monitor):
    incident = make_incident(monitor, summary="Nothing listens.")
    TimelineEntry.objects.create(incident=incident, at=timezone.now(), kind="opened", text="second round in a row")
    return incident


@pytest.fixture
def transition(monitor):
    now = timezone.now()
    return Transition.objects.create(monitor=monitor, from_status="up", to_status="down", at=now, decided_at=now)


def url(model, page, *args):
    return reverse(f"admin:incidents_{model}_{page}", args=args)


def test_incidents_are_listed_with_cause_and_length(client, incident):
    page = client.get(url("incident", "changelist")).content.decode()
    for words in ("Shop", "Nothing listens.", "Ongoing", "0:00:0"):
        assert words in page


def test_an_incident_shows_its_timeline(client, incident):
    page = client.get(url("incident", "change", incident.pk)).content.decode()
    assert "second round in a row" in page
    assert f"/incidents/{incident.pk}" in page


@pytest.mark.parametrize("query", ["resolved_at__isempty=1", "resolution__exact=recovered", "q=shop", "q=nothing"])
def test_incidents_are_filtered_and_searched(client, incident, query):
    assert client.get(url("incident", "changelist") + f"?{query}").status_code == 200


def test_transitions_are_listed_and_shown(client, transition):
    assert "Shop" in client.get(url("transition", "changelist")).content.decode()
    assert client.get(url("transition", "change", transition.pk)).status_code == 200


def test_maintenance_is_listed_and_shown(client, monitor):
    row = Maintenance.objects.create(team=monitor.team, name="Moving house", starts_at=timezone.now(), length=600)
    row.monitors.add(monitor)
    assert "Moving house" in client.get(url("maintenance", "changelist") + "?q=shop").content.decode()
    assert "Shop" in client.get(url("maintenance", "change", row.pk)).content.decode()


def test_signed_addresses_are_listed_without_what_they_say_and_revoked_by_deleting_them(client, monitor):
    link = maintenance_links.make(monitor.team, None, "Deployment", monitor)
    token = maintenance_links.address(link).rstrip("/").rpartition("/")[2]
    shown = [
        client.get(url("maintenancelink", "changelist") + "?q=deploy"),
        client.get(url("maintenancelink", "change", link.pk)),
    ]
    for page in shown:
        assert "Deployment" in page.content.decode()
        assert token not in page.content.decode()
    client.post(url("maintenancelink", "delete", link.pk), {"post": "yes"})
    with pytest.raises(LinkError):
        maintenance_links.follow(token)


@pytest.mark.parametrize("page", ["add", "change", "delete"])
@pytest.mark.parametrize("model", [Incident, Transition], ids=["incident", "transition"])
def test_facts_cannot_be_written_by_hand(client, incident, transition, model, page):
    row = model.objects.get()
    address = url(model._meta.model_name, page, *([] if page == "add" else [row.pk]))
    assert client.post(address, {"post": "yes", "summary": "All was well", "to_status": "up"}).status_code == 403
    row.refresh_from_db()
    assert "well" not in str(row)
    assert model.objects.count() == 1


def test_many_incidents_are_deleted_by_no_action(client, incident):
    data = {"action": "delete_selected", "_selected_action": [incident.pk], "post": "yes"}
    client.post(url("incident", "changelist"), data)
    assert Incident.objects.filter(pk=incident.pk).exists()


@pytest.mark.parametrize("model", ["incident", "transition"])
def test_ordinary_people_do_not_get_in(client, incident, model):
    client.force_login(make_user("alice"))
    assert client.get(url(model, "changelist")).status_code == 302


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_as_many_queries_for_many_incidents(client, monitor, count, django_assert_num_queries):
    for number in range(count):
        make_incident(make_monitor(monitor.team, name=f"{number}"))
    client.get(url("incident", "changelist"))
    with django_assert_num_queries(6):  # session, user, two counts, incidents, the filter of causes
        client.get(url("incident", "changelist"))


def test_what_is_held_or_dropped_can_be_found(client, transition):
    transition.hold_until = timezone.now()
    transition.save()
    for query, count in {"hold_until__isempty=0": 1, "dropped_at__isempty=0": 0}.items():
        page = client.get(f"{url('transition', 'changelist')}?{query}")
        assert len(page.context["cl"].result_list) == count
    assert "Never announced" in client.get(url("transition", "change", transition.pk)).content.decode()
