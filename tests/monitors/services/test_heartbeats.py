"""The life of a heartbeat, and what becomes due with nobody pinging."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.heartbeat import PingKind
from monitors.models import ExtraSlot, Heartbeat, IngestGap, Monitor, Ping, Pulse, Schedule, State, StatusInterval
from monitors.services import edit, heartbeats, ingest, pings, retention
from monitors.services.pings import Arrival, Key
from monitors.services.sweep import sweep
from monitors.times import now_ms
from tests.factories import make_heartbeat, make_region, make_user, team_of
from tests.monitors.services.cast import claimed

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOON = timezone.now().replace(microsecond=0)
SETTLE = heartbeats.SETTLE


@pytest.fixture
def job():
    """Hourly, with ten minutes of grace; it pinged at noon."""
    job = make_heartbeat(team_of(make_user("alice")), now=NOON - timedelta(days=1))
    ping(job)
    return job


def minutes(count):
    return NOON + timedelta(minutes=count)


def ping(job, minute=0, kind=PingKind.SUCCESS):
    taken = pings.take(Key(uuid=Heartbeat.objects.get(pk=job.pk).uuid), Arrival(kind, minutes(minute)))
    incidents.apply(taken.changes)
    return taken


def judge(minute):
    """What the judge finds, once pings of that minute have had their time to arrive."""
    done, more = heartbeats.judge(minutes(minute) + SETTLE)
    assert not more
    incidents.apply(done.changes)
    return [(str(change.after), change.at) for change in done.changes]


def state_of(job):
    return State.objects.get(pk=job.pk)


# Judging --------------------------------------------------------------------------------------------------------------
def test_nothing_is_looked_at_before_it_is_due(job, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert judge(59) == []


def test_it_is_late_and_then_down_with_its_incident(job):
    assert judge(60) == []
    assert state_of(job).late
    assert state_of(job).status == "up"
    assert judge(70) == [("down", minutes(70))]
    state, incident = state_of(job), Incident.objects.get()
    assert (state.status, state.late, state.last_reason) == ("down", False, "no_ping")
    assert state.recent == [0, -1]
    assert incident.started_at == minutes(70)
    assert incident.summary.startswith("No ping since ")
    assert incident.summary.endswith(" and had 10 min of grace")
    assert judge(500) == []


def test_a_ping_on_its_way_into_the_table_is_waited_for(job):
    done, _ = heartbeats.judge(minutes(70) + SETTLE - timedelta(milliseconds=1))
    assert done.changes == []


def test_what_was_late_is_so_no_more_once_it_pings(job):
    judge(60)
    ping(job, 65)
    assert not state_of(job).late
    assert judge(70) == []


def test_a_run_that_does_not_end_is_down(job):
    ping(job, 10, PingKind.START)
    assert judge(20) == [("down", minutes(20))]
    assert Incident.objects.get().cause == "not_finished"


def test_the_teams_to_be_told_are_those_of_what_was_looked_at(job):
    done, _ = heartbeats.judge(minutes(60) + SETTLE)
    assert done.teams == {job.team_id}


def test_many_are_judged_a_piece_at_a_time(job):
    other = make_heartbeat(job.team, name="Other", target="other")
    ping(other)
    assert heartbeats.judge(minutes(90), most=1)[1]
    assert [heartbeats.judge(minutes(90), most=1)[1] for _ in range(2)] == [True, False]
    assert set(State.objects.values_list("status", flat=True)) == {"down"}


# Our own outages ------------------------------------------------------------------------------------------------------
def test_pings_to_ourselves_leave_no_gap_while_they_come(job):
    for second in range(0, 60, 2):
        ingest.alive(NOON + timedelta(seconds=second))
    assert not IngestGap.objects.exists()
    assert Pulse.objects.get(name=ingest.PULSE).since == NOON


def test_where_they_break_off_there_is_a_gap():
    ingest.alive(NOON)
    ingest.alive(minutes(5))
    gap = IngestGap.objects.get()
    assert (gap.start, gap.end) == (NOON, minutes(5))
    assert Pulse.objects.get(name=ingest.PULSE).since == minutes(5)


@pytest.mark.parametrize(("starting", "gaps"), [(False, 0), (True, 1)])
def test_a_restart_is_a_gap_sooner(starting, gaps):
    ingest.alive(NOON)
    ingest.alive(NOON + timedelta(seconds=4), starting=starting)
    assert IngestGap.objects.count() == gaps


def test_an_older_sign_of_life_takes_nothing_back():
    ingest.alive(minutes(1))
    ingest.alive(NOON)
    assert Pulse.objects.get(name=ingest.PULSE).at == minutes(1)
    assert not IngestGap.objects.exists()


def test_nobody_goes_down_for_a_ping_that_we_could_not_take(job):
    IngestGap.objects.create(start=minutes(59), end=minutes(62))
    for minute in range(60, 122, 5):
        assert judge(minute) == []
    assert judge(132) == [("down", minutes(62 + 60 + 10))]


def test_nobody_goes_down_while_we_cannot_take_pings(job):
    Pulse.objects.create(name=ingest.PULSE, at=minutes(59), since=NOON)
    for minute in range(60, 600, 50):
        assert judge(minute) == []
    assert not state_of(job).late


def test_the_first_ping_after_an_outage_is_no_late_one(job):
    """It arrives before we have noticed ourselves that we are back."""
    Pulse.objects.create(name=ingest.PULSE, at=minutes(59), since=NOON)
    assert ping(job, 200).changes == []


# Its life -------------------------------------------------------------------------------------------------------------
def test_it_is_pending_and_never_checked_until_it_pings():
    make_region("eu")
    job = make_heartbeat(team_of(make_user("alice")))
    assert (state_of(job).status, state_of(job).sweep_at) == ("pending", None)
    assert Schedule.objects.get(pk=job.pk).next_slot_at is None
    assert not job.regions.exists()
    assert not ExtraSlot.objects.exists()
    assert not edit.check_now(job)
    assert claimed(now_ms() + 10_000_000) == []
    assert sweep(timezone.now() + timedelta(days=3))[0].changes == []
    assert judge(100_000) == []


def test_while_it_is_paused_nothing_is_expected(job):
    edit.pause(job)
    assert judge(500) == []
    assert state_of(job).status == "paused"
    edit.resume(job)
    assert (state_of(job).status, judge(5_000)) == ("pending", [])
    assert ping(job, 5_001).changes[0].after == "up"


def test_a_pause_resolves_its_incident(job):
    judge(70)
    incidents.apply([edit.pause(job)])
    assert Incident.objects.get().resolution == "paused"


def test_deleted_and_brought_back_it_waits_for_its_next_ping(job):
    judge(60)
    edit.delete(job)
    assert not state_of(job).late
    assert judge(500) == []
    edit.restore(job)
    assert state_of(job).status == "pending"
    assert not job.regions.exists()


def test_with_a_new_period_a_new_time_begins(job):
    """What it is asked for now, it could not know before."""
    options = {**job.options, "period": 60, "grace": 0}
    assert edit.change(job, {"options": options})
    heartbeat = Heartbeat.objects.get(pk=job.pk)
    assert heartbeat.due_at - heartbeat.expected_from == timedelta(seconds=60)
    assert heartbeat.expected_from > NOON
    assert (heartbeat.quick_period, heartbeat.quick_grace) == (60, 0)
    assert state_of(job).status == "up"


def test_another_name_changes_nothing_of_what_is_expected(job):
    before = Heartbeat.objects.get(pk=job.pk).due_at
    assert not edit.change(job, {"name": "Nightly"})
    assert Heartbeat.objects.get(pk=job.pk).due_at == before


def test_it_leaves_with_its_log(job):
    edit.delete(job)
    assert edit.purge(timezone.now() + timedelta(hours=1)) == 1
    for model in (Monitor, Heartbeat, Ping, State, StatusInterval):
        assert not model.objects.exists(), model


def test_the_log_is_cut_to_its_newest(job):
    other = make_heartbeat(job.team, name="Other", target="other")
    ping(other)
    for minute in range(1, 10):
        ping(job, minute)
    assert not retention.cut_logs(keep=4)
    assert sorted(Ping.objects.filter(heartbeat=job.pk).values_list("n", flat=True)) == [7, 8, 9, 10]
    assert Ping.objects.filter(heartbeat=other.pk).count() == 1


def test_gaps_are_kept_longer_than_any_period():
    IngestGap.objects.create(start=minutes(0), end=minutes(1))
    retention.prune(minutes(0) + timedelta(days=399))
    assert IngestGap.objects.exists()
    retention.prune(minutes(2) + timedelta(days=400))
    assert not IngestGap.objects.exists()
