"""Removing what is too old to be looked at, a bounded piece at a time."""

from datetime import datetime

from django.db.models import Min

from monitors.models import DayRollup, DeadLetter, Gap, HourRollup, RegionTrouble, Round

PIECE = 10_000  # rows in one statement: short locks, and a job that was behind catches up over some runs


def prune(before: datetime) -> int:
    """Remove what is from before `before`: rounds, gaps, dead letters and regions' past troubles.

    At most PIECE of each; returns how many went.
    """
    slots = Round.objects.filter(slot__lt=before).order_by("slot").values_list("slot", flat=True)[PIECE : PIECE + 1]
    newest = next(iter(slots), before)
    gone = Round.objects.filter(slot__lt=newest).delete()[0]
    gaps = Gap.objects.filter(end__lt=before).values_list("pk", flat=True)[:PIECE]
    letters = DeadLetter.objects.filter(received_at__lt=before).values_list("pk", flat=True)[:PIECE]
    troubles = RegionTrouble.objects.filter(end__lt=before).values_list("pk", flat=True)[:PIECE]
    gone += RegionTrouble.objects.filter(pk__in=list(troubles)).delete()[0]
    gone += Gap.objects.filter(pk__in=list(gaps)).delete()[0]
    return gone + DeadLetter.objects.filter(pk__in=list(letters)).delete()[0]


def prune_rollups(level: type[HourRollup] | type[DayRollup], before: datetime) -> int:
    """Remove the oldest hour, or day, if it is from before `before`; returns how many rows went.

    It runs more often than an hour or a day is added, so it catches up: a row for each monitor and region at a time.
    """
    oldest = level.objects.aggregate(oldest=Min("start"))["oldest"]
    if oldest is None or oldest >= before:
        return 0
    return level.objects.filter(start=oldest).delete()[0]
