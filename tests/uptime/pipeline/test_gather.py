"""One gathering over the real servers, and what it says while they hang, refuse, or are held up."""

import time
from datetime import timedelta

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils import timezone

from incidents.models import Transition
from monitors.models import ArchivedDay, DeadLetter, Gap, Region, RegionTrouble, RegionWorker, Schedule, State
from monitors.probes.reasons import Reason
from monitors.services import pulses
from tests.helpers import free_port
from tests.monitors.services.cast import make_watched
from tests.uptime.pipeline.cast import black_hole, put_pulse, put_pulses
from uptime import queues
from uptime.celery import app
from uptime.pipeline import broker, gather
from uptime.pipeline.stalled import stalled_since

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.broker]


@pytest.fixture
def running():
    """A pipeline that goes on, with one monitor and one worker."""
    monitor = make_watched(["eu"])
    monitor.extra_slots.all().delete()
    Schedule.objects.update(next_slot_at=timezone.now() + timedelta(hours=1))
    State.objects.update(sweep_at=timezone.now() + timedelta(hours=1))
    put_pulses()
    for name in (pulses.SENT, pulses.STORED):
        put_pulse(name)
    now = timezone.now()
    RegionWorker.objects.create(
        region=Region.objects.get(), name="host:1", started_at=now, heard_at=now, in_band_at=now, version="0.1.0"
    )
    return monitor


def found(key):
    return next(part for part in gather.gather().parts if part.key == key)


def value(key, label):
    return next(figure.value for figure in found(key).figures if figure.label == label)


def test_all_is_well_when_everything_runs(running):
    snapshot = gather.gather()
    assert [(part.key, part.problems) for part in snapshot.parts if part.state != "well"] == []
    assert {part.key for part in snapshot.parts} >= {"beat", "dispatch", "region-eu", "results", "sweep", "database"}


def test_nothing_is_well_before_anything_has_run():
    assert gather.gather().state == "problem"


def test_messages_that_wait_are_counted(running):
    with app.connection_or_acquire() as connection_:
        queue = queues.declare(queues.checks("eu", settings.QUEUE_PREFIX)).bind(connection_.default_channel)
        queue.queue_declare()
        queue.purge()  # of what other tests have left there
        try:
            for _ in range(3):
                app.send_task("probe", args=["x"], queue=queue)
            assert value("region-eu", "Waiting") == 3
        finally:
            queue.purge()


def test_a_dispatch_that_runs_and_leaves_monitors_out_is_noticed(running):
    """O1 of the faults to survive: nothing is sent at all although beat goes on."""
    Schedule.objects.update(next_slot_at=timezone.now() - timedelta(seconds=60))
    part = found("dispatch")
    assert part.state == "problem"
    assert "checks of 1 monitor due since" in part.problems[0].sentence


@pytest.mark.parametrize(
    ("interval", "stored_ago", "up_for", "noticed"),
    [
        (30, 110, 3600, False),
        (30, 160, 3600, True),
        (30, 160, 100, False),  # it has been made or resumed since
        (600, 160, 3600, False),
        (600, 800, 3600, True),
    ],
)
def test_results_that_stay_away_are_noticed(running, interval, stored_ago, up_for, noticed):
    """O1 again, further down: checks are sent and nothing comes back."""
    put_pulse(pulses.STORED, stored_ago)
    type(running).objects.update(interval=interval)
    State.objects.update(since=timezone.now() - timedelta(seconds=up_for))
    assert (found("results").state == "problem") is noticed


def test_a_paused_monitor_owes_no_results(running):
    put_pulse(pulses.STORED, 9999)
    State.objects.update(since=timezone.now() - timedelta(days=1))
    Schedule.objects.update(next_slot_at=None)
    assert found("results").state == "well"


