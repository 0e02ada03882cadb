"""Claiming what is due, and handing it out as checks, region by region.

Locks rows of the schedule only (and waiting extra slots), skipping what another dispatcher holds, so two or three
schedulers are harmless. The caller publishes before the transaction commits: a crash in between sends a batch twice
(results are unique per slot), but never loses a slot.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from monitors.domain.pace import Grid
from monitors.domain.slots import Ms, lateness
from monitors.domain.verdict import Vote
from monitors.models import ExtraSlot, Gap, Monitor, Region, Round, Schedule, Tick, WhenBlind
from monitors.probes.base import Check
from monitors.probes.reasons import Reason
from monitors.services import buckets, paces
from monitors.times import from_ms
from uptime.lib.sql import EpochMs

AHEAD_MS = 1_000  # slots of the next second are sent now, so that the engine can start each on time
CLAIM = 500  # monitors claimed in one transaction
FURTHEST_BACK_MS = 60_000  # no slot as old as this may still start

Publish = Callable[[Region, list[Check]], None]


class Watched(NamedTuple):
    """What a check needs to know of a monitor, and no more: half the time of a claim goes into reading."""

    pk: int
    kind: str
    target: str
    domain: str
    options: dict[str, Any]
    secrets: dict[str, Any] | None
    interval: int
    timeout_ms: int
    config_version: int
    when_blind: str


@dataclass
class Claim:
    """What one transaction has taken on, and how the regions stand while it does."""

    silent: Mapping[int, Reason]
    doubted: frozenset[int]
    fit: list[int]  # regions that are fed and have a vote
    checks: dict[int, list[Check]] = field(default_factory=lambda: defaultdict(list))  # by region
    domains: dict[int, str] = field(default_factory=dict)  # by monitor, of those whose domains are to be spared
    rounds: list[Round] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def claim_due(now: Ms, silent: Mapping[int, Reason], publish: Publish, doubted: frozenset[int] = frozenset()) -> int:
    """Send every check due until a second from now; returns how many.

    `silent`: regions that are not fed, and why; their slots are accounted for as no data right here. `doubted`:
    regions that are fed, so that they can show that they are well again, but have no vote.
    """
    regions = {region.pk: region for region in Region.objects.filter(enabled=True)}
    fit = sorted(regions.keys() - silent.keys() - doubted)
    sent = 0
    with transaction.atomic():
        advance(paces.take_up(now, now + AHEAD_MS))
    while True:
        with transaction.atomic():
            claim = Claim(silent, doubted, fit)
            full = _claim_grid(now, claim) | _claim_extra(now, claim)
            _spare_domains(claim)
            _write(claim)
            for region_id, checks in claim.checks.items():
                publish(regions[region_id], checks)
                sent += len(checks)
        if not full:
            return sent


def assigned_regions(monitor_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """The enabled regions of each monitor."""
    rows = Monitor.regions.through.objects.filter(monitor_id__any_of=frozenset(monitor_ids), region__enabled=True)
    found: dict[int, set[int]] = defaultdict(set)
    for monitor_id, region_id in rows.values_list("monitor_id", "region_id"):
        found[monitor_id].add(region_id)
    return defaultdict(frozenset, {pk: frozenset(ids) for pk, ids in found.items()})


def _claim_grid(now: Ms, claim: Claim) -> bool:
    """Take the monitors whose next slot is due; returns whether there may be more."""
    horizon = now + AHEAD_MS
    due = Schedule.objects.select_for_update(skip_locked=True).filter(next_slot_at__lte=from_ms(horizon))
    rows = list(due.order_by("next_slot_at").values_list("pk", EpochMs("next_slot_at"))[:CLAIM])
    if not rows:
        return False
    ids = [pk for pk, _ in rows]
    monitors, assigned = _watched(ids), assigned_regions(ids)
    history = paces.since(ids, from_ms(now - FURTHEST_BACK_MS))
    later = []
    for pk, next_slot in rows:
        monitor = monitors[pk]
        grid = Grid(pk, monitor.interval, paces.begun(history.get(pk, ())))
        first = _account_missed(monitor, next_slot, grid, now, claim)
        for slot in grid.due(first - 1, horizon):
            _order(claim, monitor, slot, assigned[pk])
        later.append((pk, from_ms(grid.next(horizon))))
    advance(later)
    return len(rows) == CLAIM


def _watched(ids: Iterable[int]) -> dict[int, Watched]:
    rows = Monitor.objects.filter(pk__any_of=frozenset(ids)).values_list(*Watched._fields)
    return {row[0]: Watched(*row) for row in rows}


def _account_missed(monitor: Watched, first: Ms, grid: Grid, now: Ms, claim: Claim) -> Ms:
    """The first slot that may still start; slots before it were not dispatched in time and leave a gap."""
    startable = now - lateness(monitor.interval)
    if first > startable:
        return first
    resumed, reason = grid.next(startable), Reason.NOT_DISPATCHED
    claim.gaps.append(Gap(monitor_id=monitor.pk, start=from_ms(first), end=from_ms(resumed), reason=reason))
    return resumed


def _claim_extra(now: Ms, claim: Claim) -> bool:
    """Take the waiting extra slots; returns whether there may be more."""
    waiting = ExtraSlot.objects.select_for_update(skip_locked=True).filter(
        claimed_at=None, slot__lte=from_ms(now + AHEAD_MS)
    )
    rows = list(waiting.order_by("slot").values_list("pk", "monitor_id", EpochMs("slot"))[:CLAIM])
    if not rows:
        return False
    ids = {monitor for _, monitor, _ in rows}
    monitors, assigned = _watched(ids), assigned_regions(ids)
    for _, monitor, slot in rows:
        _order(claim, monitors[monitor], slot, assigned[monitor])
    ExtraSlot.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(claimed_at=from_ms(now))
    return len(rows) == CLAIM


def _order(claim: Claim, monitor: Watched, slot: Ms, regions: frozenset[int]) -> None:
    """Order the check of one slot from every region that is fed; account for the others at once."""
    fed = [region for region in regions if region not in claim.silent]
    voters = [region for region in fed if region not in claim.doubted]
    if monitor.domain:
        claim.domains[monitor.pk] = monitor.domain
    stand_ins = [] if voters else _stand_ins(claim, monitor, regions)
    for region in fed + stand_ins:
        claim.checks[region].append(
            Check(
                monitor=monitor.pk,
                slot=slot,
                version=monitor.config_version,
                kind=monitor.kind,
                target=monitor.target,
                timeout_ms=monitor.timeout_ms,
                lateness_ms=lateness(monitor.interval),
                options=monitor.options | (monitor.secrets or {}),
            )
        )
    if len(voters) == len(regions):
        return
    at = from_ms(slot)
    claim.rounds.append(
        Round(
            monitor_id=monitor.pk,
            slot=at,
            eligible=sorted(voters + stand_ins),
            stand_ins=stand_ins,
            config_version=monitor.config_version,
        )
    )
    claim.ticks += [
        _nodata(monitor.pk, each, at, claim.silent[each], monitor.config_version)
        for each in regions
        if each in claim.silent
    ]


def _stand_ins(claim: Claim, monitor: Watched, regions: frozenset[int]) -> list[int]:
    """Who looks while none of a monitor's own regions can: one other region for its only one, two for several.

    With two, no single region ever takes down what was meant to be seen by several. Spread by id, and the same ones
    for as long as the same regions are fit.
    """
    others = [region for region in claim.fit if region not in regions]
    if monitor.when_blind == WhenBlind.WAIT or not regions or not others:
        return []
    first = monitor.pk % len(others)
    return sorted((others[first:] + others[:first])[: min(2, len(regions))])


def nodata_tick(monitor: Monitor, region: int, slot: datetime, reason: Reason) -> Tick:
    """The tick of a slot we failed to measure."""
    return _nodata(monitor.pk, region, slot, reason, monitor.config_version)


def _nodata(monitor: int, region: int, slot: datetime, reason: Reason, version: int) -> Tick:
    return Tick(
        monitor_id=monitor,
        region_id=region,
        slot=slot,
        vote=Vote.NODATA,
        reason=reason,
        config_version=version,
        attempts=0,
    )


def _spare_domains(claim: Claim) -> None:
    """Give the checks of domains that several monitors check their start offsets; what is too much is held back."""
    held_back = buckets.spread(claim.checks, claim.domains)
    for region, check in held_back:
        claim.ticks.append(_nodata(check.monitor, region, from_ms(check.slot), Reason.THROTTLED, check.version))
    gone = {id(check) for _, check in held_back}
    for region in {region for region, _ in held_back}:
        claim.checks[region] = [check for check in claim.checks[region] if id(check) not in gone]


def _write(claim: Claim) -> None:
    # The first to dispatch a slot has frozen its eligible regions; whoever comes second changes nothing.
    Round.objects.bulk_create(claim.rounds, ignore_conflicts=True)
    # In the order in which results are stored too, so that two writers never wait for each other.
    claim.ticks.sort(key=lambda tick: (tick.monitor_id, tick.slot))
    Tick.objects.bulk_create(claim.ticks, ignore_conflicts=True)
    Gap.objects.bulk_create(claim.gaps)


def advance(later: list[tuple[int, datetime]]) -> None:
    """Set each monitor's next slot in one statement, which the ORM can only say row by row (75 times the cost)."""
    if later:
        ids, moments = zip(*later, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE monitors_schedule SET next_slot_at = later.slot "
                "FROM unnest(%s::bigint[], %s::timestamptz[]) AS later(id, slot) WHERE monitor_id = later.id",
                [list(ids), list(moments)],
            )
