"""Maintenance: what is planned comes to the monitors, and nobody is told."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.models import Delivery
from alerts.services.planning import announce
from incidents import maintaining
from incidents.models import Maintenance, Transition
from monitors.domain.verdict import Status
from monitors.models import State, StatusInterval
from tests.factories import make_channel, make_heartbeat, make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def shop(alice):
    since = timezone.now() - timedelta(hours=1)
    return make_monitor(team_of(alice), name="Shop", status=Status.UP, since=since, state={"verdict": "up"})


def status(monitor):
    return State.objects.get(pk=monitor.pk).status


def test_a_monitor_goes_into_maintenance_and_comes_out_with_the_verdict_it_had(alice, shop):
    other = make_monitor(shop.team, status=Status.UP, state={"verdict": "up"})
    State.objects.filter(pk=shop.pk).update(streak=1, streak_first=timezone.now())
    row = maintaining.start(shop.team, alice, 30, [shop])
    assert (status(shop), status(other)) == ("maintenance", "up")
    assert State.objects.get(pk=shop.pk).streak == 0
    maintaining.review(row.starts_at + timedelta(minutes=29))
    assert status(shop) == "maintenance"
    maintaining.review(row.starts_at + timedelta(minutes=31))
    assert status(shop) == "up"
    spent = StatusInterval.objects.get(monitor=shop, status="maintenance")
    assert spent.end - spent.start == timedelta(minutes=30)


def test_it_ends_early_by_hand_and_a_recurring_one_comes_again(alice, shop):
    row = maintaining.start(shop.team, alice, 30)
    row.rule = "FREQ=DAILY"
    maintaining.save(row)
    assert status(shop) == "maintenance"
    maintaining.end(row)
    assert status(shop) == "up"
    assert row.current_from == row.starts_at + timedelta(days=1)


def test_nobody_is_told_before_it_is_over(alice, shop):
    make_channel(shop.team)
    incident = make_incident(shop)
    row = maintaining.start(shop.team, alice, 30)
    now = timezone.now()
    Transition.objects.create(monitor=shop, from_status="up", to_status="down", at=now, decided_at=now)
    announce(timezone.now())
    assert not Delivery.objects.exists()
    assert [entry.text for entry in incident.timeline.all()] == ["Maintenance began: nobody is told."]
    maintaining.end(row)
    announce(timezone.now())
    assert Delivery.objects.filter(incident=incident, event="down").exists()


def test_a_heartbeat_is_not_waited_for_and_counts_anew_afterwards(alice):
    backup = make_heartbeat(team_of(alice))
    State.objects.filter(pk=backup.pk).update(status="up", verdict="up")
    row = maintaining.start(backup.team, alice, 30, [backup])
    backup.heartbeat.refresh_from_db()
    assert (status(backup), backup.heartbeat.look_at) == ("maintenance", None)
    maintaining.end(row)
    backup.heartbeat.refresh_from_db()
    assert status(backup) == "up"
    assert backup.heartbeat.expected_from >= row.ended_at


def test_a_paused_monitor_stays_paused(alice, shop):
    State.objects.filter(pk=shop.pk).update(status="paused")
    row = maintaining.start(shop.team, alice, 30)
    assert status(shop) == "paused"
    maintaining.delete(row)
    assert status(shop) == "paused"


def test_it_is_planned_on_a_page_that_shows_the_next_times(client, alice, shop):
    said = {"name": "Backups", "starts_at": "2030-03-30T02:30", "length": "2 h", "time_zone": "Europe/Berlin",
            "repeats": "own", "rule": "FREQ=NEVER", "monitors": [shop.pk]}  # fmt: skip
    wrong = client.post(reverse("incidents:maintenance_add"), said)
    assert wrong.status_code == 422
    assert "FREQ must be" in wrong.content.decode()
    assert "FREQ=NEVER" in wrong.content.decode()
    page = client.post(reverse("incidents:maintenance_add"), {**said, "rule": "FREQ=DAILY"}, follow=True)
    row = Maintenance.objects.get()
    assert f"{row.starts_at:%H:%M}" == "01:30"
    assert [f"{each.start:%H:%M}" for each in page.context["rows"][0].coming] == ["01:30", "01:30", "00:30"]
    assert client.get(reverse("incidents:maintenance", args=[row.pk])).status_code == 200


def test_it_is_started_and_ended_by_buttons_and_seen_on_the_monitors_page(client, shop):
    client.post(reverse("incidents:maintenance_start"), {"minutes": "30", "monitor": shop.pk})
    page = client.get(reverse("monitors:detail", args=[shop.pk])).content.decode()
    assert "In maintenance until" in page
    page = client.post(reverse("incidents:maintenance_end", args=[Maintenance.objects.get().pk]), follow=True)
    assert "It is over." in page.content.decode()
    assert status(shop) == "up"
    page = client.post(reverse("incidents:maintenance_start"), {"minutes": "x"}, follow=True).content.decode()
    assert "from 1 to 43200" in page
