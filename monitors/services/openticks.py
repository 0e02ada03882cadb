"""Reading the votes of slots that are not accounted for yet, and no others.

A tick's key is monitor, region and slot. Only with all three in hand does PostgreSQL find the last few ticks of a
monitor without reading its whole day, so the regions are named too, and moments as constants.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from monitors.domain.slots import Ms
from monitors.models import Region, Tick
from monitors.times import from_ms

NEAR_MS = 8_192  # moments this close together are read by one query; further back, those of twice the distance


def open_ticks(moments: Mapping[int, Ms], *columns: Any, until: Ms | None = None) -> Iterator[tuple[Any, ...]]:
    """Monitor id and `columns` of the ticks after each monitor's moment, and of a few before it."""
    regions = list(Region.objects.order_by().values_list("pk", flat=True))
    for group in _by_age(moments):
        since = from_ms(min(moments[pk] for pk in group))
        ticks = Tick.objects.filter(monitor_id__any_of=frozenset(group), region_id__any_of=regions, slot__gt=since)
        if until is not None:
            ticks = ticks.filter(slot__lt=from_ms(until))
        yield from ticks.order_by().values_list("monitor_id", *columns)


def _by_age(moments: Mapping[int, Ms]) -> list[list[int]]:
    """Monitors whose moments lie about as far back, so that one checked daily makes nobody's day be read."""
    newest = max(moments.values(), default=0)
    groups = defaultdict(list)
    for pk, moment in moments.items():
        groups[((newest - moment) // NEAR_MS).bit_length()].append(pk)
    return list(groups.values())