def test_missed_checks_are_counted_and_others_are_not(running):
    now = timezone.now()
    for minutes, reason in ((5, Reason.NOT_DISPATCHED), (5, Reason.LOST), (90, Reason.NOT_DISPATCHED)):
        end = now - timedelta(minutes=minutes)
        Gap.objects.create(monitor=running, start=end - timedelta(minutes=2), end=end, reason=reason)
    assert (value("dispatch", "Missed in the last hour"), found("dispatch").state) == (4, "warning")


def test_the_sweep_tells_what_is_overdue(running):
    State.objects.update(sweep_at=timezone.now() - timedelta(minutes=3))
    assert (value("sweep", "Monitors overdue"), found("sweep").state) == (1, "warning")


def test_a_region_that_is_silent_while_results_flow_is_offline(running):
    RegionWorker.objects.update(
        heard_at=timezone.now() - timedelta(minutes=5), in_band_at=timezone.now() - timedelta(minutes=5)
    )
    assert found("region-eu").state == "problem"


def test_an_open_trouble_of_a_region_is_told(running):
    now, region = timezone.now(), Region.objects.get()
    RegionTrouble.objects.create(region=region, kind="canary", start=now, detail="2 of 3 canaries fail")
    RegionTrouble.objects.create(region=region, kind="skewed", start=now - timedelta(hours=2), end=now)
    [problem] = found("region-eu").problems
    assert "Canaries fail since" in problem.sentence
    assert "2 of 3 canaries fail" in problem.sentence


def test_a_disabled_region_is_not_looked_at(running):
    Region.objects.update(enabled=False)
    assert "region-eu" not in {part.key for part in gather.gather().parts}


def test_outbox_and_dead_letters_are_counted(running):
    now = timezone.now()
    rows = [{}, {"hold_until": now + timedelta(minutes=1)}, {"silent": True}, {"announced_at": now}]
    for place, row in enumerate(rows):
        moment = now - timedelta(seconds=place)
        Transition.objects.create(
            monitor=running, from_status="up", to_status="down", at=moment, decided_at=moment, **row
        )
    DeadLetter.objects.create(error="x", payload="y")
    assert (value("outbox", "Not announced"), value("outbox", "Held back"), value("letters", "Kept")) == (1, 1, 1)


def test_the_archive_is_looked_at_where_there_is_one(running, settings):
    assert "archive" not in {part.key for part in gather.gather().parts}
    settings.ARCHIVE_URL = "/backups"
    now = timezone.now()
    ArchivedDay.objects.create(day=now.date() - timedelta(days=2), at=now)
    ArchivedDay.objects.create(day=now.date() - timedelta(days=1), at=now, error="The disk is full.")
    assert (value("archive", "Days in it"), value("archive", "Days that failed")) == (1, 1)


def test_start_delays_come_from_the_last_checks(running):
    slot = timezone.now() - timedelta(seconds=10)
    State.objects.update(last_slot=slot, last_checked_at=slot + timedelta(milliseconds=250))
    assert value("dispatch", "Start delay (median)") == 250


# Servers that are away, hang, or are held up --------------------------------------------------------------------------
@pytest.fixture
def another_broker(settings, monkeypatch):
    """Points the product at another broker."""

    def point(port):
        url = f"redis://127.0.0.1:{port}/0"
        settings.BROKER_URL = url
        real = app.connection_for_read
        monkeypatch.setattr(app, "connection_for_read", lambda **options: real(url, **options))

    return point


def test_a_broker_that_is_away_is_told_and_the_rest_too(running, another_broker):
    another_broker(free_port())
    snapshot = gather.gather()
    states = {part.key: part.state for part in snapshot.parts}
    assert (states["broker"], states["cache"], states["database"], states["sweep"]) == ("problem", *["well"] * 3)


def test_a_broker_that_hangs_costs_some_seconds(running, another_broker):
    with black_hole() as hole:
        another_broker(hole.port)
        begun = time.monotonic()
        part = found("broker")
        assert time.monotonic() - begun < gather.PATIENCE_S + 4
    assert part.state == "problem"


