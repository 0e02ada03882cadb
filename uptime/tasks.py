"""The central tasks, in the order data flows; each loads, calls one service, and hands on. All may run twice."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections, transaction
from django.utils import timezone

from alerts.services import channels, delivery, planning
from incidents import brake, expiry, flapping, maintaining
from incidents import services as incidents
from monitors import live
from monitors.models import DayRollup, HourRollup, Region
from monitors.models.levels import FIVES
from monitors.probes.base import Check
from monitors.probes.reasons import Reason
from monitors.services import (
    archive,
    edit,
    evidence,
    groups,
    health,
    heartbeats,
    partitions,
    pulses,
    regions,
    retention,
    rollups,
    testruns,
)
from monitors.services.dispatch import claim_due
from monitors.services.record import Recorded
from monitors.services.sweep import sweep as sweep_monitors
from monitors.times import now_ms
from uptime import pulses as marking
from uptime import queues, testwire
from uptime.celery import EVERY_SECOND, PERIODIC, WORK, Entry, app, periodic
from uptime.heartbeat import EVERY_S
from uptime.heartbeat import send as send_heartbeat
from uptime.lib.crypto import key_bytes, seal
from uptime.lib.sql import alone

logger = logging.getLogger(__name__)

BATCH = 200  # checks in one message
RESULTS_BACKLOG = 2_000  # waiting results from which on nothing is sent: they would only fill the broker up
TURN_S = 2.0  # how long a job that comes every second may go on with what has piled up
PURGE_AFTER = timedelta(hours=1)  # how long a deletion can be undone


@periodic(every=1)
def dispatch() -> None:
    """Send the checks of the coming second to their regions."""
    sent = claim_due(now_ms(), silent_regions(), publish_checks, health.doubted())
    if sent:
        pulses.mark(pulses.SENT, sent)


@periodic(every=1)
def sweep() -> None:
    """Account for slots whose results are overdue."""
    _judge_in_turn("sweep", sweep_monitors)


@periodic(every=1)
def judge_heartbeats() -> None:
    """Look at the heartbeats whose ping is due."""
    _judge_in_turn("heartbeats", heartbeats.judge)


@periodic(every=1)
def judge_groups() -> None:
    """Look at the groups that are not what their members make them, such as those just made."""
    with transaction.atomic():
        done = groups.judge(timezone.now())
        incidents.apply(done.changes)
    live.bump(done.teams)


@periodic(every=1)
def maintain() -> None:
    """Bring monitors into maintenance, and out of it."""
    maintaining.review(timezone.now())


@periodic(every=2)
def beacon() -> None:
    """Send ourselves a word through the results queue, which tells when what was queued before it has been stored."""
    sealed = seal(regions.centre_key(), "beacon", "", now_ms(), None)
    app.send_task("record", args=["", sealed], queue=_results_queue(), argsrepr="<beacon>")


@periodic(every=1)
def announce() -> None:
    """Write down who must hear of what has happened, and have it sent at once."""
    if planning.announce(timezone.now()):
        deliver.apply_async()


@periodic(every=1, queue=WORK)
def deliver() -> None:
    """Send the messages that are due; the threads that do outlast this task."""
    delivery.deliver()


@periodic(every=60, queue=WORK)
def roll_up() -> None:
    """Roll up what is complete by now; a backlog piece by piece, at most a minute at a time."""
    started = timezone.now()
    while rollups.roll_up(started) and timezone.now() - started < timedelta(seconds=50):
        pass


@periodic(every=5)
def watch_regions() -> None:
    """See which regions are to be believed, and what becomes of the alerts that wait for that."""
    live.bump(health.watch(timezone.now()))
    brake.review(timezone.now())


@periodic(every=5)
def settle() -> None:
    """See what has been going down and coming up, and is steady again."""
    live.bump(flapping.settle(timezone.now()))


@periodic(every=EVERY_S, queue=WORK)
def heartbeat() -> None:
    """Tell somebody outside that we are alive and well, or why not."""
    send_heartbeat()


@periodic(every=3600, queue=WORK)
def watch_expiry() -> None:
    """See whose certificate or domain has come nearer to its end, as time alone brings it."""
    live.bump(expiry.watch(timezone.now()))


@periodic(every=3600, queue=WORK)
def make_partitions() -> None:
    """Make next week's partitions of the large tables; archive ticks and drop what is older than the retention."""
    today = timezone.now().date()
    partitions.ensure_partitions(today)
    partitions.drop_partitions(today - timedelta(days=settings.FIVE_MINUTE_RETENTION_DAYS), FIVES.table)
    archive.retire(today - timedelta(days=settings.TICK_RETENTION_DAYS))


