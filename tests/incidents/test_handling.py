"""What people do with incidents, and who hears of it."""

import pytest
from django.utils import timezone

from alerts.models import Delivery
from alerts.services.planning import announce
from incidents import handling, services
from incidents.handling import Person, RefusedError
from incidents.models import Incident, Notice
from monitors.domain.verdict import Status
from monitors.services.changes import StatusChange
from tests.factories import make_channel, make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def shop(alice):
    return make_monitor(team_of(alice), name="Shop", status=Status.DOWN, state={"verdict": "down"})


def kinds(incident):
    return [(entry.kind, entry.who) for entry in incident.timeline.all()]


def change(monitor, after):
    now = timezone.now()
    services.apply([StatusChange(monitor, Status.UP, after, now, now, why={"cause": "x", "sentence": "Gone."})])


def test_who_acknowledges_is_named_and_nobody_can_do_it_twice(alice, shop):
    incident = make_incident(shop)
    handling.acknowledge(incident, Person.of(alice))
    incident.refresh_from_db()
    assert (incident.status, incident.acknowledger, incident.acknowledged_by) == ("acknowledged", "alice", alice)
    with pytest.raises(RefusedError, match="already"):
        handling.acknowledge(incident, Person("Bob"))
    assert kinds(incident) == [("acknowledged", "alice")]


def test_an_outage_resolved_by_hand_does_not_open_again_while_its_monitor_stays_down(alice, shop):
    incident = make_incident(shop)
    handling.resolve(incident, Person.of(alice))
    change(shop, Status.NODATA)
    assert not Incident.objects.open().exists()
    change(shop, Status.UP)
    change(shop, Status.DOWN)
    assert Incident.objects.open().get() != incident
    incident.refresh_from_db()
    assert (incident.resolution, incident.resolved_name) == ("by_hand", "alice")


def test_a_reopened_incident_is_nobodys_and_ends_with_the_next_recovery(alice, shop):
    incident = make_incident(shop)
    handling.acknowledge(incident, Person.of(alice))
    handling.resolve(incident, Person.of(alice))
    handling.reopen(incident, Person("Bob"))
    incident.refresh_from_db()
    assert (incident.status, incident.acknowledger, incident.resolution) == ("started", "", "")
    change(shop, Status.UP)
    incident.refresh_from_db()
    assert (incident.status, incident.resolution) == ("resolved", "recovered")
    assert kinds(incident) == [
        ("acknowledged", "alice"), ("resolved", "alice"), ("reopened", "Bob"), ("resolved", ""),
    ]  # fmt: skip


def test_an_incident_is_not_reopened_beside_another_one_of_its_monitor(alice, shop):
    incident = make_incident(shop)
    handling.resolve(incident, Person.of(alice))
    make_incident(shop)
    with pytest.raises(RefusedError, match="another open incident"):
        handling.reopen(incident, Person.of(alice))


def test_only_manual_incidents_can_be_deleted(alice, shop):
    with pytest.raises(RefusedError):
        handling.delete(make_incident(shop))
    manual = handling.declare(team_of(alice), Person.of(alice), summary="Warehouse on fire")
    handling.delete(manual)
    assert not Incident.objects.filter(pk=manual.pk).exists()


def test_several_manual_incidents_may_be_open_at_once_and_people_hear_of_each_and_of_its_end(alice, shop):
    team, who = team_of(alice), Person.of(alice)
    make_channel(team)
    fire = handling.declare(team, who, summary="Warehouse on fire", monitor=shop)
    flood = handling.declare(team, who, summary="Cellar under water", name="Cellar")
    announce(timezone.now())
    assert set(Delivery.objects.values_list("incident", "event")) >= {(fire.pk, "down"), (flood.pk, "down")}
    Delivery.objects.update(status="sent")
    handling.resolve(flood, who)
    announce(timezone.now())
    assert Delivery.objects.filter(incident=flood, event="up").exists()
    assert not Delivery.objects.filter(incident=fire, event="up").exists()


def test_those_who_were_told_hear_that_an_outage_was_resolved_by_hand_and_hear_no_second_end(alice, shop):
    make_channel(team_of(alice))
    change(shop, Status.DOWN)
    announce(timezone.now())
    Delivery.objects.update(status="sent")
    handling.resolve(Incident.objects.get(), Person.of(alice))
    announce(timezone.now())
    change(shop, Status.UP)
    announce(timezone.now())
    told = Delivery.objects.filter(event="up")
    assert told.count() == Delivery.objects.filter(event="down").count() > 0
    assert told.first().note == "alice resolved it."


def test_a_postmortem_is_on_the_timeline_when_it_changes_and_only_then(alice, shop):
    incident, who = make_incident(shop), Person.of(alice)
    for text in ("# Why", "# Why", "# Why, again", ""):
        handling.write_postmortem(incident, who, text)
    assert [entry.text for entry in incident.timeline.all()] == ["Written.", "Changed.", "Removed."]
    assert not Notice.objects.exists()
