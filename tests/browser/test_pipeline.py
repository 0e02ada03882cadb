"""The Pipeline page in a real browser: numbers that move, dead letters that go, a banner that comes by itself."""

import pytest
from django.core.cache import cache

from monitors.models import DeadLetter, Pulse
from tests.factories import make_admin, make_user
from tests.helpers import wait_until
from tests.monitors.services.cast import make_watched
from tests.uptime.pipeline.cast import put_pulse, put_pulses
from uptime.pipeline import gather

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_shared():
    cache.delete_many([gather.KEY, gather.LOCK])
    yield
    cache.delete_many([gather.KEY, gather.LOCK])


@pytest.fixture
def running():
    make_watched(["eu"])
    put_pulses()
    for number in range(3):
        DeadLetter.objects.create(region="eu", error=f"ValueError: number {number} is broken", payload="nonsense" * 40)


@pytest.mark.parametrize("size", [(1280, 900), (390, 800)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_readable(browse, live_server, running, size, scheme):
    put_pulse("dispatch", 90)
    page = browse(live_server.url, make_admin(), size=size, color_scheme=scheme)
    page.goto("/pipeline/")
    page.get_by_role("status").filter(has_text="2 problems").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for name in ("Beat", "Dispatch", "Region Eu", "Results", "Database"):
        assert page.get_by_role("region", name=name, exact=True).is_visible()
    panel = page.locator(".panel-down")
    assert panel.evaluate("e => getComputedStyle(e).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert panel.locator("svg").first.is_visible()


def test_numbers_move_without_reloading(browse, live_server, running):
    page = browse(live_server.url, make_admin())
    page.goto("/pipeline/")
    page.evaluate("window.still = true")
    Pulse.objects.update_or_create(name="sent", defaults={**Pulse.objects.values("at", "since")[0], "done": 4321})
    page.get_by_role("region", name="Dispatch").get_by_text("4,321").wait_for(timeout=20_000)
    assert page.evaluate("window.still")


def test_ticked_letters_are_purged_after_a_question(browse, live_server, running):
    page = browse(live_server.url, make_admin())
    page.goto("/pipeline/")
    for letter in DeadLetter.objects.order_by("pk")[:2]:
        page.locator(f"#letter-{letter.pk}").get_by_role("checkbox").check()
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="Purge", exact=True).click()
    page.get_by_role("heading", name="Purge 2 dead letters?").wait_for()
    page.get_by_role("button", name="Purge 2 dead letters").click()
    page.get_by_text("2 dead letters were purged.").wait_for()
    assert DeadLetter.objects.count() == 1


def test_one_letter_is_replayed_and_says_why_not(browse, live_server, running):
    page = browse(live_server.url, make_admin(), size=(390, 800))
    page.goto("/pipeline/")
    page.get_by_role("button", name="Replay it").first.click()
    page.get_by_text("1 could not be stored this time either").wait_for()
    page.get_by_text("not a genuine results message of region eu").wait_for()


def test_the_banner_comes_and_goes_by_itself(browse, live_server, running):
    page = browse(live_server.url, make_user("bob"))
    page.clock.install()
    page.goto("/regions")
    assert not page.get_by_role("alert").count()
    put_pulse("dispatch", 90)
    page.clock.fast_forward(31_000)
    page.get_by_role("alert").get_by_text("Checks have not run since").wait_for()
    put_pulse("dispatch")

    def gone():
        page.clock.fast_forward(31_000)
        return not page.get_by_role("alert").count()

    wait_until(gone, 30, 0.5, "the banner is gone")
