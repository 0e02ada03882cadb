"""Signed addresses that start and end maintenance without an account."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import maintaining
from incidents import maintenance_links as links
from incidents.models import Maintenance, MaintenanceLink
from monitors.domain.verdict import Status
from monitors.models import Monitor, State
from tests.factories import make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def shop(alice):
    since = timezone.now() - timedelta(hours=1)
    return make_monitor(team_of(alice), name="Shop", status=Status.UP, since=since, state={"verdict": "up"})


@pytest.fixture
def link(alice, shop):
    return links.make(shop.team, alice, "Deployment", shop)


@pytest.fixture
def script():
    return Client(enforce_csrf_checks=True)


def path_of(link, settings):
    return links.address(link).removeprefix(settings.BASE_URL)


def status(monitor):
    return State.objects.get(pk=monitor.pk).status


def test_a_script_starts_maintenance_of_its_monitor_and_ends_it(script, link, shop, settings):
    other = make_monitor(shop.team, status=Status.UP, state={"verdict": "up"})
    path = path_of(link, settings)
    said = script.post(f"{path}?minutes=10")
    row = Maintenance.objects.get()
    assert said.content.decode() == f"Maintenance of Shop until {row.current_until:%Y-%m-%d %H:%M:%S} UTC.\n"
    assert (said.status_code, said["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert (row.name, row.length, row.created_by) == ("Deployment", 600, link.created_by)
    assert (status(shop), status(other)) == ("maintenance", "up")
    assert script.post(f"{path}/end").content == b"It is over.\n"
    assert status(shop) == "up"
    assert script.post(f"{path}/end").content == b"There was nothing to end.\n"


def test_the_body_may_say_for_how_long_and_half_an_hour_is_meant_otherwise(script, link, settings):
    path = path_of(link, settings)
    script.post(path, {"minutes": "5"})
    assert Maintenance.objects.get().length == 300
    script.post(f"{path}/end")
    script.post(path)
    assert Maintenance.objects.get().length == 1800


def test_two_deployments_that_overlap_make_it_longer_and_never_shorter(link):
    first = links.start(link, 30)
    assert links.start(link, 10) == first
    assert links.start(link, 60) > first + timedelta(minutes=29)
    assert Maintenance.objects.count() == 1


def test_one_row_serves_every_deployment_unless_somebody_made_another_of_it(link):
    links.start(link, 30)
    links.end(link)
    links.start(link, 30)
    row = Maintenance.objects.get()
    row.rule = "FREQ=DAILY"
    maintaining.save(row, row.monitors.all())
    links.start(link, 30)
    assert Maintenance.objects.count() == 2
    Maintenance.objects.all().delete()
    links.start(MaintenanceLink.objects.get(), 30)
    assert Maintenance.objects.get().monitors.count() == 1


def test_one_for_the_team_means_every_monitor(alice, shop):
    links.start(links.make(shop.team, alice, "Deployment"), 5)
    assert Maintenance.objects.get().everything
    assert status(shop) == "maintenance"


def test_opening_it_changes_nothing_and_shows_a_button_that_needs_no_account(script, link, shop, settings):
    path = path_of(link, settings)
    page = script.get(path, headers=BROWSER)
    assert "Start now" in page.content.decode()
    assert script.head(path).status_code == 200
    assert not Maintenance.objects.exists()
    page = script.post(path, {"minutes": "15"}, headers=BROWSER).content.decode()
    assert "End now" in page
    assert status(shop) == "maintenance"
    page = script.post(f"{path}/end", headers=BROWSER).content.decode()
    assert "It is over." in page
    assert "Start now" in page


@pytest.mark.parametrize("minutes", ["0", "-1", "x", "43201", "1e3", "١"])
def test_minutes_that_cannot_be_are_refused(script, link, settings, minutes):
    said = script.post(path_of(link, settings), {"minutes": minutes})
    assert (said.status_code, b"minutes: write a whole number" in said.content) == (422, True)
    assert not Maintenance.objects.exists()


def test_what_is_forged_revoked_or_about_a_deleted_monitor_does_nothing(script, link, shop, settings):
    path = path_of(link, settings)
    assert script.post(f"{path[:-2]}xx").status_code == 410
    assert script.get(f"{path[:-2]}xx").status_code == 410
    Monitor.objects.update(deleted_at=timezone.now())
    assert "was deleted" in script.post(path).content.decode()
    Monitor.objects.update(deleted_at=None)
    links.revoke(link)
    assert "was revoked" in script.post(path).content.decode()
    assert script.post(f"{path}/end").status_code == 410
    assert not Maintenance.objects.exists()


def test_it_is_made_shown_with_a_line_to_copy_and_revoked_on_the_maintenance_page(client, alice, shop, settings):
    client.force_login(alice)
    refused = client.post(reverse("incidents:maintenance_link_add"), {"name": "", "monitor": shop.pk})
    assert refused.status_code == 422
    assert "Say who uses it" in refused.content.decode()
    assert f'value="{shop.pk}" selected' in refused.content.decode()
    page = client.post(reverse("incidents:maintenance_link_add"), {"name": "CI", "monitor": shop.pk}, follow=True)
    link = MaintenanceLink.objects.get()
    assert f"curl -fsS -X POST &quot;{links.address(link)}?minutes=30&quot;" in page.content.decode()
    assert link.created_by == alice
    client.force_login(make_user("bob"))
    assert client.post(reverse("incidents:maintenance_link_revoke", args=[link.pk])).status_code == 404
    assert links.address(link) not in client.get(reverse("incidents:maintenances")).content.decode()
    assert client.post(reverse("incidents:maintenance_link_add"), {"name": "X", "monitor": shop.pk}).status_code == 422
    client.force_login(alice)
    client.post(reverse("incidents:maintenance_link_revoke", args=[link.pk]))
    assert not MaintenanceLink.objects.exists()
