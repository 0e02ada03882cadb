"""Pings on the real web server: what is answered, what is stored, and what nobody may find out or use up."""

import http.client
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from betterstack.uptime import BearerAuth, PaginatedAPI
from betterstack.uptime.objects import Heartbeat as BetterStackHeartbeat
from rest_framework_simplejwt.tokens import AccessToken
from runchecked import HealthCheckedContext

from incidents.models import Incident
from monitors.models import Heartbeat, Monitor, Ping, Pulse, State
from monitors.services import ingest
from tests.factories import make_heartbeat, make_user, team_of
from tests.helpers import wait_until
from tests.pings import web_server
from uptime import actions
from uptime import ingest as front

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(scope="module")
def site(tmp_path_factory, django_db_setup):
    with web_server(tmp_path_factory.mktemp("web") / "log", PING_BODY_LIMIT="1000") as url:
        yield url


@pytest.fixture
def job():
    return make_heartbeat(team_of(make_user("alice")))


def newest():
    return Ping.objects.first()


def path_of(job, form):
    heartbeat, key = Heartbeat.objects.get(pk=job.pk), job.team.ping_key
    return {
        "uuid": f"/ping/{heartbeat.uuid}",
        "slug": f"/ping/{key}/{job.target}",
        "better stack": f"/api/v1/heartbeat/{heartbeat.token}",
        "kuma": f"/api/push/{heartbeat.token}",
        "peekaping": f"/push/{heartbeat.token}",
        "oneuptime": f"/heartbeat/{heartbeat.token}",
    }[form]


FORMS = ["uuid", "slug", "better stack", "kuma", "peekaping", "oneuptime"]


# What is answered -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("form", FORMS)
def test_a_ping_is_answered_and_stored(site, job, form, method):
    for number in (1, 2):  # judged, and by the one statement
        answer = requests.request(method, site + path_of(job, form), headers={"User-Agent": "cron"}, timeout=10)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        said = {"kuma": '{"ok":true}', "peekaping": '{"ok":true}'}.get(form, "OK")
        assert answer.text == ("" if method == "HEAD" else said)
        ping = newest()
        assert (ping.n, ping.kind, ping.method, ping.user_agent, ping.address) == (
            number,
            "success",
            method,
            "cron",
            "127.0.0.1",
        )
    assert State.objects.get(pk=job.pk).status == "up"


def test_healthchecks_clients_are_told_the_limit_of_bodies(site, job):
    assert requests.get(site + path_of(job, "uuid"), timeout=10).headers["Ping-Body-Limit"] == "1000"
    assert "Ping-Body-Limit" not in requests.get(site + path_of(job, "kuma"), timeout=10).headers


def test_gatus_external_endpoints_report_by_token(site, job):
    url, token = f"{site}/api/v1/endpoints/core_backup/external", Heartbeat.objects.get().token
    bearer = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{url}?success=false&error=no+disk&duration=2s", headers=bearer, timeout=10)
    assert (answer.status_code, answer.text) == (200, "")
    assert (newest().kind, newest().duration_ms, newest().text) == ("fail", 2_000.0, "no disk")
    other = f"{site}/api/v1/endpoints/core_other/external?success=true"
    told = {
        requests.post(other, headers=bearer, timeout=10): (404, "not found"),
        requests.post(f"{url}?success=true", headers={"Authorization": "Bearer x"}, timeout=10): (401, "invalid token"),
        requests.get(f"{url}?success=true", headers=bearer, timeout=10): (405, "method not allowed"),
    }
    assert {(answer.status_code, answer.text) for answer in told} == set(told.values())
    assert Ping.objects.count() == 1


