"""Nouns that read: which regions are in trouble, and who looks in their place."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from monitors.domain.region_health import WORDS, Trouble
from monitors.models import Region, RegionTrouble, Round
from monitors.times import to_ms

PAST = timedelta(days=7)
PAST_SHOWN = 10  # of each region


@dataclass(frozen=True)
class Open:
    """A trouble that a region is in, in words."""

    trouble: RegionTrouble

    @property
    def words(self):
        """What is wrong, as the end of "it is not trusted: ..."."""
        return WORDS[Trouble(self.trouble.kind)]

    @property
    def doubted(self):
        """Whether its votes count as no data; a region that is merely silent has none."""
        return self.trouble.doubted_from is not None

    @property
    def trusted_again_at(self):
        """When it will be over if nothing more is wrong; None while something is."""
        clean_since = self.trouble.clean_since
        return clean_since and clean_since + timedelta(seconds=settings.REGION_TRUST_AFTER)


def open_troubles():
    """Every trouble that regions in use are in now, the longest first, as Open."""
    rows = RegionTrouble.objects.filter(end=None, region__enabled=True)
    return [Open(row) for row in rows.select_related("region").defer("region__key").order_by("start", "id")]


def past_troubles():
    """The troubles of the last days that are over, the newest first."""
    ended = RegionTrouble.objects.filter(end__gt=timezone.now() - PAST)
    return ended.order_by("-start", "-id")[:PAST_SHOWN]


def doubted_at(slot, regions):
    """{region id: [kind of trouble, since]} of those `regions` whose votes of a slot count as no data."""
    covering = RegionTrouble.objects.filter(Q(end=None) | Q(end__gt=slot), doubted_from__lte=slot, region__in=regions)
    return {str(row.region_id): [row.kind, to_ms(row.start)] for row in covering}


def stand_ins(monitor):
    """The regions that look in place of the monitor's own in its newest slot; none while one of its own can."""
    next_slot_at = monitor.schedule.next_slot_at
    if next_slot_at is None:
        return []
    newest = next_slot_at - timedelta(seconds=monitor.interval)
    asked = (
        Round.objects.filter(monitor=monitor, slot__gte=newest).order_by("-slot").values_list("stand_ins", flat=True)
    )
    return list(Region.objects.filter(pk__in=asked.first() or []).defer("key"))