@periodic(every=600, queue=WORK)
def prune() -> None:
    """Remove what is older than the ticks it belongs to, roll-ups and pings too old to be shown, ended sessions, and
    expired tests."""
    now = timezone.now()
    SessionStore.clear_expired()
    retention.prune(now - timedelta(days=settings.TICK_RETENTION_DAYS))
    while evidence.prune(now - timedelta(days=settings.TICK_RETENTION_DAYS)):
        pass
    retention.prune_rollups(HourRollup, now - timedelta(days=settings.HOUR_RETENTION_DAYS))
    retention.prune_rollups(DayRollup, now - timedelta(days=settings.DAY_RETENTION_DAYS))
    while retention.cut_logs(settings.PING_LOG_SIZE):
        pass
    while testruns.prune(now):
        pass
    while channels.prune(now):
        pass


@periodic(every=300, queue=WORK)
def purge() -> None:
    """Remove for good what was deleted more than an hour ago."""
    edit.purge(timezone.now() - PURGE_AFTER)


@app.task(name=EVERY_SECOND, expires=2, shared=False)
def every_second() -> None:
    """All jobs of every second on `control`, one after the other.

    One that fails keeps none of the others from its turn; one that takes longer does so beside the next second's run.
    """
    _try("writing down what was done", marking.write)
    for entry in PERIODIC:
        if entry.shares:
            _try(entry.task, partial(_do, entry))
    _try("writing down what was done", marking.write)


def _do(entry: Entry) -> None:
    begun = monotonic()
    app.tasks[entry.task]()
    marking.succeeded(entry, begun)


def _try(what: str, do: Callable[[], None]) -> None:
    try:
        do()
    except Exception:
        logger.exception("%s failed", what)
        close_old_connections()  # what is broken is not handed on to the next one


def _judge_in_turn(what: str, judge: Callable[[datetime], tuple[Recorded, bool]]) -> None:
    """Judge what is due, some hundred in each transaction, and leave what takes too long to the next second's run.

    Only one run at a time, wherever it runs: with thousands due there would be several, each waiting for the other's
    locks, and no thread left for dispatch, whose slots would be missed and be due here in their turn.
    """
    # `now` stays what it was at the start: what is put off until later is not looked at again in this run.
    more, now, until = True, timezone.now(), monotonic() + TURN_S
    while more and monotonic() < until:
        with transaction.atomic():
            if not alone(what):
                return
            done, more = judge(now)
            incidents.apply(done.changes)
        live.bump(done.teams)


def publish_checks(region: Region, checks: list[Check]) -> None:
    """Seal checks for their region and put them on its queue, some hundred to a message.

    Raises kombu's OperationalError when the broker is away: the claim is then rolled back.
    """
    _publish(region, checks, "probe", "checks")


def publish_tests(region: Region, checks: list[Check]) -> None:
    """Likewise what somebody tries out, which a worker answers apart."""
    _publish(region, checks, "test", testwire.PURPOSE)


def _publish(region: Region, checks: list[Check], task: str, purpose: str) -> None:
    queue = queues.declare(queues.checks(region.slug, settings.QUEUE_PREFIX))
    key, now = key_bytes(region.key), now_ms()
    for start in range(0, len(checks), BATCH):
        wire = [check.to_wire() for check in checks[start : start + BATCH]]
        sealed = seal(key, purpose, region.slug, now, wire)
        # The arguments hold people's credentials, if sealed: they stay out of headers and logs.
        app.send_task(task, args=[sealed], queue=queue, argsrepr=f"<{len(wire)} checks>")


def silent_regions() -> dict[int, Reason]:
    """The regions that are not fed, and why.

    Nobody has heard of them, or they have more waiting than they can do, or what they send is not being stored.
    """
    enabled = Region.objects.filter(enabled=True).values_list("pk", "slug")
    feeding = {pk: queues.checks(slug, settings.QUEUE_PREFIX) for pk, slug in enabled}
    results = queues.name(queues.RESULTS, settings.QUEUE_PREFIX)
    with app.connection_or_acquire() as connection:
        waiting = queues.waiting(connection.default_channel, results, *feeding.values())
    if waiting[results] > RESULTS_BACKLOG:
        return dict.fromkeys(feeding, Reason.NOT_DISPATCHED)
    full = (pk for pk, queue in feeding.items() if waiting[queue] > queues.BACKLOG)
    return dict.fromkeys((*regions.hearing().offline, *full), Reason.REGION_OFFLINE)


def _results_queue():
    return queues.declare(queues.name(queues.RESULTS, settings.QUEUE_PREFIX))
