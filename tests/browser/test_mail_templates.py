"""Mail templates in a real browser: the preview follows what is typed, and nothing in it is alive."""

import pytest
from playwright.sync_api import expect

from alerts.channels.base import KINDS
from alerts.models import MailTemplate
from tests.browser.test_pages import fits
from tests.factories import make_admin

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[((1280, 900), "light"), ((390, 844), "dark")], ids=["desktop, light", "phone, dark"])
def page(request, browse, live_server, chromium, settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    size, scheme = request.param
    return browse(live_server.url, make_admin(email="root@example.com"), size, color_scheme=scheme)


def test_the_preview_follows_what_is_typed_until_it_is_saved_and_reset(page):
    page.goto("/alerts/mails")
    assert fits(page)
    page.get_by_role("link", name="Recovery").click()
    frame = page.frame_locator("#preview iframe")
    expect(frame.get_by_role("heading", name="Shop is up again")).to_be_visible()
    assert fits(page)
    page.get_by_label("Subject").fill("[$TEAM] $MONITOR is back")
    expect(page.locator("#preview")).to_contain_text("[root's team] Shop is back")
    page.get_by_label("HTML").fill('<h2>Back after $DURATION</h2><p style="color:$COLOR">$CAUSE</p>')
    expect(frame.get_by_role("heading", name="Back after 7 min 30 s")).to_be_visible()
    page.get_by_label("HTML").fill("<p>\n<script>alert(1)</script></p>")
    expect(page.locator("#preview")).to_contain_text("Line 2: <script> is not allowed in a mail.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field-error")).to_contain_text("Line 2: <script> is not allowed in a mail.")
    expect(page.get_by_label("HTML")).to_have_value("<p>\n<script>alert(1)</script></p>")
    assert fits(page)
    page.get_by_label("HTML").fill("<p>$TEXT</p>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("are sent like this from now on")
    expect(page.get_by_role("row", name="Recovery")).to_contain_text("Your own")
    page.get_by_role("link", name="Recovery").click()
    page.get_by_role("button", name="Back to the default").click()
    expect(page.locator(".toast")).to_contain_text("in the usual words again")
    assert not MailTemplate.objects.exists()


def test_the_form_of_every_kind_of_channel_fits(page):
    page.goto("/alerts/channels/add")
    assert fits(page)
    for kind in KINDS:
        page.goto(f"/alerts/channels/add?kind={kind.name}")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Add a channel: {kind.label}")
        assert fits(page), kind.name
