"""The times in which a region was not believed, as judging needs them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from monitors.domain.slots import Ms
from monitors.models import RegionTrouble
from monitors.times import to_ms


@dataclass(frozen=True, slots=True)
class Doubt:
    """A time in which what a region says of its slots is not believed."""

    region: int
    start: Ms
    end: Ms | None
    kind: str  # of trouble
    since: Ms  # when it was noticed

    def covers(self, region: int, slot: Ms) -> bool:
        return region == self.region and self.start <= slot and (self.end is None or slot < self.end)


def doubts_since(since: datetime) -> list[Doubt]:
    """The times after `since` in which a region was not believed."""
    troubles = RegionTrouble.objects.filter(Q(end=None) | Q(end__gt=since))
    return [
        Doubt(region, to_ms(doubted_from), to_ms(end) if end else None, kind, to_ms(start))
        for region, kind, start, end, doubted_from in troubles.values_list(
            "region_id", "kind", "start", "end", "doubted_from"
        )
        if doubted_from
    ]
