"""An address is typed, tested from the region, and what is ticked is there; and a form is tested before it is saved."""

import re

import pytest
from playwright.sync_api import expect

from tests.product import Product
from tests.servers import Target, answer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SOON = 40_000  # milliseconds


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("proposals")) as running:
        yield running


@pytest.fixture
def website():
    with Target() as target:
        yield target


@pytest.fixture
def page(browse, product):
    return browse(product.url)


def test_an_address_becomes_monitors_and_settings_are_tested_before_they_are_saved(page, product, website):
    place = website.url.removeprefix("http://")
    page.goto("/")
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password1]", "correct horse battery")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/welcome$"))

    # Just an address
    page.goto("/")
    page.keyboard.press("n")
    page.locator("#add input[name=target]").fill(place)
    page.locator("#add").get_by_role("button", name="Test and propose").click()
    expect(page).to_have_url(re.compile(r"/tests/\d+$"))
    http = page.get_by_role("checkbox", name=f"Website or API http://{place}/")
    expect(http).to_be_checked(timeout=SOON)
    expect(page.get_by_role("checkbox", name=f"Website or API https://{place}/")).not_to_be_checked()
    row = page.locator(".offer").filter(has=http)
    expect(row.locator(".waterfall rect.phase-first_byte")).to_be_visible()
    page.get_by_role("checkbox", name=f"TCP port {place}").check(timeout=SOON)
    expect(page.locator("#proposal[hx-get]")).to_have_count(0, timeout=SOON)  # all is known
    expect(page.get_by_role("checkbox", name=f"TCP port {place}")).to_be_checked()

    # One click, and they are there
    page.get_by_role("button", name="Add what is ticked").click()
    expect(page.get_by_text("2 monitors were added")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.locator("table.monitors .badge-ok")).to_have_count(2, timeout=SOON)

    # Test now, before saving: the form stays as it is
    website.does(answer(404))
    page.goto("/monitors/add")
    page.fill("input[name=target]", f"{website.url}/missing")
    page.fill("input[name=name]", "Typed and kept")
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#test .badge-down")).to_be_visible(timeout=SOON)
    expect(page.locator("#test")).to_contain_text("Answered 404")
    expect(page.locator("#test .waterfall rect").first).to_be_visible()
    expect(page.locator("input[name=name]")).to_have_value("Typed and kept")
    assert product.sql("SELECT count(*) FROM monitors_monitor") == [(2,)]

    # Nobody asks for more when all is there
    polls = []
    page.on("request", lambda request: polls.append(request.url) if "/results" in request.url else None)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('live'))")
    page.fill("input[name=target]", "nonsense")
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#id_target_error")).to_be_visible()
    assert polls == []
