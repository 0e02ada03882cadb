"""What pages and programs say of sparing: how often a monitor is asked now, and whom a firewall should let through; and
when too many monitors check one domain."""

import pytest
from django.utils import timezone

from monitors.models import Monitor, Pace, RegionWorker
from monitors.times import from_ms, now_ms
from tests.factories import make_admin, make_monitor, make_region, make_user, team_of
from uptime.lib.version import VERSION

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


def page_of(client, monitor):
    return " ".join(client.get(f"/monitors/{monitor.pk}").content.decode().split())


def test_the_page_says_how_often_a_monitor_is_checked_while_it_is_down(client, alice):
    monitor = make_monitor(team_of(alice), regions=[make_region()], status="down")
    Pace.objects.create(monitor=monitor, every=8, start=timezone.now())
    assert "Every 4 min while it is down, normally every 30 s from 1 region" in page_of(client, monitor)
    Pace.objects.update(end=timezone.now())
    assert "Every 30 s from 1 region" in page_of(client, monitor)


def test_the_page_says_until_when_its_server_asked_us_to_stay_away(client, alice):
    monitor, later = make_monitor(team_of(alice), regions=[make_region()], status="down"), from_ms(now_ms() + 300_000)
    Pace.objects.create(monitor=monitor, start=timezone.now(), end=later, not_before=later)
    assert "as its server asks, normally every 30 s" in page_of(client, monitor)


# Addresses ------------------------------------------------------------------------------------------------------------
def with_worker(slug, addresses, **fields):
    region = make_region(slug, **fields)
    now = timezone.now()
    RegionWorker.objects.create(
        region=region, name="w", started_at=now, heard_at=now, in_band_at=now, addresses=addresses
    )
    return region


@pytest.mark.parametrize("reason", ["blocked", "rate_limited"])
def test_where_a_firewall_keeps_us_out_the_page_says_whom_to_let_through(client, alice, reason):
    region = with_worker("eu-west", ["203.0.113.7"])
    make_region("us-east", public_addresses=["198.51.100.1"])  # does not check it
    state = {"last_vote": "down", "last_reason": reason}
    monitor = make_monitor(team_of(alice), regions=[region], status="down", state=state)
    page = page_of(client, monitor)
    assert "Let our checks through" in page
    assert "203.0.113.7" in page
    assert "198.51.100.1" not in page
    assert "/ips.txt" in page


@pytest.mark.parametrize(("vote", "reason"), [("down", "refused"), ("up", ""), ("up", "blocked")])
def test_other_failures_ask_nobody_to_let_us_through(client, alice, vote, reason):
    state = {"last_vote": vote, "last_reason": reason}
    monitor = make_monitor(team_of(alice), regions=[make_region()], state=state)
    assert "Let our checks through" not in page_of(client, monitor)


def test_anybody_may_read_where_checks_come_from(client, settings):
    settings.BASE_URL = "https://uptime.example"
    with_worker("eu-west", ["203.0.113.7", "2001:db8::7"])
    with_worker("us-east", ["10.9.8.7"], public_addresses=["198.51.100.0/28"])  # what an operator wrote down wins
    make_region("nowhere")
    make_region("off", enabled=False, public_addresses=["192.0.2.9"])
    text = client.get("/ips.txt")
    assert text.headers["Content-Type"].startswith("text/plain")
    assert text.content.decode() == "203.0.113.7\n2001:db8::7\n198.51.100.0/28\n"
    listing = {"eu-west": ["203.0.113.7", "2001:db8::7"], "nowhere": [], "us-east": ["198.51.100.0/28"]}
    assert client.get("/ips-by-cluster.json").json() == listing
    found = client.get("/ips.json").json()
    assert found["user_agent"] == f"Uptime/{VERSION} (+https://uptime.example)"
    assert {each["id"]: each["addresses"] for each in found["regions"]} == listing


def test_staff_write_down_where_a_region_is_seen_from(client):
    region = make_region("eu-west")
    client.force_login(make_admin())
    refused = client.post("/regions/eu-west/edit", {"name": "Europe", "addresses": "203.0.113.7 and more"})
    assert refused.status_code == 422
    assert "is no address" in refused.content.decode()
    assert "203.0.113.7 and more" in refused.content.decode()
    client.post("/regions/eu-west/edit", {"name": "Europe", "addresses": "203.0.113.7, 2001:db8::/64"})
    region.refresh_from_db()
    assert (region.name, region.public_addresses) == ("Europe", ["203.0.113.7", "2001:db8::/64"])
    assert "203.0.113.7, 2001:db8::/64" in client.get("/regions").content.decode()


def test_nobody_else_may(client, alice):
    make_region("eu-west")
    assert client.post("/regions/eu-west/edit", {"name": "Mine"}).status_code == 403


# Too many monitors of one domain --------------------------------------------------------------------------------------
def crowd(team, count, interval=2):
    region = make_region("eu-west")
    for n in range(count):
        make_monitor(
            team, regions=[region], domain="shop.example", target=f"https://w{n}.shop.example/", interval=interval
        )
    return region


NEW = {"kind": "http", "target": "https://shop.example/", "name": "Shop", "interval": "1", "regions": "eu-west"}
WARNING = "10 monitors check shop.example 5.5 times a second from each region, and 5 are sent"


def test_who_adds_one_monitor_too_many_of_a_domain_is_told(client, alice):
    crowd(team_of(alice), 9)
    page = client.post("/monitors/add", NEW, follow=True).content.decode()
    assert WARNING in page
    monitor = Monitor.objects.get(name="Shop")
    assert WARNING in client.post(f"/monitors/{monitor.pk}/edit", {**NEW, "confirm": "3"}, follow=True).content.decode()
    calm = client.post(f"/monitors/{monitor.pk}/edit", {**NEW, "interval": "60"}, follow=True).content.decode()
    assert "times a second" not in calm


def test_the_monitors_of_other_teams_count_without_being_counted_aloud(client, alice):
    crowd(team_of(make_user("bob")), 9)
    page = client.post("/monitors/add", NEW, follow=True).content.decode()
    assert "1 monitor and others check shop.example 5.5 times a second" in page


def test_a_program_is_told_too(client, alice):
    crowd(team_of(alice), 9)
    body = {"url": "https://shop.example/", "check_frequency": 1}
    made = client.post("/api/v2/monitors", body, content_type="application/json").json()
    assert made["warnings"][0].startswith(WARNING)
    path = f"/api/v2/monitors/{made['data']['id']}"
    assert "warnings" not in client.patch(path, {"check_frequency": 60}, content_type="application/json").json()
