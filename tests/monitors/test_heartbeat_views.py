"""The pages of heartbeats: what they say in each state, the form with its preview, and one ping."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.heartbeat import PingKind
from monitors.models import Heartbeat, Monitor, Ping
from monitors.services import edit, heartbeats, pings
from monitors.services.pings import Arrival, Key
from monitors.snippets import snippets
from tests.factories import make_heartbeat, make_user, team_of

pytestmark = pytest.mark.django_db

NOW = timezone.now()
FORM = {"kind": "heartbeat", "name": "Nightly backup", "schedule": "period", "period": "1 h", "grace": "5 min"}
FORM |= {"time_zone": "UTC", "target": "", "expression": ""}


@pytest.fixture
def alice(client):
    alice = make_user("alice")
    client.force_login(alice)
    return alice


@pytest.fixture
def job(alice):
    """Hourly, with ten minutes of grace."""
    return make_heartbeat(team_of(alice), now=NOW - timedelta(days=2))


def ping(job, ago=0, kind=PingKind.SUCCESS, **fields):
    """A ping `ago` minutes ago."""
    key = Key(uuid=Heartbeat.objects.get(pk=job.pk).uuid)
    incidents.apply(pings.take(key, Arrival(kind, NOW - timedelta(minutes=ago), **fields)).changes)


def judge():
    with transaction.atomic():
        incidents.apply(heartbeats.judge(NOW + heartbeats.SETTLE)[0].changes)


def page_of(client, job):
    return client.get(reverse("monitors:detail", args=[job.pk])).content.decode()


# One heartbeat --------------------------------------------------------------------------------------------------------
def test_it_waits_for_its_first_ping_and_says_where(client, job):
    page = page_of(client, job)
    assert "Waiting for the first ping" in page
    assert f"/ping/{job.heartbeat.uuid}" in page
    assert f"/ping/{job.team.ping_key}/backup" in page
    assert f"/api/v1/heartbeat/{job.heartbeat.token}" in page
    assert f"/api/push/{job.heartbeat.token}" in page
    assert "Every hour, with 10 min of grace" in page
    assert "Check now" not in page


def test_each_state_in_its_own_words(client, job):
    ping(job, 30)
    assert "The next ping is due" in page_of(client, job)
    ping(job, 20, PingKind.START)
    assert "Waiting" not in page_of(client, job)
    ping(job, 65)
    page = page_of(client, job)
    assert "Up for" in page


def test_late_says_when_it_counts_as_down(client, job):
    ping(job, 65)
    judge()
    page = page_of(client, job)
    assert "Late: it was due at" in page
    assert "unless it pings before" in page


def test_down_says_why(client, job):
    ping(job, 5, PingKind.FAIL, exit_code=3)
    page = page_of(client, job)
    assert "The job said it failed: exit code 3." in page
    assert "The next success ends it" in page


def test_a_run_is_told_while_it_lasts(client, job):
    ping(job, 8)
    ping(job, 4, PingKind.START)
    assert "It is running since" in page_of(client, job)


@pytest.mark.parametrize(("manual", "said"), [(True, "change nothing"), (False, "Its next ping ends the pause")])
def test_a_pause_says_what_a_ping_does(client, alice, manual, said):
    job = make_heartbeat(team_of(alice), options={"manual_resume": manual})
    edit.pause(job)
    assert said in page_of(client, job)


def test_the_log_tells_of_each_ping(client, job):
    ping(job, 9, PingKind.START, method="POST", address="192.0.2.7", user_agent="curl/8.5.0")
    ping(job, 8, exit_code=0, body=b"<b>done</b>", body_size=11)
    page = page_of(client, job)
    assert "exit code 0" in page
    assert "11" in page
    assert "POST from 192.0.2.7, curl/8.5.0" in page
    assert "60.00 s" in page
    assert "<b>done" not in page


def test_the_log_has_pages(client, job):
    for minute in range(60, 30, -1):
        ping(job, minute)
    assert "#30" in page_of(client, job)
    second = client.get(reverse("monitors:detail", args=[job.pk]) + "?page=2").content.decode()
    assert "#5<" in second
    assert "#30<" not in second


def test_the_live_part_is_the_same_page(client, job):
    fragment = client.get(reverse("monitors:summary", args=[job.pk]))
    assert fragment.status_code == 200
    assert "Waiting for the first ping" in fragment.content.decode()


def test_the_page_asks_for_no_more_the_more_pings_there_are(client, job, django_assert_max_num_queries):
    for minute in range(60, 30, -1):
        ping(job, minute)
    with django_assert_max_num_queries(30):
        page_of(client, job)


# One ping -------------------------------------------------------------------------------------------------------------
def test_a_ping_shows_its_body_and_nothing_in_it_is_markup(client, job):
    ping(job, 5, PingKind.FAIL, exit_code=3, body=b"<script>\xff no disk", body_size=20_000, run="r-1")
    page = client.get(reverse("monitors:ping", args=[job.pk, 1])).content.decode()
    assert "&lt;script&gt;� no disk" in page
    assert "Cut: it had" in page
    assert "r-1" in page


@pytest.mark.parametrize("n", [0, 7, 2**63, 2**70])
def test_a_ping_that_is_not_there_is_not_found(client, job, n):
    assert client.get(reverse("monitors:ping", args=[job.pk, n])).status_code == 404


def test_anothers_ping_is_not_found(client, alice):
    job = make_heartbeat(team_of(make_user("bob")))
    ping(job)
    assert client.get(reverse("monitors:ping", args=[job.pk, 1])).status_code == 404


# The list and the incident --------------------------------------------------------------------------------------------
def test_the_list_says_what_is_expected(client, job):
    page = client.get("/").content.decode()
    assert "Every hour, with 10 min of grace" in page
    assert "Waiting…" in page
    assert reverse("monitors:check", args=[job.pk]) not in page
    ping(job, 65)
    judge()
    assert "Late" in client.get("/").content.decode()


def test_what_is_late_comes_before_what_is_up(client, alice, job):
    other = make_heartbeat(team_of(alice), name="A job", target="a-job")
    ping(other)
    ping(job, 65)
    judge()
    page = client.get("/monitors/rows").content.decode()
    assert page.index(">Backup<") < page.index(">A job<")


def test_asking_it_now_says_that_it_is_waited_for(client, job):
    page = client.post(reverse("monitors:check", args=[job.pk]), follow=True).content.decode()
    assert "never asked, but waited for" in page


def test_its_incident_speaks_of_pings_and_not_of_regions(client, job):
    ping(job, 90)
    judge()
    page = client.get(reverse("incidents:detail", args=[Incident.objects.get().pk])).content.decode()
    assert "No ping since" in page
    for word in ("failed round", "Seen down from", "Checks around the start", "Checked every"):
        assert word not in page


# The form -------------------------------------------------------------------------------------------------------------
def test_the_form_offers_both_types_and_only_what_a_heartbeat_has(client, alice):
    page = client.get("/monitors/add?kind=heartbeat").content.decode()
    assert "Add a heartbeat" in page
    assert '<option value="http"' in page
    for absent in ("Regions and verdict", "Timeout", "Failed rounds", "Add and check now"):
        assert absent not in page


def test_a_heartbeat_is_added(client, alice):
    response = client.post("/monitors/add?kind=heartbeat", FORM, follow=True)
    job = Monitor.objects.get()
    assert (job.kind, job.name, job.target, job.interval) == ("heartbeat", "Nightly backup", "nightly-backup", 3_600)
    assert (job.options["period"], job.options["grace"]) == (3_600, 300)
    assert "It waits for its first ping" in response.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This field is required"),
        ("period", "often", "Write it as in"),
        ("grace", "-1", "Write it as in"),
        ("target", "Not a slug", "Use small letters"),
        ("schedule", "cron", "When is it expected?"),
    ],
)
def test_bad_input_is_answered_beside_its_field(client, alice, field, value, said):
    response = client.post("/monitors/add?kind=heartbeat", {**FORM, field: value})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Monitor.objects.exists()


def test_it_is_edited_and_its_addresses_stay(client, job):
    uuid = job.heartbeat.uuid
    shown = client.get(reverse("monitors:edit", args=[job.pk])).content.decode()
    assert 'value="1 h"' in shown
    said = {**FORM, "target": "backup", "period": "2 h", "otherwise_fail": "on"}
    client.post(reverse("monitors:edit", args=[job.pk]), said)
    job = Monitor.objects.get(pk=job.pk)
    assert (job.options["period"], job.options["otherwise_fail"], job.heartbeat.uuid) == (7_200, True, uuid)


def test_the_preview_follows_what_is_typed(client, alice):
    typed = {"schedule": "cron", "expression": "30 2 * * 1-5", "time_zone": "Europe/Berlin", "grace": "5 min"}
    page = client.get(reverse("monitors:schedule"), typed).content.decode()
    assert "At 02:30 on Monday through Friday (Europe/Berlin)" in page
    assert page.count("<time ") == 5
    for broken in ({"expression": "30 2"}, {"time_zone": "Mars"}, {"schedule": "\0"}):
        page = client.get(reverse("monitors:schedule"), {**typed, **broken}).content.decode()
        assert "Once the schedule is complete" in page


# How to ping ----------------------------------------------------------------------------------------------------------
def test_every_snippet_pings_this_heartbeat():
    found = snippets("https://up.example/ping/7", "Ünsere Sicherung; rm -rf /")
    titles = [
        "Shell",
        "Cron",
        "systemd",
        "Python",
        "Node",
        "Ruby",
        "PowerShell",
        "Kubernetes CronJob",
        "GitHub Actions",
    ]
    assert [each.title for each in found] == titles
    for each in found:
        assert "https://up.example/ping/7" in each.text
        assert "{url}" not in each.text
        assert "{slug}" not in each.text
        assert "rm -rf" not in each.text


def test_the_log_is_kept_with_its_heartbeat(job):
    ping(job)
    assert Ping.objects.get().heartbeat == job.heartbeat
