"""Noting when what is watched runs out: one row per monitor and region, written only when it says something new."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models import F

from monitors.domain.expiry import REFRESH_MS, Sight, earliest
from monitors.domain.slots import Ms
from monitors.models import Expiry, Region, State
from monitors.probes.base import Outcome
from monitors.services.plain import Site
from monitors.times import from_ms
from uptime.lib.sql import EpochMs

COLUMNS = ("expires_at", "since", "seen_at")


def note(region: Region, outcomes: Sequence[Outcome], sites: Mapping[int, Site]) -> set[int]:
    """Keep what `outcomes` of one region say, in the order of their slots; returns the monitors for which it is
    another end than before. Runs with the states of the monitors locked."""
    told = [o for o in outcomes if o.expires_at is not None and _is_current(o, sites)]
    if not told:
        return set()
    known = _known(region, {outcome.monitor for outcome in told}, sites)
    changed, dirty = set(), set()
    for outcome in told:
        before, after = known.get(outcome.monitor), _seen(known.get(outcome.monitor), outcome)
        if after != before:
            known[outcome.monitor] = after
            dirty.add(outcome.monitor)
            if before is None or before.expires_at != after.expires_at:
                changed.add(outcome.monitor)
    _write(region, {pk: known[pk] for pk in sorted(dirty)}, sites)
    if changed:
        _sum_up(changed, sites)
    return changed


def sights_of(monitor_ids: Collection[int]) -> dict[int, list[Sight]]:
    """What the regions of monitors see, by their present settings."""
    found: dict[int, list[Sight]] = defaultdict(list)
    rows = Expiry.objects.filter(monitor_id__any_of=frozenset(monitor_ids), config_version=F("monitor__config_version"))
    for pk, *moments in rows.order_by().values_list("monitor_id", *map(EpochMs, COLUMNS)):
        found[pk].append(Sight(*moments))
    return found


def forget(monitor_id: int) -> None:
    """What is watched has become another: lists wait for what is seen of it."""
    State.objects.filter(pk=monitor_id).exclude(expires_at=None).update(expires_at=None)


def _is_current(outcome: Outcome, sites: Mapping[int, Site]) -> bool:
    site = sites.get(outcome.monitor)
    return site is not None and site.version == outcome.version


def _known(region: Region, monitor_ids: Collection[int], sites: Mapping[int, Site]) -> dict[int, Sight]:
    """What the region saw so far; what it saw by older settings was perhaps something else."""
    rows = Expiry.objects.filter(region=region, monitor_id__any_of=frozenset(monitor_ids))
    found = rows.values_list("monitor_id", "config_version", *map(EpochMs, COLUMNS))
    return {pk: Sight(*moments) for pk, version, *moments in found if sites[pk].version == version}


def _seen(before: Sight | None, outcome: Outcome) -> Sight:
    end = outcome.expires_at
    assert end is not None  # noqa: S101 - the caller chose those that tell one
    if before is None or (end != before.expires_at and outcome.slot >= before.since):
        return Sight(end, outcome.slot, outcome.slot)
    if end == before.expires_at and outcome.slot - before.seen_at > REFRESH_MS:
        return Sight(end, before.since, outcome.slot)
    return before


def _write(region: Region, sights: Mapping[int, Sight], sites: Mapping[int, Site]) -> None:
    rows = [
        Expiry(
            monitor_id=pk,
            region=region,
            expires_at=from_ms(sight.expires_at),
            since=from_ms(sight.since),
            seen_at=from_ms(sight.seen_at),
            config_version=sites[pk].version,
        )
        for pk, sight in sights.items()
    ]
    Expiry.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["monitor", "region"],
        update_fields=[*COLUMNS, "config_version"],
    )


def _sum_up(monitor_ids: Collection[int], sites: Mapping[int, Site]) -> None:
    """The earliest end of all regions is what lists show."""
    found = sights_of(monitor_ids)
    ends: dict[int, Ms | None] = {pk: earliest(found[pk], sites[pk].interval) for pk in monitor_ids}
    states = State.objects.filter(pk__any_of=frozenset(ends)).values_list("pk", EpochMs("expires_at"))
    for pk, shown in states:
        end = ends[pk]
        if end is not None and shown != end:
            State.objects.filter(pk=pk).update(expires_at=from_ms(end))
