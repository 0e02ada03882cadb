"""Incidents, regions and the first steps in a real browser: nothing our policy forbids, no sideways scrolling, live."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from monitors import live
from monitors.models import Monitor, RegionTrouble, RegionWorker, State
from tests.factories import make_admin, make_incident, make_monitor, make_region, team_of
from tests.practice import practice_website

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def root(chromium):
    return make_admin()


@pytest.fixture(params=SIZES)
def page(request, browse, live_server, root):
    """A page of the signed-in administrator."""
    return browse(live_server.url, root, SIZES[request.param])


@pytest.fixture
def shop(root):
    """A monitor that is down, with its incident."""
    monitor = make_monitor(team_of(root), name="Shop", status="down", state={"verdict": "down"})
    make_incident(monitor, summary="Nothing listens on port 443.")
    live.bump([monitor.team_id])
    return monitor


@pytest.fixture
def practice_site(data_dir):
    with practice_website() as url:
        yield url


def fits(page):
    """Whether the page can be read without scrolling sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def worker_of(region, **fields):
    now = timezone.now()
    values = {"started_at": now, "heard_at": now, "in_band_at": now, **fields}
    return RegionWorker.objects.create(region=region, name="probe-1.example.com:4711", **values)


def test_an_incident_is_found_read_and_seen_to_end(page, shop):
    page.goto("/incidents")
    expect(page.locator("#incidents")).to_contain_text("Started")
    assert fits(page)
    page.locator("#incidents").get_by_role("link", name="Shop").click()
    expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    assert fits(page)

    incident = shop.incidents.get()
    incident.resolved_at, incident.resolution = timezone.now(), "recovered"
    incident.save()
    live.bump([shop.team_id])
    expect(page.locator("#incident")).to_contain_text("Recovered")  # without a reload


def test_the_length_of_an_open_incident_counts_on(page, shop):
    page.goto(f"/incidents/{shop.incidents.get().pk}")
    length = page.locator("dd time[data-since]")
    before = length.inner_text()
    expect(length).not_to_have_text(before)


def test_a_new_incident_appears_in_the_list_by_itself(page, root):
    page.goto("/incidents")
    expect(page.locator("#incidents")).to_contain_text("No incidents")
    make_incident(make_monitor(team_of(root), name="Blog"))
    live.bump([team_of(root).pk])
    expect(page.locator("#incidents")).to_contain_text("Blog")


def test_the_list_is_filtered_and_sorted_with_links(page, shop):
    page.goto("/incidents")
    page.get_by_role("link", name="Resolved").click()
    expect(page.locator("#incidents")).to_contain_text("No incidents match")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#incidents")).to_contain_text("Shop")


def test_a_region_comes_online_before_ones_eyes(page, root):
    region = make_region("eu-west")
    page.goto("/regions")
    expect(page.locator("#region-eu-west")).to_contain_text("Never seen")
    assert fits(page)
    worker_of(region, in_flight=3)
    expect(page.locator("#region-eu-west")).to_contain_text("Online")
    assert fits(page)


def test_a_region_is_added_and_removed(page, root, data_dir, settings):
    settings.INSTANCE_NONCE = "under make run"
    page.goto("/regions")
    page.get_by_label("Name").fill("Rack 2")
    page.get_by_label("Id").fill("Not an id")
    page.get_by_role("button", name="Add region").click()
    expect(page.locator(".field-error")).to_contain_text("small letters")
    expect(page.get_by_label("Id")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Rack 2")

    page.get_by_label("Id").fill("rack-2")
    page.get_by_role("button", name="Add region").click()
    expect(page.locator("#region-rack-2")).to_contain_text("same machine")
    page.get_by_role("link", name="Remove Rack 2").click()
    page.get_by_role("button", name="Remove Rack 2").click()
    expect(page.locator("#region-rack-2")).to_have_count(0)


def test_a_newcomer_breaks_and_heals_the_practice_website(page, root, practice_site, settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    make_region()
    page.goto("/welcome")
    assert fits(page)
    page.get_by_role("button", name="Watch the practice website").click()
    panel = page.locator("#practice")
    expect(panel).to_contain_text("Checking…")
    assert fits(page)

    page.get_by_role("button", name="Answer 500").click()
    expect(page.get_by_role("button", name="Answer 500")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Answer 500")).to_be_focused()
    monitor = Monitor.objects.get()
    becomes(monitor, status="up", verdict="up", streak=1, last_detail="The server answered 500.")
    expect(panel).to_contain_text("Unconfirmed: 1 of 2 failed rounds")
    expect(panel).to_contain_text("The server answered 500.")

    incident = make_incident(monitor, started_at=timezone.now() - timedelta(seconds=7))
    becomes(monitor, status="down", verdict="down", streak=0)
    expect(panel).to_contain_text("It is down, and an incident is open")

    page.get_by_role("button", name="Heal it").click()
    expect(page.get_by_role("button", name="Heal it")).to_have_attribute("aria-pressed", "true")
    incident.resolved_at, incident.resolution = timezone.now(), "recovered"
    incident.save()
    becomes(monitor, status="up", verdict="up", streak=0)
    expect(panel).to_contain_text("It has recovered")
    assert fits(page)


def becomes(monitor, **state):
    """What the pipeline would write, and its word to open pages."""
    State.objects.filter(pk=monitor.pk).update(last_checked_at=timezone.now(), **state)
    live.bump([monitor.team_id])


@pytest.mark.parametrize("path", ["monitor/", "region/", "deadletter/", "monitor/{pk}/change/", "monitor/{pk}/ticks/"])
def test_the_admin_keeps_to_the_policy(page, shop, path):
    page.goto("/admin/monitors/" + path.format(pk=shop.pk))
    expect(page.locator("#content")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_region_in_trouble_can_be_read_everywhere(browse, live_server, root, size, scheme):
    """The banner, the region's own words and its canaries, and the monitor that is checked from it."""
    region, now = make_region("eu-west", name="EU West"), timezone.now()
    canary = {"url": f"https://{'a-long-name.' * 6}example/", "known_up": True, "vote": "down", "wrong": 2}
    worker_of(region, clock_ms=-3_100.0, canaries=[{**canary, "detail": "Connection refused"}])
    RegionTrouble.objects.create(
        region=region, kind="canary", start=now, doubted_from=now, detail="1 of 1 sites known to be up fail from there"
    )
    RegionTrouble.objects.create(region=region, kind="offline", start=now - timedelta(hours=1), end=now)
    monitor = make_monitor(team_of(root), name="Shop", regions=[region])
    page = browse(live_server.url, root, SIZES[size], color_scheme=scheme)
    for url, words in {
        "/": "EU West is not trusted since",
        "/regions": "Its votes count as no data",
        f"/monitors/{monitor.pk}": "Not trusted since",
    }.items():
        page.goto(url)
        expect(page.locator("#page")).to_contain_text(words)
        assert fits(page)
    page.goto("/regions")
    expect(page.get_by_text("Mistaken")).to_be_visible()
    page.get_by_text("Troubles of the last 7 days").click()
    expect(page.get_by_text("for 1 h")).to_be_visible()
    assert fits(page)
