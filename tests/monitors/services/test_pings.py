"""Taking pings: written down, judged at once, and the same in both ways there are to take them."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents import services as incidents
from incidents.models import Incident, Transition
from monitors.domain.heartbeat import PingKind
from monitors.models import Heartbeat, Monitor, Ping, State, StatusInterval
from monitors.services import edit, pings
from monitors.services.pings import AmbiguousError, Arrival, InactiveError, Key
from tests.factories import make_heartbeat, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SUCCESS, START, FAIL, LOG, IGNORED = PingKind
NOON = timezone.now().replace(microsecond=0)


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def job(alice):
    """Hourly, with ten minutes of grace."""
    return make_heartbeat(team_of(alice), now=NOON - timedelta(days=1))


def minutes(count):
    return NOON + timedelta(minutes=count)


def connected():
    """psycopg's connection, in the test's own transaction."""
    connection.ensure_connection()
    return connection.connection


def ping(job, minute=0, kind=SUCCESS, **fields):
    """Take a ping the way the front door does: by the one statement if that will do, else judged."""
    arrival = Arrival(kind, minutes(minute), **fields)
    key = Key(uuid=Heartbeat.objects.get(pk=job.pk).uuid)
    if pings.put_off(connected(), key, arrival):
        return "put off"
    taken = pings.take(key, arrival)
    incidents.apply(taken.changes)
    return [str(change.after) for change in taken.changes]


def rows(job):
    return Heartbeat.objects.get(pk=job.pk), State.objects.get(pk=job.pk), list(Ping.objects.filter(heartbeat=job.pk))


def test_the_first_ping_is_the_first_good_news_and_nobody_is_told(job):
    assert ping(job) == ["up"]
    heartbeat, state, [first] = rows(job)
    assert (state.status, state.since, state.last_checked_at) == ("up", NOON, NOON)
    assert (heartbeat.due_at, heartbeat.look_at) == (minutes(60), minutes(60))
    assert (first.n, first.kind, first.received_at) == (1, "success", NOON)
    assert Transition.objects.get().silent


def test_a_ping_as_expected_is_one_statement_and_puts_the_next_one_off(job):
    ping(job)
    arrival = Arrival(SUCCESS, minutes(30), "POST", user_agent="curl", body=b"\x00\xff", body_size=9, address="::1")
    assert pings.put_off(connected(), Key(uuid=job.heartbeat.uuid), arrival).team == job.team_id
    heartbeat, state, [second, _] = rows(job)
    assert (heartbeat.pings, heartbeat.last_ping_at, heartbeat.due_at) == (2, minutes(30), minutes(90))
    assert (state.last_checked_at, state.recent) == (minutes(30), [0, 0])
    assert (second.n, bytes(second.body), second.body_size) == (2, b"\x00\xff", 9)
    assert (second.user_agent, second.address, second.method) == ("curl", "::1", "POST")


def stored(row):
    """What a row says, but for what is its own."""
    own = {"monitor_id", "heartbeat_id", "uuid", "token", "last_decided", "judged_until", "accounted_until"}
    return {name: value for name, value in vars(row).items() if name[0] != "_" and name not in own}


def test_both_ways_leave_the_same_behind(alice):
    """What the one statement writes is what judging would have written."""
    told = {"duration_ms": 1_234.0, "exit_code": 0, "run": str(uuid.uuid4()), "method": "POST", "body": b"fine"}
    left = []
    for quick in (True, False):
        job = make_heartbeat(team_of(alice), now=NOON - timedelta(days=1), name=f"Job {quick}")
        ping(job)
        key, arrival = Key(token=job.heartbeat.token), Arrival(SUCCESS, minutes(5), body_size=4, **told)
        assert pings.put_off(connected(), key, arrival) if quick else pings.take(key, arrival)
        heartbeat, state, log = rows(job)
        left.append([stored(each) for each in (heartbeat, state, *log)])
    assert left[0] == left[1]


def test_the_bars_stay_as_many_as_they_are_shown(job):
    for minute in range(State.RECENT + 5):
        ping(job, minute, duration_ms=float(minute))
    assert rows(job)[1].recent == list(range(5, State.RECENT + 5))


SLOW = {
    "a start": {"kind": START},
    "a failure": {"kind": FAIL},
    "a log": {"kind": LOG},
    "when it is late": {"minute": 61},
    "after a later one": {"minute": -1},
}


@pytest.mark.parametrize("told", SLOW.values(), ids=SLOW)
def test_is_judged(job, told):
    ping(job)
    assert ping(job, **{"minute": 1, **told}) != "put off"
    assert Ping.objects.count() == 2


RULES = {
    "only POST counts": {"post_only": True},
    "words": {"success_words": "ok"},
    "an expression": {"schedule": "cron", "expression": "*/5 * * * *"},
}


@pytest.mark.parametrize("options", RULES.values(), ids=RULES)
def test_a_heartbeat_with_rules_is_judged_by_every_ping(alice, options):
    job = make_heartbeat(team_of(alice), options=options)
    ping(job, method="POST", body=b"ok")
    assert ping(job, 1, method="POST", body=b"ok") == []


def test_a_failure_is_down_at_once_with_an_incident_that_says_so(job):
    ping(job)
    assert ping(job, 5, FAIL, exit_code=3) == ["down"]
    incident = Incident.objects.get()
    assert (incident.cause, incident.summary) == ("job_failed", "The job said it failed: exit code 3")
    assert incident.timeline.get().text == "The job said it failed: exit code 3"
    assert rows(job)[1].recent == [0, -1]


def test_the_next_success_resolves_it_and_both_are_in_its_uptime(job):
    ping(job)
    ping(job, 5, FAIL)
    assert ping(job, 8) == ["up"]
    incident = Incident.objects.get()
    assert (incident.resolved_at, incident.resolution) == (minutes(8), "recovered")
    stretches = StatusInterval.objects.filter(monitor=job).order_by("start")
    assert [each.status for each in stretches] == ["pending", "up", "down", "up"]
    assert rows(job)[1].recent == [0, -1, 0]


def test_a_ping_that_comes_too_late_says_since_when_it_was_down(job):
    """The judge may have been away: what it would have said is said now."""
    ping(job)
    assert ping(job, 90) == ["down", "up"]
    incident = Incident.objects.get()
    assert (incident.started_at, incident.resolved_at) == (minutes(70), minutes(90))


def test_from_start_to_success_is_the_duration_by_run(job):
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    ping(job)
    ping(job, 1, START, run=first)
    ping(job, 2, START, run=second)
    ping(job, 4, run=second)
    ping(job, 5, FAIL, run=first)
    log = {each.n: each.duration_ms for each in Ping.objects.all()}
    assert log == {1: None, 2: None, 3: None, 4: 120_000.0, 5: 240_000.0}
    assert rows(job)[1].last_response_ms == 240_000.0


def test_a_log_is_written_down_and_puts_nothing_off(job):
    ping(job)
    ping(job, 30, LOG, body=b"halfway")
    heartbeat, _, [newest, _] = rows(job)
    assert heartbeat.due_at == minutes(60)
    assert (newest.kind, newest.text) == ("log", "halfway")


def test_what_the_rules_do_not_count_is_written_down_as_ignored(alice):
    job = make_heartbeat(team_of(alice), options={"post_only": True})
    assert ping(job, method="GET") == []
    _, state, [only] = rows(job)
    assert (state.status, only.kind, state.last_checked_at) == ("pending", "ignored", None)


# Which one ------------------------------------------------------------------------------------------------------------
def test_it_is_found_by_the_key_of_its_team_and_its_short_name(job):
    assert pings.take(Key(ping_key=job.team.ping_key, slug=job.target), Arrival(SUCCESS, NOON))
    assert pings.take(Key(token=job.heartbeat.token), Arrival(SUCCESS, NOON))
    assert Ping.objects.count() == 2


def test_two_of_the_same_short_name_are_ambiguous(job):
    make_heartbeat(job.team, target=job.target)
    with pytest.raises(AmbiguousError):
        pings.take(Key(ping_key=job.team.ping_key, slug=job.target), Arrival(SUCCESS, NOON))


def test_what_is_deleted_or_unknown_does_not_exist(job):
    keys = [Key(uuid=job.heartbeat.uuid), Key(token=job.heartbeat.token)]
    keys += [Key(ping_key=job.team.ping_key, slug=job.target)]
    edit.delete(job)
    for key in [*keys, Key(uuid=uuid.uuid4()), Key(token="nobody"), Key(ping_key="none", slug=job.target)]:
        assert pings.take(key, Arrival(SUCCESS, NOON)) is None
    assert Ping.objects.count() == 0


def test_what_is_deleted_is_asked_for_in_no_other_way_than_what_never_was(job):
    """Nobody learns from the time of an answer that there was such a heartbeat."""
    known, never = Key(uuid=job.heartbeat.uuid), Key(uuid=uuid.uuid4())
    edit.delete(job)
    asked = []
    for key in (known, never):
        with CaptureQueriesContext(connection) as queries:
            assert pings.take(key, Arrival(SUCCESS, NOON)) is None
        asked.append([each["sql"].replace(str(key.uuid), "…").replace(key.uuid.hex, "…") for each in queries])
    assert asked[0] == asked[1]


# Paused ---------------------------------------------------------------------------------------------------------------
def test_what_is_paused_stays_so_and_its_pings_are_kept(job):
    ping(job)
    edit.pause(job)
    assert ping(job, 5) == []
    _, state, [newest, _] = rows(job)
    assert (state.status, newest.kind) == ("paused", "ignored")


def test_a_ping_ends_a_pause_where_that_was_asked_for(alice):
    job = make_heartbeat(team_of(alice), options={"manual_resume": False})
    ping(job)
    edit.pause(job)
    assert ping(job, 5, LOG) == []
    assert ping(job, 6) == ["pending", "up"]
    assert not Monitor.objects.get(pk=job.pk).paused


def test_a_push_to_what_is_paused_is_refused(job):
    edit.pause(job)
    with pytest.raises(InactiveError), transaction.atomic():
        pings.take(Key(token=job.heartbeat.token), Arrival(SUCCESS, NOON), resumes=False)
