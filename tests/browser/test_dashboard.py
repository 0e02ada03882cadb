"""The dashboard in a real browser: live without reload, keyboard, menus, chart, phone width, without JavaScript."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from monitors import live
from monitors.models import Monitor, State, StatusInterval, Tick
from monitors.services.partitions import ensure_partitions
from tests.factories import make_admin, make_monitor, make_region, team_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESKTOP, PHONE, SMALL = (1280, 900), (390, 844), (360, 740)


@pytest.fixture
def alice(chromium):
    return make_admin("alice")


@pytest.fixture
def open_page(browse, live_server, alice):
    """Opens pages signed in as alice."""

    def open_at(path, size=DESKTOP, **options):
        page = browse(live_server.url, alice, size, **options)
        page.goto(path)
        return page

    return open_at


@pytest.fixture
def shop(alice):
    facts = {"verdict": "up", "recent": [90, 120, 100], "last_response_ms": 100, "last_checked_at": timezone.now()}
    return make_monitor(
        team_of(alice),
        name="Shop",
        target="https://shop.example/",
        status="up",
        regions=[make_region("eu")],
        state=facts,
    )


def change(monitor, status, **facts):
    State.objects.filter(monitor=monitor).update(status=status, since=timezone.now(), **facts)
    live.bump([monitor.team_id])


def row(page, monitor):
    return page.locator(f"#monitor-{monitor.pk}")


# Live
def test_an_outage_shows_without_reload_in_row_title_icon_and_navigation(open_page, shop):
    page = open_page("/")
    expect(row(page, shop)).to_contain_text("Up")
    page.evaluate("window.here = true")
    change(shop, "down", verdict="down", last_detail="Answered 500 Internal Server Error")
    expect(row(page, shop)).to_contain_text("Answered 500 Internal Server Error")
    expect(row(page, shop)).to_contain_text("Down")
    expect(page).to_have_title("(1 down) Monitors · Uptime")
    expect(page.locator("#favicon")).to_have_attribute("href", re.compile("favicon-down"))
    expect(page.locator("[data-down-badge]")).to_be_visible()
    change(shop, "up", verdict="up")
    expect(page).to_have_title("Monitors · Uptime")
    expect(page.locator("#favicon")).to_have_attribute("href", re.compile("favicon-up"))
    assert page.evaluate("window.here"), "the page was loaded again"


def test_an_open_menu_a_tick_and_what_is_typed_survive_a_redraw(open_page, shop):
    page = open_page("/")
    row(page, shop).get_by_role("checkbox").check()
    page.locator("#search").fill("Sho")
    expect(page).to_have_url(re.compile(r"\?q=Sho$"))
    row(page, shop).get_by_role("button", name="Actions for Shop").click()
    change(shop, "down", verdict="down")
    expect(row(page, shop)).to_contain_text("Down")
    expect(page.get_by_role("button", name="Check now").last).to_be_visible()
    assert page.evaluate(f"document.getElementById('menu-{shop.pk}').matches(':popover-open')")
    expect(row(page, shop).get_by_role("checkbox")).to_be_checked()
    expect(page.locator("#search")).to_have_value("Sho")


def test_focus_survives_a_redraw(open_page, shop):
    page = open_page("/")
    link = row(page, shop).get_by_role("link", name="Shop")
    link.focus()
    change(shop, "down", verdict="down")
    expect(row(page, shop)).to_contain_text("Down")
    expect(link).to_be_focused()


def test_ages_count_on_by_themselves(open_page, shop):
    page = open_page("/")
    age = row(page, shop).locator("time[data-ago]")
    first = age.inner_text()
    expect(age).not_to_have_text(first)


def test_a_new_monitor_shows_checking_and_then_its_result(open_page, shop):
    State.objects.filter(monitor=shop).update(status="pending", verdict="pending", last_checked_at=None)
    page = open_page(f"/monitors/{shop.pk}")
    verdict = page.locator("#summary .panel").first
    expect(verdict).to_contain_text("Checking…")
    change(shop, "up", verdict="up", last_checked_at=timezone.now(), last_detail="Answered 200 OK")
    expect(verdict).to_contain_text("Up for")
    expect(verdict).to_contain_text("Answered 200 OK")


# Keyboard and dialogs
def test_a_website_is_added_from_the_keyboard(open_page, shop):
    page = open_page("/")
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="Add a website")
    expect(dialog).to_be_visible()
    page.keyboard.type("https://new.example/")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="new.example")).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("new.example was added")
    assert Monitor.objects.get(name="new.example").target == "https://new.example/"


def test_a_wrong_address_leads_to_the_form_with_what_was_typed_and_the_focus_on_it(open_page, shop):
    page = open_page("/")
    page.get_by_role("link", name="Add a website").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Address").fill("javascript:alert(1)")
    dialog.get_by_label("Name").fill("Mine")
    dialog.get_by_role("button", name="Add and check now").click()
    wrong = page.get_by_label("URL")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_value("javascript:alert(1)")
    expect(page.locator("#id_name")).to_have_value("Mine")
    expect(page.locator("#id_target_error")).to_be_visible()


def test_the_slash_finds_the_search_and_the_search_finds_rows(open_page, shop, alice):
    other = make_monitor(team_of(alice), name="Blog")
    page = open_page("/")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("blo")
    expect(row(page, shop)).to_have_count(0)
    expect(row(page, other)).to_be_visible()
    page.get_by_role("link", name=re.compile("^Down")).click()
    expect(page.get_by_text("No monitor matches")).to_be_visible()
    page.go_back()
    expect(row(page, other)).to_be_visible()


# Buttons
def test_a_row_is_paused_from_its_menu_and_the_filter_stays(open_page, shop):
    page = open_page("/?sort=name")
    row(page, shop).get_by_role("button", name="Actions for Shop").click()
    row(page, shop).get_by_role("button", name="Pause").click()
    expect(row(page, shop)).to_contain_text("Paused")
    expect(page.locator(".toast")).to_contain_text("Shop is paused.")
    expect(page).to_have_url(re.compile(r"/\?sort=name$"))
    row(page, shop).get_by_role("button", name="Actions for Shop").click()
    row(page, shop).get_by_role("button", name="Resume").click()
    expect(row(page, shop)).to_contain_text("Checking…")


def test_a_deletion_is_undone_from_its_message(open_page, shop):
    page = open_page("/")
    row(page, shop).get_by_role("button", name="Actions for Shop").click()
    row(page, shop).get_by_role("button", name="Delete").click()
    expect(row(page, shop)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, shop)).to_be_visible()


def test_everything_ticked_is_paused_at_once(open_page, shop, alice):
    make_monitor(team_of(alice), name="Blog", status="up")
    page = open_page("/")
    bulk = page.get_by_role("group", name="Actions for the ticked monitors")
    expect(bulk).to_be_hidden()
    row(page, shop).get_by_role("checkbox").check()
    expect(bulk).to_be_visible()
    bulk.get_by_role("checkbox").check()
    expect(bulk).to_contain_text("2 selected")
    bulk.get_by_role("button", name="Pause").click()
    expect(page.locator(".toast")).to_contain_text("2 monitors are paused.")
    assert Monitor.objects.filter(paused=True).count() == 2


def test_deleting_on_the_page_of_a_monitor_asks_first(open_page, shop):
    page = open_page(f"/monitors/{shop.pk}")
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete Shop?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert not Monitor.objects.alive().exists()


# The chart
@pytest.fixture
def history(shop):
    """Half an hour of checks with all phases, and ten minutes of outage."""
    now = timezone.now()
    ensure_partitions(now.date())
    region = shop.regions.get()
    Tick.objects.bulk_create(
        Tick(
            monitor=shop, region=region, slot=now - timedelta(seconds=30 * number), vote="up", config_version=1,
            response_ms=100 + number, dns_ms=10, connect_ms=20, tls_ms=30, first_byte_ms=30 + number, transfer_ms=10,
        )
        for number in range(1, 60)
    )  # fmt: skip
    StatusInterval.objects.filter(monitor=shop).update(start=now - timedelta(minutes=20))
    StatusInterval.objects.create(
        monitor=shop, status="down", start=now - timedelta(minutes=30), end=now - timedelta(minutes=20)
    )


PAINTED = """(canvas) => new Set(new Uint32Array(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""


def test_response_times_are_drawn_by_region_by_phase_and_in_every_range(open_page, shop, history):
    page = open_page(f"/monitors/{shop.pk}")
    canvas, legend = page.locator("#chart canvas"), page.locator("[data-legend]")
    expect(legend).to_contain_text("Eu")
    assert canvas.evaluate(PAINTED) > 10, "the drawing is not empty"
    page.get_by_role("button", name="By phase").click()
    for phase, ms in [
        ("DNS", "10 ms"),
        ("Connect", "20 ms"),
        ("TLS", "30 ms"),
        ("First byte", "31 ms"),
        ("Transfer", "10 ms"),
    ]:
        expect(legend).to_contain_text(f"{phase}{ms}")
    page.get_by_text("as a table").click()
    expect(page.locator(".chart-table thead")).to_contain_text("5 minutes from")
    for name, title, row in [("24h", "24 h", "Hour"), ("1y", "1 y", "Week from")]:
        with page.expect_response(re.compile(rf"series\.json\?range={name}")) as answer:
            page.get_by_role("link", name=title, exact=True).click()
        assert answer.value.ok
        expect(canvas).to_be_visible()
        expect(page.locator(".chart-table thead")).to_contain_text(row)
        expect(page.locator(".chart-table tbody tr").first).to_contain_text("ms")
        expect(page).to_have_url(re.compile(rf"range={name}"))
    page.reload()
    expect(page.get_by_role("link", name="1 y", exact=True)).to_have_attribute("aria-current", "true")


def test_one_region_of_several_is_shown_with_its_range(open_page, shop, history):
    us = make_region("us", name="New York")
    Tick.objects.bulk_create(
        Tick(
            monitor=shop, region=us, slot=each.slot, vote="up", config_version=1, response_ms=each.response_ms * 3
        )
        for each in list(Tick.objects.all())
    )  # fmt: skip
    page = open_page(f"/monitors/{shop.pk}?range=1y")  # all of today's checks are one point
    legend = page.locator("[data-legend]")
    expect(legend).to_contain_text("New York")
    expect(legend).not_to_contain_text(" to ")
    chooser = page.get_by_label("Region", exact=True)
    chooser.focus()
    chooser.select_option("New York")
    expect(legend.locator("> span")).to_have_count(1)
    expect(legend).to_contain_text(re.compile(r"95 % within \d+ ms, \d+ ms to \d+ ms"))
    expect(chooser).to_be_focused()
    page.get_by_role("link", name="90 d", exact=True).click()
    expect(page.locator(".chart-table thead")).to_contain_text("3 days from")
    expect(chooser).to_have_value("New York")


# Day by day
@pytest.mark.parametrize(("size", "shown"), [(DESKTOP, 90), ((768, 1024), 60), (PHONE, 30)], ids=str)
def test_as_many_days_are_shown_as_there_is_room_for(open_page, shop, history, size, shown):
    page = open_page(f"/monitors/{shop.pk}", size)
    assert page.locator(".day").evaluate_all("(days) => days.filter((each) => each.offsetParent).length") == shown
    expect(page.locator("#days .card-header")).to_contain_text(
        re.compile(rf"Last\s+{shown}\s+days"), use_inner_text=True
    )
    for day in (page.locator(".day:visible").first, page.locator(".day:visible").last):
        day.hover()
        tip = day.locator(".day-tip")
        expect(tip).to_be_visible()
        box = tip.bounding_box()
        assert 0 <= box["x"] <= size[0] - box["width"], "it stays on the page"


def test_the_days_are_one_stop_of_tab_and_told_by_the_arrow_keys(open_page, shop, history):
    page = open_page(f"/monitors/{shop.pk}")
    page.locator(".day").last.focus()
    expect(page.locator(".day").last.locator(".day-tip")).to_contain_text("down 10 min")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".day").nth(88)).to_be_focused()
    expect(page.locator(".day").nth(88).locator(".day-tip")).to_contain_text("Not watched")
    page.keyboard.press("Home")
    expect(page.locator(".day").first).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-days]')") is None


