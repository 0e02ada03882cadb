"""Beat's tasks, and a worker of a region, on a real broker: from a due slot to a tick."""

import psycopg
import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from monitors.models import (
    DayRollup,
    FiveMinuteRollup,
    HourRollup,
    Pulse,
    Region,
    RegionTrouble,
    RegionWorker,
    RolledUp,
    Round,
    State,
    Tick,
)
from monitors.probes.reasons import Reason
from monitors.queries_tests import progress
from monitors.services import edit, partitions, pulses, regions
from monitors.services.record import Recorded
from monitors.services.testruns import Trial
from monitors.times import from_ms
from tests.factories import make_region, make_user, team_of
from tests.helpers import connection_params, empty_queues, wait_until
from tests.monitors.services.cast import make_watched, state_of
from tests.servers import Target, answer
from uptime import actions, queues, tasks
from uptime.celery import CONTROL, PERIODIC, app, beat_entries
from uptime.lib.crypto import SealError, key_bytes, new_key, unseal
from uptime.results import app as results_app

LEVELS = (FiveMinuteRollup, HourRollup, DayRollup)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.broker, pytest.mark.database]


def pull(queue):
    """The next message of a queue, taken off it."""
    with app.connection_or_acquire() as connection:
        found = queues.declare(queue).bind(connection.default_channel)
        found.queue_declare()
        return found.get(no_ack=True)


@pytest.fixture(autouse=True)
def _empty_queues():
    empty_queues("checks.eu", queues.RESULTS, queues.CONTROL)


def beside():
    """Another connection to the database."""
    return psycopg.connect(**connection_params())


def make_real_region_key():
    Region.objects.update(key=new_key())


def test_dispatch_seals_checks_for_their_region():
    monitor = make_watched(interval=3600, secrets={"headers": [{"name": "Authorization", "value": "planted"}]})
    make_real_region_key()
    tasks.dispatch()
    message = pull(queues.checks("eu", settings.QUEUE_PREFIX))
    assert b"planted" not in message.body if isinstance(message.body, bytes) else "planted" not in message.body
    assert "planted" not in str(message.headers)
    _, wires = unseal(key_bytes(Region.objects.get().key), "checks", "eu", message.decode()[0][0])
    assert wires[0][0] == monitor.pk


def test_dispatch_counts_what_it_has_sent():
    make_watched(interval=3600)
    make_real_region_key()
    tasks.dispatch()
    tasks.dispatch()  # there is nothing more to send
    assert Pulse.objects.get(name=pulses.SENT).done == 1


def test_a_region_with_a_long_queue_is_not_fed():
    make_watched(interval=3600)
    make_real_region_key()
    for _ in range(queues.BACKLOG + 1):
        tasks.publish_checks(Region.objects.get(), [])
        app.send_task("probe", args=["x"], queue=queues.declare(queues.checks("eu", settings.QUEUE_PREFIX)))
    tasks.dispatch()
    assert Tick.objects.get().reason == "region_offline"


def test_nothing_is_sent_while_results_pile_up(monkeypatch):
    monkeypatch.setattr(tasks, "RESULTS_BACKLOG", 3)
    make_watched(interval=3600)
    make_real_region_key()
    for _ in range(4):
        tasks.beacon()
    tasks.dispatch()
    assert pull(queues.checks("eu", settings.QUEUE_PREFIX)) is None
    assert Tick.objects.get().reason == "not_dispatched"


def test_an_offline_region_is_not_fed():
    make_watched(interval=3600)
    now = timezone.now()
    Pulse.objects.create(name=regions.RESULTS_PULSE, at=now, since=now - timezone.timedelta(minutes=5))
    tasks.dispatch()
    assert pull(queues.checks("eu", settings.QUEUE_PREFIX)) is None
    assert Tick.objects.get().reason == "region_offline"


def test_every_periodic_entry_goes_to_a_queue_somebody_consumes():
    done = {entry.task for entry in (*beat_entries(), *PERIODIC)}
    assert done == {name for name in app.tasks if name.startswith("uptime.")}
    assert {entry.queue for entry in beat_entries()} <= {queue.name for queue in app.conf.task_queues}
    assert app.amqp.router.route({}, "uptime.dispatch")["queue"].name == CONTROL


