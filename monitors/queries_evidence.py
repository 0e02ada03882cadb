"""Nouns that read: one check with all that is known of it, and what differs from the last good one."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from monitors.domain.bundle import PHASES, Bundle
from monitors.domain.difference import difference
from monitors.domain.verdict import Vote
from monitors.models import Evidence, Monitor, Region, Tick
from monitors.queries import reason_explanation, reason_label
from monitors.times import to_ms

A_WEEK = timedelta(days=7)  # how far a neighbour is looked for


@dataclass(frozen=True)
class Sight:
    """One check of one region. `tick` or `evidence` may be gone, or may never have been kept; one of them is there.

    `before`: the last good check of the region before a failure, with evidence; `changes`: what became different since.
    """

    monitor: Monitor
    region: Region
    slot: datetime
    vote: str
    tick: Tick | None
    evidence: Evidence | None
    before: Evidence | None = None
    changes: list[str] = field(default_factory=list)

    @property
    def bundle(self) -> Bundle | None:
        return Bundle.of(self.evidence.bundle) if self.evidence else None

    @property
    def label(self) -> str:
        return reason_label(self.tick.reason) if self.tick else ""

    @property
    def explanation(self) -> str:
        return reason_explanation(self.tick.reason) if self.tick else ""

    @property
    def phases(self) -> dict[str, float]:
        """Milliseconds by phase, as far as it came."""
        if self.tick is None:
            return self.bundle.phases if self.bundle else {}
        spent = {name: getattr(self.tick, f"{name}_ms") for name in PHASES}
        return {name: ms for name, ms in spent.items() if ms is not None}

    @property
    def url(self) -> str:
        return check_url(self.monitor.pk, self.region.slug, self.slot)

    @property
    def before_url(self) -> str:
        return check_url(self.monitor.pk, self.region.slug, self.before.slot) if self.before else ""


def check_url(monitor_id: int, region: str, slot: datetime) -> str:
    """The page of one check."""
    return reverse("monitors:one_check", args=[monitor_id, region, to_ms(slot)])


def sight(monitor: Monitor, region: Region, slot: datetime) -> Sight | None:
    """The check of `monitor` from `region` for `slot`; None when nothing is known of it."""
    tick = Tick.objects.filter(monitor=monitor, region=region, slot=slot).first()
    evidence = Evidence.objects.filter(monitor=monitor, region=region, slot=slot).first()
    if evidence:
        return _compared(monitor, region, tick, evidence)
    return Sight(monitor, region, slot, tick.vote, tick, None) if tick else None


def first_sights(monitor: Monitor, region_ids, start: datetime, end: datetime) -> list[Sight]:
    """The first failure between two moments whose evidence was kept, for each region that has one."""
    failed = Evidence.objects.filter(
        monitor=monitor, region=OuterRef("pk"), slot__gte=start, slot__lte=end, vote=Vote.DOWN
    ).order_by("slot")
    regions = Region.objects.filter(pk__in=region_ids).annotate(first=Subquery(failed.values("pk")[:1])).defer("key")
    chosen = {region.first: region for region in regions if region.first}
    found = []
    for evidence in Evidence.objects.filter(pk__in=chosen).order_by("slot", "region_id"):
        region = chosen[evidence.pk]
        tick = Tick.objects.filter(monitor=monitor, region=region, slot=evidence.slot).first()
        found.append(_compared(monitor, region, tick, evidence))
    return found


def neighbours(one: Sight) -> tuple[datetime | None, datetime | None]:
    """The slots of the checks before and after one, from the same region; None where there is none nearby."""
    ticks = Tick.objects.filter(monitor=one.monitor, region=one.region).values_list("slot", flat=True)
    before = ticks.filter(slot__gte=one.slot - A_WEEK, slot__lt=one.slot).order_by("-slot").first()
    after = ticks.filter(slot__gt=one.slot, slot__lte=one.slot + A_WEEK).order_by("slot").first()
    return before, after


def _compared(monitor: Monitor, region: Region, tick: Tick | None, evidence: Evidence) -> Sight:
    """With the last good check, where it is a failure and there is one."""
    slot, vote = evidence.slot, tick.vote if tick else evidence.vote
    good = Evidence.objects.filter(monitor=monitor, region=region, slot__lt=slot, vote=Vote.UP)
    before = good.order_by("-slot").first() if vote == Vote.DOWN else None
    changes = difference(before.bundle, evidence.bundle) if before else []
    return Sight(monitor, region, slot, vote, tick, evidence, before, changes)