@pytest.mark.parametrize("hangs", [False, True])
def test_a_database_that_is_away_is_told_and_nothing_else_is_known(running, monkeypatch, hangs):
    with black_hole() as hole:
        params = connection.get_connection_params() | {"host": "127.0.0.1", "port": hole.port if hangs else free_port()}
        monkeypatch.setattr(DatabaseWrapper, "get_connection_params", lambda self: params)
        begun = time.monotonic()
        snapshot = gather.gather()
        assert time.monotonic() - begun < gather.CONNECT_S + 4
    states = {part.key: part.state for part in snapshot.parts}
    assert (states["database"], states["broker"], states["beat"], states["letters"]) == (
        "problem",
        "well",
        "unknown",
        "unknown",
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_held_locked_is_named_and_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(gather, "STATEMENT_MS", 300)
    params = connection.get_connection_params()
    with psycopg.connect(**params) as other:
        other.execute("LOCK TABLE monitors_schedule IN ACCESS EXCLUSIVE MODE")
        states = {part.key: part for part in gather.gather().parts}
    assert "could not be looked at: canceling statement due to" in states["dispatch"].problems[0].sentence
    assert states["database"].state == "well"
    assert states["letters"].state == "well"


def test_no_more_is_asked_once_the_time_is_up(running, monkeypatch):
    monkeypatch.setattr(gather, "BUDGET_S", -1)
    assert "no time left" in found("database").problems[0].sentence


def test_who_may_not_ask_for_memory_still_hears_of_the_queues():
    with redis.from_url(settings.REDIS_URL) as root:
        root.execute_command("ACL", "SETUSER", "modest", "on", ">secret", "~*", "+@all", "-info")
        try:
            with redis.from_url(settings.REDIS_URL, username="modest", password="secret") as client:
                assert broker._memory(client) is None
            assert broker._memory(root).used > 0
        finally:
            root.execute_command("ACL", "DELUSER", "modest")


# Shared by everybody --------------------------------------------------------------------------------------------------
@pytest.fixture
def _nothing_shared():
    cache.delete_many([gather.KEY, gather.LOCK])
    yield
    cache.delete_many([gather.KEY, gather.LOCK])


@pytest.mark.usefixtures("_nothing_shared")
def test_one_gathering_serves_everybody_for_some_seconds(running, monkeypatch):
    first = gather.recent()
    assert gather.recent().at == first.at
    monkeypatch.setattr(gather, "SHARED", timedelta())
    assert gather.recent().at > first.at


@pytest.mark.usefixtures("_nothing_shared")
def test_who_comes_while_another_gathers_gets_the_last_one(running, monkeypatch):
    first = gather.recent()
    monkeypatch.setattr(gather, "SHARED", timedelta())
    cache.add(gather.LOCK, 1, 10)
    assert gather.recent().at == first.at


def test_without_a_cache_everybody_gathers(running, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": f"redis://127.0.0.1:{free_port()}/0"}}
    assert gather.recent().parts


# Whether checks run at all --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dispatch", "results", "stalled"),
    [(None, None, None), (1, 2, None), (29, 29, None), (60, 2, 60), (2, 60, 60), (90, 60, 90), (-60, 2, None)],
)
def test_since_when_checks_have_not_run(dispatch, results, stalled):
    for name, age in (("dispatch", dispatch), ("results", results)):
        if age is not None:
            put_pulse(name, age)
    since = stalled_since()
    assert (since is None) == (stalled is None)
    if since:
        assert abs((timezone.now() - since).total_seconds() - stalled) < 5


def test_nobody_is_alarmed_while_it_cannot_be_told():
    put_pulse("dispatch", 60)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE monitors_pulse RENAME TO gone")
        assert stalled_since() is None
        transaction.set_rollback(True)
    assert stalled_since() is not None


def test_a_gathering_asks_a_bounded_number_of_questions(running, django_assert_max_num_queries):
    with django_assert_max_num_queries(75):  # of which three are the transaction around each question
        gather.gather()