def test_a_region_worker_needs_only_the_broker_and_its_key(worker_process):
    """From a due slot through a worker process without database to a stored tick and a sign of life."""
    with Target() as website:
        website.does(answer(200))
        make_watched(interval=3600, target=f"{website.url}/")
        make_real_region_key()
        with (
            worker_process("eu", Region.objects.get().key),
            start_worker(results_app, pool="solo", perform_ping_check=False, shutdown_timeout=20),
        ):
            wait_until(RegionWorker.objects.exists)
            tasks.dispatch()
            assert wait_until(Tick.objects.first).vote == "up"


def test_what_is_tried_out_goes_through_a_region_worker_and_is_no_tick(worker_process):
    """From typed settings, secrets included, through a worker's own engine to an answer of a test."""
    with Target() as website:
        website.does(answer(404))
        user, region = make_user("alice"), make_region("eu", key=new_key())
        options = {"headers": [{"name": "X-Key", "value": "planted"}], "expected_status": "200"}
        trials = [
            Trial("http", f"{website.url}/", 5_000, options),
            Trial("tcp", website.url.removeprefix("http://"), 5_000),
        ]
        with (
            worker_process("eu", region.key),
            start_worker(results_app, pool="solo", perform_ping_check=False, shutdown_timeout=20),
        ):
            wait_until(RegionWorker.objects.exists)
            run = actions.try_out(team_of(user), user, trials, [region])
            seen = wait_until(lambda: (found := progress(run)).over and found, 30)
        assert website.requests[0].headers["x-key"] == "planted"
    http, tcp = (tried.results[0] for tried in seen.tried)
    assert (http.state, http.outcome.status_code, http.outcome.reason) == ("down", 404, Reason.STATUS)
    assert http.bars[0].phase == "connect"
    assert tcp.state == "up"
    assert not Tick.objects.exists()
    assert not Pulse.objects.filter(name=pulses.STORED).exists()


def test_what_is_tried_out_travels_sealed_and_apart():
    user, region = make_user("alice"), make_region("eu", key=new_key())
    trial = Trial("http", "http://shop.example/", 5_000, {"headers": [{"name": "X-Key", "value": "planted"}]})
    run = actions.try_out(team_of(user), user, [trial], [region])
    message = pull(queues.checks("eu", settings.QUEUE_PREFIX))
    assert "planted" not in f"{message.body}{message.headers}"
    [sealed] = message.decode()[0]
    with pytest.raises(SealError):
        unseal(key_bytes(region.key), "checks", "eu", sealed)
    _, [wire] = unseal(key_bytes(region.key), "tests", "eu", sealed)
    assert (wire[0], wire[2]) == (run.pk, 0)


def test_a_region_that_is_fooled_by_a_canary_loses_its_vote(worker_process):
    """From CANARY_URLS through a worker and its sign of life to a round in which its vote does not count."""
    with Target() as website:
        website.does(answer(200))
        make_watched(interval=3600, target=f"{website.url}/", confirm=1)
        make_real_region_key()
        with (
            worker_process("eu", Region.objects.get().key, CANARY_URLS=f"!{website.url}/ {website.url}/up"),
            start_worker(results_app, pool="solo", perform_ping_check=False, shutdown_timeout=20),
        ):
            seen = wait_until(lambda: RegionWorker.objects.filter(canaries__0__wrong=1).first(), 30)
            assert [(each["known_up"], each["vote"]) for each in seen.canaries] == [(False, "up"), (True, "up")]
            tasks.beacon()
            tasks.watch_regions()
            assert RegionTrouble.objects.get().detail == f"{website.url}/, known to be down, seems up from there"
            tasks.dispatch()
            assert Round.objects.get().eligible == []
            assert wait_until(Tick.objects.first, 30).vote == "up"  # it is asked all the same