@pytest.mark.parametrize("form", ["better stack", "oneuptime"])
def test_other_methods_than_those_it_has_are_refused(site, job, form):
    answer = requests.put(site + path_of(job, form), timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_browsers_question_beforehand_is_no_ping(site, job):
    assert requests.options(site + path_of(job, "uuid"), timeout=10).status_code == 204
    assert not Ping.objects.exists()


def test_the_same_names_are_ambiguous(site, job):
    make_heartbeat(job.team)
    answer = requests.get(site + path_of(job, "slug"), timeout=10)
    assert (answer.status_code, answer.text) == (409, "ambiguous slug")


def test_a_job_may_make_its_own_heartbeat(site, job):
    url = f"{site}/ping/{job.team.ping_key}/nightly"
    assert requests.get(url, timeout=10).status_code == 404
    answers = [requests.get(f"{url}?create=1", timeout=10) for _ in range(2)]
    assert [(each.status_code, each.text) for each in answers] == [(201, "Created"), (200, "OK")]
    made = Monitor.objects.get(target="nightly")
    assert (made.team, made.options["period"], made.options["grace"]) == (job.team, 86_400, 3_600)
    assert not made.options["manual_resume"]
    assert State.objects.get(pk=made.pk).status == "up"
    assert requests.get(f"{site}/ping/nobody/nightly?create=1", timeout=10).status_code == 404


def test_kuma_does_not_push_to_what_is_paused(site, job):
    actions.pause(job)
    answer = requests.get(site + path_of(job, "kuma"), timeout=10)
    assert (answer.status_code, answer.json()["ok"]) == (404, False)
    assert requests.get(site + path_of(job, "uuid"), timeout=10).text == "OK"
    assert [ping.kind for ping in Ping.objects.all()] == ["ignored"]


def test_a_failure_opens_an_incident_and_a_success_ends_it(site, job):
    for word in ("", "/3", ""):
        assert requests.get(site + path_of(job, "uuid") + word, timeout=10).ok
    incident = Incident.objects.get()
    assert incident.summary == "The job said it failed: exit code 3"
    assert incident.resolved_at


def test_pings_at_the_same_time_are_counted_one_by_one(site, job):
    """The first ones are judged, one after the other; those that follow are one statement each."""
    url = site + path_of(job, "uuid")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: requests.post(url, data=str(number), timeout=30), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(Ping.objects.values_list("n", flat=True)) == list(range(1, 65))
    assert {ping.text for ping in Ping.objects.all()} == {str(number) for number in range(64)}
    assert Heartbeat.objects.get(pk=job.pk).pings == 64


def test_everything_else_is_the_sites(site):
    assert requests.get(f"{site}/healthz", timeout=10).json() == {"status": "ok"}
    assert requests.get(f"{site}/api/v1/nothing", timeout=10).status_code == 404


# Bodies ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("warm", [False, True])
def test_a_body_is_cut_and_kept_whatever_its_bytes(site, job, warm):
    body = b"\x00\xff\xfe" + b"x" * 5_000
    with requests.Session() as session:
        for _ in range(1 + warm):
            assert session.post(site + path_of(job, "uuid"), data=body, timeout=10).ok
        assert session.get(f"{site}/healthz", timeout=10).ok  # the connection goes on
    assert (bytes(newest().body), newest().body_size) == (body[:1000], 5_003)


def test_a_body_of_unknown_length_is_read_too(site, job):
    assert requests.post(site + path_of(job, "uuid"), data=iter([b"one ", b"two"]), timeout=10).ok
    assert (newest().text, newest().body_size) == ("one two", 7)


def test_ten_megabytes_are_refused_without_being_read(site, job):
    with closing(http.client.HTTPConnection(site.removeprefix("http://"), timeout=10)) as connection:
        connection.putrequest("POST", path_of(job, "uuid"))
        connection.putheader("Content-Length", str(front.TOO_LARGE + 1))
        connection.endheaders()
        answer = connection.getresponse()  # nothing was sent
        assert (answer.status, answer.read()) == (413, b"The body is larger than 10 MB.")
        assert connection.sock.recv(1) == b""  # and nothing is waited for
    assert not Ping.objects.exists()


def test_odd_headers_are_kept_as_far_as_they_can_be_shown(site, job):
    agent = ("curl \u202e " + "a" * 500).encode()
    with closing(http.client.HTTPConnection(site.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", path_of(job, "uuid"), headers={"User-Agent": agent})
        assert connection.getresponse().status == 200
    assert newest().user_agent.startswith("curl �")
    assert len(newest().user_agent) == 200


# Who may find out what, and use up what -------------------------------------------------------------------------------
def test_what_is_unknown_and_what_is_deleted_answer_alike(site, job):
    known = path_of(job, "uuid")
    actions.delete(job)
    answers = [requests.get(site + path, timeout=10) for path in (known, f"/ping/{uuid.uuid4()}")]
    assert {(each.status_code, each.text, str(sorted(each.headers))) for each in answers} == {
        (404, "not found", str(sorted(answers[0].headers)))
    }


def test_what_is_unknown_and_what_is_deleted_take_the_same_time(site, job):
    known, unknown = path_of(job, "uuid"), f"/ping/{uuid.uuid4()}"
    actions.delete(job)
    spent = {known: [], unknown: []}
    with requests.Session() as session:
        for number in range(60):
            for path in (known, unknown) if number % 2 else (unknown, known):
                start = time.perf_counter()
                session.get(site + path, timeout=10)
                spent[path].append(time.perf_counter() - start)
    # The quickest ones: what else this machine does only ever adds to them.
    ours, nobodys = (statistics.mean(sorted(times)[:10]) for times in spent.values())
    assert 0.5 < ours / nobodys < 2


def test_a_heartbeat_takes_so_many_pings_a_minute(site, job):
    other = make_heartbeat(job.team, name="Other", target="other")
    path, answers = path_of(job, "uuid"), []
    with requests.Session() as session:
        for _ in range(2 * front.PER_MINUTE + 1):  # a minute may end meanwhile
            answers.append(session.get(site + path, timeout=10))
    refused = [each for each in answers if not each.ok]
    assert {(each.status_code, each.headers["Retry-After"]) for each in refused} == {(429, "60")}
    assert requests.get(site + path_of(other, "uuid"), timeout=10).ok
    assert Ping.objects.filter(heartbeat=job.pk).count() == len(answers) - len(refused)


# Clients of theirs ----------------------------------------------------------------------------------------------------
def test_a_public_client_of_healthchecks_pings_us_as_it_pings_them(site, job):
    """runchecked runs a command, and reports how it ended with what it said."""
    url = f"{site}/ping/{Heartbeat.objects.get(pk=job.pk).uuid}"
    for words in (["echo", "all well"], ["sh", "-c", "echo disk full; exit 3"]):
        with HealthCheckedContext(url, enable_tty_output=False) as context:
            context.run(words)
    good, bad = Ping.objects.order_by("n")
    assert (good.kind, good.method) == ("success", "POST")
    assert "all well" in good.text
    assert bad.kind == "fail"
    assert "disk full" in bad.text
    assert State.objects.get(pk=job.pk).status == "down"


def test_a_public_client_of_better_stack_makes_a_heartbeat_and_finds_its_address(site):
    alice = make_user("alice")
    api = PaginatedAPI(f"{site}/api/v2/", BearerAuth(str(AccessToken.for_user(alice))))
    made = BetterStackHeartbeat.new(api, name="Nightly backup", period=86_400, grace=3_600)
    assert requests.get(f"{site}/api/v1/heartbeat/{made.url.rsplit('/')[-1]}", timeout=5).status_code == 200
    [found] = BetterStackHeartbeat.get_all_instances(api)
    assert (found.name, found.period, found.grace, found.status) == ("Nightly backup", 86_400, 3_600, "up")
    found.grace = 60
    found.save()
    assert Monitor.objects.get().options["grace"] == 60
    found.delete()
    assert list(BetterStackHeartbeat.get_all_instances(api)) == []


# Listening to ourselves -----------------------------------------------------------------------------------------------
def test_the_web_server_pings_itself_through_its_own_door(site):
    pulse = wait_until(lambda: Pulse.objects.filter(name=ingest.PULSE).first(), 10, what="a sign of life")
    wait_until(lambda: Pulse.objects.get(name=ingest.PULSE).at > pulse.at, 10, what="another one")
