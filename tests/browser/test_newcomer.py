"""The first two minutes, in a real browser against the running product: sign up, practise an outage, see it all."""

import re

import pytest
from playwright.sync_api import expect

from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SOON = 40_000  # milliseconds


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("newcomer"), fresh=True) as running:
        yield running


@pytest.fixture
def page(browse, product):
    return browse(product.url)


def test_a_newcomer_practises_an_outage_and_watches_a_website_of_their_own(page, product):
    page.goto("/")
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password1]", "correct horse battery")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/welcome$"))

    page.get_by_role("button", name="Watch the practice website").click()
    panel = page.locator("#practice")
    expect(panel.locator(".badge-ok").first).to_be_visible(timeout=SOON)

    page.locator("#mode-error").click()
    expect(panel.get_by_text("Answered 500 Internal Server Error").first).to_be_visible(timeout=SOON)
    expect(panel.locator(".badge-down").first).to_be_visible(timeout=SOON)
    expect(panel.get_by_role("link", name="The incident")).to_be_visible(timeout=SOON)

    page.locator("#mode-healthy").click()
    expect(panel.get_by_role("link", name="The last incident")).to_be_visible(timeout=SOON)

    panel.get_by_role("link", name="The last incident").click()
    expect(page.get_by_text("Answered 500 Internal Server Error, expected 200-299").first).to_be_visible()
    expect(page.get_by_text("Recovered").first).to_be_visible()

    page.goto("/")
    page.keyboard.press("n")
    page.locator("#add input[name=target]").fill(f"{product.url}/healthz")
    page.locator("#add").get_by_role("button", name="Add and check now").click()
    expect(page.locator(".badge-ok").first).to_be_visible(timeout=SOON)
