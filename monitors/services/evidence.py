"""Storing the evidence that comes with outcomes, and removing what is too old."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.db import DataError, transaction
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import JSONObject

from monitors.domain.keeping import Kept, is_due
from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from monitors.models import Evidence, Monitor, Region
from monitors.probes.base import Outcome
from monitors.probes.redaction import harmless
from monitors.times import from_ms, to_ms

LEEWAY_MS = 60_000  # slots are not as far apart as the moments by which a worker reckons
PIECE = 1_000  # bundles removed by one statement

PutAside = Callable[[str, object, Exception], None]


def keep(region: Region, outcomes: Sequence[Outcome], put_aside: PutAside) -> None:
    """Store the evidence of stored `outcomes`, in the order of their slots. May run twice.

    What PostgreSQL does not take is put aside, and neither its tick nor the evidence of others is lost."""
    brought = [each for each in outcomes if each.evidence and each.vote is not Vote.NODATA]
    if not brought:
        return
    last = _last_kept(region, {each.monitor for each in brought})
    rows = []
    for outcome in sorted(brought, key=lambda each: each.slot):
        known = last.get(outcome.monitor)
        if is_due(outcome.vote, outcome.slot + LEEWAY_MS, known):
            kept = known.then(outcome.vote, outcome.slot) if known else Kept(outcome.vote, 1, outcome.slot)
            last[outcome.monitor] = kept
            rows.append((outcome, _row(region, outcome, kept.run)))
    _insert(region, rows, put_aside)


def _last_kept(region: Region, monitor_ids: Collection[int]) -> dict[int, Kept]:
    newest = Evidence.objects.filter(monitor=OuterRef("pk"), region=region).order_by("-slot")
    kept = Subquery(newest.values(kept=JSONObject(vote="vote", run="run", slot="slot"))[:1])
    found = Monitor.objects.filter(pk__any_of=frozenset(monitor_ids)).annotate(kept=kept).values_list("pk", "kept")
    return {pk: Kept(Vote(row["vote"]), row["run"], _ms(row["slot"])) for pk, row in found if row}


def _ms(text: str) -> Ms:
    return to_ms(datetime.fromisoformat(text))


def _row(region: Region, outcome: Outcome, run: int) -> Evidence:
    return Evidence(
        monitor_id=outcome.monitor,
        region_id=region.pk,
        slot=from_ms(outcome.slot),
        vote=outcome.vote,
        run=run,
        bundle=harmless(outcome.evidence),
    )


def _insert(region: Region, rows: list[tuple[Outcome, Evidence]], put_aside: PutAside) -> None:
    if not rows:
        return
    try:
        with transaction.atomic():
            Evidence.objects.bulk_create([row for _, row in rows], ignore_conflicts=True)
    except (DataError, ValueError) as error:
        if len(rows) == 1:
            put_aside(region.slug, rows[0][0].to_wire(), error)
            return
        middle = len(rows) // 2
        _insert(region, rows[:middle], put_aside)
        _insert(region, rows[middle:], put_aside)


def prune(before: datetime) -> int:
    """Remove what is from before `before`, PIECE at most; returns how many went. The last good one of a monitor in a
    region stays: it is what the next failure is compared with."""
    later = Evidence.objects.filter(
        monitor=OuterRef("monitor"), region=OuterRef("region"), slot__gt=OuterRef("slot"), vote=Vote.UP
    )
    old = Evidence.objects.filter(slot__lt=before).exclude(~Exists(later), vote=Vote.UP)
    return Evidence.objects.filter(pk__in=list(old.order_by("slot").values_list("pk", flat=True)[:PIECE])).delete()[0]
