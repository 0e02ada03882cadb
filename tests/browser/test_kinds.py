"""The form in a real browser: a type is chosen first, its fields come at once, and nothing that was typed is lost."""

import pytest
from playwright.sync_api import expect

from monitors.forms import DEFAULT_KIND
from monitors.models import Monitor
from monitors.probes.kinds import probed_kinds
from tests.browser.test_pages import fits
from tests.factories import make_admin, make_monitor, make_region, team_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESKTOP, PHONE = (1280, 900), (390, 844)
# What is typed beside the target, where a type needs or shows more.
TYPED = {
    "udp": {"Send": "status"},
    "dns": {"Expected values": "192.0.2.1\n192.0.2.2"},
    "tcp": {"Expected answer": "SSH"},
}


@pytest.fixture
def alice(chromium):
    make_region("local")
    return make_admin("alice")


@pytest.fixture(params=[(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop, light", "phone, dark"])
def page(request, browse, live_server, alice):
    size, scheme = request.param
    page = browse(live_server.url, alice, size, color_scheme=scheme)
    page.goto("/monitors/add")
    return page


def test_the_form_of_every_type_fits(page):
    for kind in probed_kinds():
        page.get_by_label("Type", exact=True).select_option(kind.name)
        expect(page.get_by_label(kind.target_label, exact=True)).to_have_attribute("placeholder", kind.target_example)
        assert fits(page), kind.name


@pytest.mark.parametrize("kind", probed_kinds(), ids=lambda kind: kind.name)
def test_a_monitor_of_every_type_is_added_from_the_page(browse, live_server, alice, kind):
    page = browse(live_server.url, alice, PHONE)
    page.goto("/monitors/add")
    if kind.name != DEFAULT_KIND:  # chosen already: choosing it again would draw the form once more
        page.get_by_label("Type", exact=True).select_option(kind.name)
    expect(page.get_by_label(kind.target_label, exact=True)).to_have_attribute("placeholder", kind.target_example)
    page.get_by_label(kind.target_label, exact=True).fill(kind.target_example)
    for label, text in TYPED.get(kind.name, {}).items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Add and check now").click()
    expect(page.locator(".toast")).to_contain_text("was added")
    assert fits(page)
    monitor = Monitor.objects.get()
    assert (monitor.kind, monitor.target) == (kind.name, kind.clean_target(kind.target_example, allow_private=True))
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("was saved")
    monitor.refresh_from_db()
    assert monitor.config_version == 1, "sent as it was shown, it is no new configuration"


def test_a_job_that_reports_in_is_a_type_like_the_others(page):
    page.get_by_label("Name").first.fill("Nightly backup")
    page.get_by_label("Type", exact=True).select_option("heartbeat")
    expect(page.get_by_role("heading", name="Add a heartbeat")).to_be_visible()
    expect(page.get_by_label("Grace")).to_be_visible()
    expect(page.get_by_label("Name").first).to_have_value("Nightly backup")
    assert fits(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("It waits for its first ping")


def test_what_was_typed_stays_from_type_to_type(page):
    page.get_by_label("Name").first.fill("Mine")
    page.get_by_label("URL").fill("example.com")
    page.get_by_text("What counts as up").click()
    page.locator("#id_keyword").fill("welcome")
    page.get_by_label("Type", exact=True).focus()
    page.get_by_label("Type", exact=True).select_option("dns")
    expect(page.get_by_label("Record type")).to_be_visible()
    expect(page.get_by_label("Type", exact=True)).to_be_focused()
    page.get_by_label("Record type").select_option("MX")
    page.get_by_label("Type", exact=True).select_option("http")
    expect(page.get_by_label("URL")).to_have_value("example.com")
    expect(page.get_by_label("Name").first).to_have_value("Mine")
    expect(page.locator("#id_keyword")).to_have_value("welcome")
    page.get_by_label("Type", exact=True).select_option("dns")
    expect(page.get_by_label("Record type")).to_have_value("MX")


def test_without_scripts_a_button_shows_the_fields_of_the_type(browse, live_server, alice):
    page = browse(live_server.url, alice, PHONE, java_script_enabled=False)
    page.goto("/monitors/add")
    page.get_by_label("URL").fill("192.0.2.1")
    page.get_by_label("Type", exact=True).select_option("ping")
    page.get_by_role("button", name="Show the settings of this type").click()
    expect(page.get_by_label("Packets")).to_have_value("3")
    expect(page.get_by_label("Host")).to_have_value("192.0.2.1")
    assert Monitor.objects.count() == 0
    page.get_by_label("Packets").press("Enter")
    expect(page.get_by_role("heading", name="192.0.2.1")).to_be_visible()
    assert Monitor.objects.get().kind == "ping"


def test_a_monitor_s_page_shows_type_target_and_figures(browse, live_server, alice):
    detail = "3 of 3 packets came back, round trip 1.0 / 1.5 / 2.0 ms (least, mean, most)"
    state = {"verdict": "up", "last_detail": detail, "last_response_ms": 1.5}
    monitor = make_monitor(
        team_of(alice), name="Router", kind="ping", target="192.0.2.1", status="up", options={}, state=state
    )
    for size, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
        page = browse(live_server.url, alice, size, color_scheme=scheme)
        page.goto(f"/monitors/{monitor.pk}")
        expect(page.locator("#summary")).to_contain_text("Ping · 192.0.2.1")
        expect(page.locator("#summary")).to_contain_text("3 of 3 packets came back")
        assert fits(page)


def test_only_what_belongs_to_the_chosen_authentication_is_shown(page):
    page.get_by_text("Authentication", exact=True).first.click()
    password, token, endpoint = (page.locator(f"#id_{name}") for name in ("auth_password", "bearer_token", "token_url"))
    for each in (password, token, endpoint):
        expect(each).to_be_hidden()
    page.locator("#id_auth").select_option("basic")
    expect(password).to_be_visible()
    expect(token).to_be_hidden()
    password.fill("a password")
    page.locator("#id_auth").select_option("oauth2")
    expect(endpoint).to_be_visible()
    expect(page.locator("#id_client_auth")).to_be_visible()
    expect(password).to_be_hidden()
    assert fits(page)
    page.locator("#id_auth").select_option("basic")
    expect(password).to_have_value("a password")
    page.get_by_label("URL").fill("example.com")
    page.locator("#id_auth").select_option("bearer")
    page.get_by_role("button", name="Add and check now").click()
    expect(page.locator("#id_bearer_token_error")).to_contain_text("Enter the token")
    expect(token).to_be_visible()
    expect(password).to_be_hidden()


def test_without_scripts_every_field_is_there(browse, live_server, alice):
    page = browse(live_server.url, alice, PHONE, java_script_enabled=False)
    page.goto("/monitors/add")
    page.get_by_text("Authentication", exact=True).first.click()
    for name in ("auth_password", "bearer_token", "token_url", "client_key"):
        expect(page.locator(f"#id_{name}")).to_be_visible()
    assert fits(page)


def test_a_group_asks_for_weights_and_numbers_only_where_its_rule_needs_them(browse, live_server, alice):
    monitor = make_monitor(team_of(alice), name="Shop")
    page = browse(live_server.url, alice, DESKTOP)
    page.goto("/monitors/add?kind=group")
    weight, least, share = (
        page.get_by_label("Weight of Shop"),
        page.locator("#id_least_up"),
        page.locator("#id_share_up"),
    )
    for each in (weight, least, share):
        expect(each).to_be_hidden()
    page.locator("#id_rule").select_option("at_least")
    expect(least).to_be_visible()
    page.locator("#id_rule").select_option("weighted")
    expect(weight).to_be_visible()
    expect(share).to_be_visible()
    expect(least).to_be_hidden()
    expect(page.locator(f"input[name=members][value='{monitor.pk}']")).to_be_visible()
    assert fits(page)
