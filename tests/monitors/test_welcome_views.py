"""The first steps: the practice website is watched with a click, broken by who watches it, and its story told."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitors import live
from monitors.domain.verdict import Status
from monitors.models import Monitor
from monitors.views_welcome import MODES, STAGES, tell
from tests.factories import make_admin, make_incident, make_monitor, make_region, make_user, team_of
from tests.practice import practice_website
from uptime import practice

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def site(data_dir, settings):
    """A real practice website; its address."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with practice_website() as url:
        yield url


@pytest.fixture
def watching(client, alice, site):
    make_region()
    client.post("/welcome/add")
    return Monitor.objects.get()


# Without a practice website -----------------------------------------------------------------------------------------
def test_strangers_are_asked_to_sign_in(client):
    assert client.get("/welcome").status_code == 302


@pytest.mark.usefixtures("data_dir")
def test_without_a_practice_website_the_page_leads_to_a_real_one(client, alice):
    page = client.get("/welcome").content.decode()
    assert "Add a website" in page
    assert 'href="/monitors/add"' in page
    assert "practice website" not in page


def test_where_private_targets_are_refused_there_is_no_practice(client, alice, site, settings):
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "practice website" not in client.get("/welcome").content.decode()
    assert client.post("/welcome/add").status_code == 404
    assert client.post("/practice", {"mode": "error"}).status_code == 404
    assert not Monitor.objects.exists()


@pytest.mark.usefixtures("data_dir")
def test_nothing_can_be_watched_or_broken_where_none_runs(client, alice):
    assert client.post("/welcome/add").status_code == 404
    assert client.post("/practice", {"mode": "error"}).status_code == 404


# Watching -----------------------------------------------------------------------------------------------------------
def test_one_click_watches_the_practice_website(client, alice, site):
    region = make_region()
    assert "Watch the practice website" in client.get("/welcome").content.decode()
    assert client.post("/welcome/add").url == "/welcome"
    monitor = Monitor.objects.get()
    assert (monitor.team, monitor.target, monitor.interval) == (team_of(alice), site, 5)
    assert (monitor.confirm, monitor.recover, list(monitor.regions.all())) == (2, 2, [region])
    assert "Checking…" in client.get("/welcome").content.decode()


def test_a_second_click_adds_nothing(client, watching):
    client.post("/welcome/add")
    assert Monitor.objects.count() == 1


def test_a_deleted_one_can_be_watched_again(client, watching):
    watching.deleted_at = timezone.now()
    watching.save()
    client.post("/welcome/add")
    assert Monitor.objects.alive().count() == 1


@pytest.mark.parametrize("url", ["/welcome/add", "/practice"])
def test_looking_at_an_address_changes_nothing(client, alice, site, url):
    assert client.get(url).status_code == 405


# Breaking -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_who_watches_it_may_break_and_heal_it(client, watching, mode):
    assert client.post("/practice", {"mode": mode}).url == "/welcome"
    assert practice.get_mode() == mode
    assert f'value="{mode}" aria-pressed="true"' in client.get("/welcome").content.decode()


def test_the_switches_are_those_the_practice_website_has():
    assert set(MODES) == set(practice.MODES)


@pytest.mark.parametrize("make", [make_user, make_admin])
def test_who_does_not_watch_it_may_not_break_it_for_others(client, watching, make):
    client.force_login(make("mallory"))
    assert client.post("/practice", {"mode": "error"}).status_code == 403
    assert practice.get_mode() == "healthy"


def test_anonymous_may_not_break_it(client, site):
    assert client.post("/practice", {"mode": "error"}).status_code == 302
    assert practice.get_mode() == "healthy"


@pytest.mark.parametrize("mode", ["", "explode", "healthy\nerror"])
def test_an_unknown_mode_is_refused(client, watching, mode):
    assert client.post("/practice", {"mode": mode}).status_code == 400


def test_switching_asks_for_the_token_against_forgery(watching, alice):

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post("/practice", {"mode": "error"}).status_code == 403
    assert practice.get_mode() == "healthy"


# The story ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "verdict", "streak", "happened", "stage", "headline"),
    [
        (Status.PENDING, "pending", 0, False, "Watching", "Checking…"),
        (Status.PENDING, "pending", 1, False, "Noticed", "Unconfirmed: 1 of 2 failed rounds"),
        (Status.UP, "up", 0, False, "Watching", "It is up"),
        (Status.UP, "up", 1, False, "Noticed", "Unconfirmed: 1 of 2 failed rounds"),
        (Status.UP, "up", 1, True, "Noticed", "Unconfirmed: 1 of 2 failed rounds"),
        (Status.DOWN, "down", 0, True, "Confirmed", "It is down, and an incident is open"),
        (Status.VALIDATING, "down", 1, True, "Confirmed", "It answers again: 1 of 2 good rounds"),
        (Status.UP, "up", 0, True, "Recovered", "It has recovered"),
        (Status.PAUSED, "up", 0, True, "Watching", "It is paused"),
        (Status.NODATA, "up", 0, True, "Watching", "No data"),
        (Status.MAINTENANCE, "up", 0, False, "Watching", "Checking…"),
    ],
)
def test_the_story_is_told_in_words(alice, status, verdict, streak, happened, stage, headline):
    monitor = make_monitor(team_of(alice), status=status, state={"verdict": verdict, "streak": streak})
    story = tell(monitor, make_incident(monitor) if happened else None)
    assert (STAGES[story.stage].word, story.headline) == (stage, headline)


def test_the_reason_is_shown_while_it_fails(client, watching):
    watching.state.verdict, watching.state.streak, watching.state.status = "up", 1, "up"
    watching.state.last_detail = "Answered 500."
    watching.state.save()
    page = client.get("/welcome/panel").content.decode()
    assert "Unconfirmed: 1 of 2" in page
    assert "Answered 500." in page


def test_the_incident_is_linked_and_its_length_told(client, watching):
    start = timezone.now() - timedelta(minutes=5)
    incident = make_incident(watching, started_at=start, resolved_at=start + timedelta(seconds=34))
    page = client.get("/welcome/panel").content.decode()
    assert f'href="/incidents/{incident.pk}"' in page
    assert "34 s" in page


def test_the_panel_is_drawn_again_when_the_monitor_or_the_switch_changed(client, watching):
    live.bump([watching.team_id])
    version = client.get("/welcome/panel").context["version"]
    assert client.get("/welcome/panel", {"v": version}).status_code == 204
    practice.set_mode("error")
    assert client.get("/welcome/panel", {"v": version}).status_code == 200
    version = client.get("/welcome/panel").context["version"]
    live.bump([watching.team_id])
    assert client.get("/welcome/panel", {"v": version}).status_code == 200


def test_only_own_monitors_count_as_watching_it(client, watching):
    client.force_login(make_user("bob"))
    assert "Watch the practice website" in client.get("/welcome").content.decode()


def test_done_steps_are_ticked(client, watching, alice):
    assert "Done" not in client.get("/welcome").content.decode()
    make_monitor(team_of(alice))
    assert client.get("/welcome").content.decode().count("Done") == 1
    make_region("us-east")
    assert client.get("/welcome").content.decode().count("Done") == 2
