"""Removing what is too old to be looked at, a bounded piece at a time."""

from datetime import datetime

from django.db import connection
from django.db.models import Min

from monitors.models import Bucket, DayRollup, DeadLetter, Gap, HourRollup, IngestGap, Pace, RegionTrouble, Round
from monitors.services.ingest import KEEP

PIECE = 10_000  # rows in one statement: short locks, and a job that was behind catches up over some runs


_CUT_LOGS = """
DELETE FROM monitors_ping WHERE (heartbeat_id, n) IN (
    SELECT heartbeat_id, n FROM monitors_heartbeat JOIN monitors_ping ON heartbeat_id = monitor_id
    AND n <= pings - %s LIMIT %s
)
"""


def cut_logs(keep: int) -> bool:
    """Cut the logs of heartbeats to their newest `keep` pings each; returns whether there may be more to cut."""
    with connection.cursor() as cursor:
        cursor.execute(_CUT_LOGS, [keep, PIECE])
        return cursor.rowcount == PIECE


def prune(before: datetime) -> int:
    """Remove what is from before `before`: rounds, gaps, paces, buckets, dead letters and regions' past troubles.

    At most PIECE of each; returns how many went.
    """
    slots = Round.objects.filter(slot__lt=before).order_by("slot").values_list("slot", flat=True)[PIECE : PIECE + 1]
    newest = next(iter(slots), before)
    gone = Round.objects.filter(slot__lt=newest).delete()[0]
    gaps = Gap.objects.filter(end__lt=before).values_list("pk", flat=True)[:PIECE]
    letters = DeadLetter.objects.filter(received_at__lt=before).values_list("pk", flat=True)[:PIECE]
    troubles = RegionTrouble.objects.filter(end__lt=before).values_list("pk", flat=True)[:PIECE]
    gone += RegionTrouble.objects.filter(pk__in=list(troubles)).delete()[0]
    paces = Pace.objects.filter(end__lt=before).values_list("pk", flat=True)[:PIECE]
    buckets = Bucket.objects.filter(free_at__lt=before).values_list("pk", flat=True)[:PIECE]
    gone += Gap.objects.filter(pk__in=list(gaps)).delete()[0]
    gone += Pace.objects.filter(pk__in=list(paces)).delete()[0]
    gone += Bucket.objects.filter(pk__in=list(buckets)).delete()[0]
    gone += IngestGap.objects.filter(end__lt=before - KEEP).delete()[0]
    return gone + DeadLetter.objects.filter(pk__in=list(letters)).delete()[0]


def prune_rollups(level: type[HourRollup] | type[DayRollup], before: datetime) -> int:
    """Remove the oldest hour, or day, if it is from before `before`; returns how many rows went.

    It runs more often than an hour or a day is added, so it catches up: a row for each monitor and region at a time.
    """
    oldest = level.objects.aggregate(oldest=Min("start"))["oldest"]
    if oldest is None or oldest >= before:
        return 0
    return level.objects.filter(start=oldest).delete()[0]
