"""Heartbeats in a real browser: they turn green by themselves, the schedule is previewed, and all fits a phone."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from incidents import services as incidents
from monitors import live
from monitors.domain.heartbeat import PingKind
from monitors.models import Monitor
from monitors.services import heartbeats, pings
from monitors.services.pings import Arrival, Key
from tests.factories import make_admin, make_heartbeat, team_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def root(chromium):
    return make_admin()


@pytest.fixture(params=SIZES)
def page(request, browse, live_server, root):
    return browse(live_server.url, root, SIZES[request.param], permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def job(root):
    return make_heartbeat(team_of(root), now=timezone.now() - timedelta(days=1))


def ping(job, kind=PingKind.SUCCESS, ago=0, **fields):
    at = timezone.now() - timedelta(minutes=ago)
    with transaction.atomic():
        taken = pings.take(Key(uuid=job.heartbeat.uuid), Arrival(kind, at, **fields))
        incidents.apply(taken.changes)
    live.bump([taken.team])


def fits(page):
    """Whether the page can be read without scrolling sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_turns_green_by_itself_with_its_first_ping(page, job):
    page.goto(f"/monitors/{job.pk}")
    expect(page.locator("#summary")).to_contain_text("Waiting for the first ping")
    assert fits(page)
    ping(job, address="192.0.2.7", user_agent="curl/8.5.0", body=b"all well", body_size=8)
    expect(page.locator("#summary")).to_contain_text("Up for")  # without a reload
    expect(page.locator("#pings")).to_contain_text("8 bytes of output")
    assert fits(page)
    page.get_by_role("link", name="8 bytes of output").click()
    expect(page.locator("pre")).to_have_text("all well")
    assert fits(page)


def test_its_address_and_every_snippet_can_be_copied(page, job):
    page.goto(f"/monitors/{job.pk}")
    page.locator(".ping-address").get_by_role("button", name="Copy").click()
    expect(page.locator(".ping-address")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"/ping/{job.heartbeat.uuid}")
    page.get_by_text("Kubernetes CronJob").click()
    page.locator(".snippet[open]").get_by_role("button", name="Copy").click()
    assert "kind: CronJob" in page.evaluate("navigator.clipboard.readText()")
    assert fits(page)


def test_what_was_opened_stays_open_while_pings_come_in(page, job):
    page.goto(f"/monitors/{job.pk}")
    page.get_by_text("PowerShell").click()
    ping(job)
    expect(page.locator("#summary")).to_contain_text("Up for")
    expect(page.locator(".snippet[open]")).to_contain_text("Invoke-RestMethod")


def test_late_and_down_show_without_a_reload(page, job):
    ping(job, ago=65)
    page.goto(f"/monitors/{job.pk}")
    with transaction.atomic():
        heartbeats.judge(timezone.now() + heartbeats.SETTLE)
    live.bump([job.team_id])
    expect(page.locator("#summary")).to_contain_text("Late: it was due at")
    ping(job, PingKind.FAIL, exit_code=3)
    expect(page.locator("#summary")).to_contain_text("The job said it failed: exit code 3")
    page.goto("/")
    expect(page.locator("#rows")).to_contain_text("The job said it failed: exit code 3")
    assert fits(page)


def test_the_form_previews_the_schedule_and_makes_the_heartbeat(page, root):
    page.goto("/monitors/add")
    page.get_by_label("Type", exact=True).select_option("heartbeat")
    page.get_by_label("Name", exact=True).fill("Nightly export")
    page.get_by_label("It reports in").select_option("cron")
    page.get_by_label("Expression").fill("30 2 * * 1-5")
    page.get_by_label("Its time zone").select_option("Europe/Berlin")
    expect(page.locator("#schedule")).to_contain_text("At 02:30 on Monday through Friday (Europe/Berlin)")
    expect(page.locator("#schedule time")).to_have_count(5)
    assert fits(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("Waiting for the first ping")
    assert Monitor.objects.get().options["expression"] == "30 2 * * 1-5"