def test_a_redraw_leaves_the_chart_alone(open_page, shop, history):
    page = open_page(f"/monitors/{shop.pk}")
    page.locator("#chart canvas").wait_for()
    page.evaluate("document.querySelector('#chart').dataset.mine = 'yes'")
    change(shop, "down", verdict="down")
    expect(page.locator("#summary .badge").first).to_contain_text("Down")
    expect(page.locator("#chart")).to_have_attribute("data-mine", "yes")
    expect(page.locator("#chart canvas")).to_be_visible()


def test_a_monitor_is_paused_on_its_page_and_the_chart_stays(open_page, shop, history):
    page = open_page(f"/monitors/{shop.pk}")
    page.locator("#chart canvas").wait_for()
    page.evaluate("document.querySelector('#chart').dataset.mine = 'yes'")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#summary .panel").first).to_contain_text("Paused since")
    expect(page.locator(".toast")).to_contain_text("Shop is paused.")
    expect(page.get_by_role("button", name="Check now")).to_be_disabled()
    expect(page.locator("#chart")).to_have_attribute("data-mine", "yes")
    expect(page.locator("#chart canvas")).to_be_visible()


def test_a_monitor_without_checks_says_so_instead_of_an_empty_chart(open_page, shop):
    page = open_page(f"/monitors/{shop.pk}")
    expect(page.get_by_text("No response times in this range yet.")).to_be_visible()