def test_the_clock_of_a_worker_is_judged_while_the_results_flow(worker_process):
    make_watched(interval=3600)
    make_real_region_key()
    with (
        worker_process("eu", Region.objects.get().key),
        start_worker(results_app, pool="solo", perform_ping_check=False, shutdown_timeout=20),
    ):

        def clock():
            tasks.beacon()
            return RegionWorker.objects.filter(clock_ms__isnull=False).first()

        assert abs(wait_until(clock, 30, every=0.5).clock_ms) < 1_000


def test_two_workers_of_a_region_share_the_load(worker_process):
    with Target() as website:
        website.does(answer(200))
        monitor = make_watched(interval=3600, target=f"{website.url}/")
        make_real_region_key()
        key = Region.objects.get().key
        with (
            worker_process("eu", key),
            worker_process("eu", key),
            start_worker(results_app, pool="solo", perform_ping_check=False, shutdown_timeout=20),
        ):
            wait_until(lambda: RegionWorker.objects.count() == 2, 30)
            tasks.dispatch()
            wait_until(Tick.objects.exists)
    assert Tick.objects.filter(monitor=monitor).count() == 1


def test_a_job_that_is_under_way_is_not_begun_a_second_time():
    monitor = make_watched()
    State.objects.update(sweep_at=from_ms(0))
    with beside() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('sweep'))")
        tasks.sweep()
        assert state_of(monitor).sweep_at == from_ms(0)
        other.rollback()
    tasks.sweep()
    assert state_of(monitor).sweep_at > timezone.now()


def test_what_has_piled_up_is_left_to_the_next_run_after_a_while(monkeypatch):
    clock, looked = iter([0.0, 0.5, 1.0, 1.5, tasks.TURN_S]), []  # when it begins, and before each look
    monkeypatch.setattr(tasks, "monotonic", lambda: next(clock))

    def endless(now):
        looked.append(now)
        return Recorded(), True

    tasks._judge_in_turn("endless", endless)
    assert len(looked) == 3
    assert len(set(looked)) == 1


def test_monitors_whose_results_are_being_stored_are_swept_another_time():
    held = make_watched()
    free = edit.create(held.team, None, {"name": "Other", "target": "https://example.org/", "interval": 30})
    State.objects.update(sweep_at=from_ms(0))
    with beside() as other:
        other.execute("SELECT 1 FROM monitors_state WHERE monitor_id = %s FOR UPDATE", [held.pk])
        tasks.sweep()
        assert (state_of(held).sweep_at, state_of(free).sweep_at > timezone.now()) == (from_ms(0), True)
        other.rollback()


def test_pruning_ends_with_sessions_that_are_over():
    over, now = timezone.now() - timezone.timedelta(days=1), timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=over)
    Session.objects.create(session_key="new", session_data="", expire_date=now + timezone.timedelta(days=1))
    tasks.prune()
    assert [session.session_key for session in Session.objects.all()] == ["new"]


def test_rolling_up_and_pruning_keep_each_level_as_long_as_its_setting_says(settings):
    settings.TICK_RETENTION_DAYS, settings.FIVE_MINUTE_RETENTION_DAYS = 5, 20
    settings.HOUR_RETENTION_DAYS, settings.DAY_RETENTION_DAYS = 60, 90
    monitor, now = make_watched(), timezone.now()
    region, hour = monitor.regions.get(), now.replace(minute=0, second=0, microsecond=0)
    for model, days in ((FiveMinuteRollup, (10, 25)), (HourRollup, (59, 61)), (DayRollup, (89, 91))):
        for age in days:
            start = hour - timezone.timedelta(days=age)
            partitions.ensure_partitions(start.date(), ahead=0)
            model.objects.create(monitor=monitor, region=region, start=start, up=1, down=0, nodata=0)
    lately = hour - timezone.timedelta(hours=2)
    Tick.objects.create(monitor=monitor, region=region, slot=lately, vote="up", config_version=1, response_ms=5)
    RolledUp.objects.create(monitor=monitor, until=lately)
    tasks.roll_up()
    tasks.make_partitions()
    tasks.prune()
    old = [[(now - row.start).days for row in model.objects.filter(start__lt=lately)] for model in LEVELS]
    assert [[age for age in ages if age > 1] for ages in old] == [[10], [59], [89]]
    assert HourRollup.objects.filter(start=lately, up=1, high=5).exists()