# Theme and width
def test_the_theme_changes_at_once_and_stays(open_page, shop):
    page = open_page("/", color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Account: alice").click()
    with page.expect_response(re.compile("/theme$")):
        page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("size", [SMALL, PHONE, (768, 1024), (1024, 768), DESKTOP], ids=lambda size: str(size[0]))
def test_no_page_scrolls_sideways(open_page, shop, history, size):
    long = "An extraordinarily-long-name-that-nobody-would-choose-but-somebody-does" + "x" * 29
    Monitor.objects.filter(pk=shop.pk).update(name=long, target="https://shop.example/" + "path" * 400)
    change(shop, "down", verdict="down", last_detail="x" * 300, last_reason="status")
    page = open_page("/", size)
    for path in [
        "/",
        f"/monitors/{shop.pk}",
        f"/monitors/{shop.pk}/edit",
        f"/monitors/{shop.pk}/delete",
        "/monitors/add",
    ]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path


# Without JavaScript
def test_everything_works_without_javascript(open_page, shop):
    page = open_page("/", PHONE, java_script_enabled=False)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Incidents")).to_be_visible()
    page.get_by_role("link", name="Monitors").click()
    row(page, shop).get_by_role("button", name="Actions for Shop").click()
    row(page, shop).get_by_role("button", name="Pause").click()
    expect(row(page, shop)).to_contain_text("Paused")
    row(page, shop).get_by_role("checkbox").check()
    page.get_by_role("group", name="Actions for the ticked monitors").get_by_role("button", name="Resume").click()
    expect(row(page, shop)).to_contain_text("Checking…")
    page.get_by_role("link", name="Add a website").click()
    page.get_by_label("Address").fill("https://plain.example/")
    page.get_by_role("button", name="Add and check now").click()
    expect(page.get_by_role("heading", name="plain.example")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    assert Monitor.objects.alive().count() == 2
    page.get_by_role("button", name="Account: alice").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
