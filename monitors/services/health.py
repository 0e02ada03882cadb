"""Watching the regions themselves: what is known of each, the troubles it is in, and who therefore has no vote.

The rules are monitors.domain.region_health; here is only their storage.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Count, Max, Q

from monitors.domain import region_health as rules
from monitors.domain.region_health import Canary, Comparison, Impairment, Seen, Trouble
from monitors.domain.verdict import Vote
from monitors.models import Monitor, Region, RegionTrouble, RegionWorker, Tick
from monitors.probes.reasons import Reason
from monitors.services.regions import hearing
from monitors.times import from_ms, to_ms

COMPARED_OVER = timedelta(seconds=60)
SAMPLE = 500  # monitors of a suspect region that are compared
MANY = Count("monitor_id", distinct=True)
OTHERS = 2  # trusted regions it takes to say that another one is wrong


def limits() -> rules.Limits:
    return rules.Limits(
        clock_ms=settings.REGION_CLOCK_LIMIT,
        clean_ms=settings.REGION_TRUST_AFTER * 1000,
        compared=settings.DISAGREE_COMPARED,
        alone=settings.DISAGREE_ALONE,
        share=settings.DISAGREE_SHARE,
        teams=settings.DISAGREE_TEAMS,
    )


def doubted() -> frozenset[int]:
    """The regions that have no vote for now."""
    doubts = RegionTrouble.objects.filter(end=None).exclude(doubted_from=None)
    return frozenset(doubts.values_list("region_id", flat=True))


@transaction.atomic
def watch(now: datetime) -> set[int]:
    """Begin, continue and end the troubles of every region; returns the teams whose pages therefore change."""
    regions = list(Region.objects.select_for_update(no_key=True).filter(enabled=True).order_by("pk").defer("key"))
    known = {(row.region_id, Trouble(row.kind)): row for row in RegionTrouble.objects.filter(end=None)}
    enabled = {region.pk for region in regions}
    for row in known.values():
        if row.region_id not in enabled:  # nobody asks it any more
            row.end = now
            row.save(update_fields=["end"])
    sick = {region for region, kind in known if region in enabled}
    changed = set()
    for region, seen in _observe(sorted(enabled), sick, now).items():
        for kind, finding in rules.examine(seen, limits()).items():
            before = known.get((region, kind))
            after = rules.follow(_case(before), kind, finding, to_ms(now), limits())
            if after is not None and _store(region, before, after):
                changed.add(region)
    return set(Monitor.objects.alive().filter(regions__in=changed).values_list("team_id", flat=True))


def _case(row: RegionTrouble | None) -> rules.Case | None:
    if row is None:
        return None
    doubted_from = to_ms(row.doubted_from) if row.doubted_from else None
    clean_since = to_ms(row.clean_since) if row.clean_since else None
    return rules.Case(Trouble(row.kind), to_ms(row.start), doubted_from, row.detail, clean_since)


def _store(region: int, row: RegionTrouble | None, case: rules.Case) -> bool:
    """Write a trouble down; whether it began or ended."""
    if _case(row) == case:
        return False
    fields = {
        "doubted_from": from_ms(case.doubted_from) if case.doubted_from is not None else None,
        "clean_since": from_ms(case.clean_since) if case.clean_since is not None else None,
        "end": from_ms(case.end) if case.end is not None else None,
        "detail": case.detail[:300],
    }
    RegionTrouble.objects.update_or_create(
        region_id=region, kind=case.kind, start=row.start if row else from_ms(case.start), defaults=fields
    )
    return row is None or case.end is not None


# What is known of each region -----------------------------------------------------------------------------------------
def _observe(regions: list[int], sick: set[int], now: datetime) -> dict[int, Seen]:
    """What is known of each region that was ever heard of: one whose worker was never started is nobody's trouble."""
    offline = hearing().offline
    workers = _workers(regions, now)
    listening = [region for region in regions if region not in offline]
    compared, impaired = _compare(listening, sick, now), _impairments(now)
    return {
        region: Seen(
            offline=region in offline,
            clocks=[None if each.clock_ms is None else round(each.clock_ms) for each in workers[region]],
            canaries=[_canaries(each) for each in workers[region]],
            comparison=compared.get(region, Comparison()),
            impairment=impaired.get(region, Impairment()),
        )
        for region in regions
        if region in workers
    }


def _workers(regions: list[int], now: datetime) -> dict[int, list[RegionWorker]]:
    """The workers of each region that were heard lately; none of a region that fell silent."""
    silent = now - timedelta(seconds=settings.REGION_OFFLINE_AFTER)
    found: dict[int, list[RegionWorker]] = {}
    for worker in RegionWorker.objects.filter(region__in=regions):
        mine = found.setdefault(worker.region_id, [])
        if worker.heard_at >= silent:
            mine.append(worker)
    return found


def _canaries(worker: RegionWorker) -> list[Canary]:
    return [Canary(each["url"], each["known_up"], each["wrong"], each["detail"]) for each in worker.canaries]


def _impairments(now: datetime) -> dict[int, Impairment]:
    """The regions that could not look at many monitors within the last minute; hardly ever is there one."""
    errors = Tick.objects.filter(slot__gt=now - COMPARED_OVER, slot__lte=now, reason=Reason.LOCAL_ERROR)
    counted = errors.order_by().values_list("region_id").annotate(many=MANY, detail=Max("detail"))
    found = list(counted.filter(many__gte=settings.DISAGREE_ALONE))
    checked = Count("monitors", filter=Q(monitors__deleted_at=None, monitors__paused=False))
    regions = Region.objects.filter(pk__in=[row[0] for row in found]).order_by()
    of = dict(regions.annotate(checked=checked).values_list("pk", "checked")) if found else {}
    return {region: Impairment(many, of.get(region, many), detail) for region, many, detail in found}


# Whether it agrees with the others ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Judged:
    """One slot of a monitor: which regions saw it up, and which saw it down."""

    monitor: int
    up: frozenset[int]
    down: frozenset[int]


def _compare(listening: list[int], sick: set[int], now: datetime) -> dict[int, Comparison | None]:
    """How each region stands to the others, None where too few of those are trusted; left out who is not suspect.

    Only regions that see many monitors down are compared at all, so that in good times one look for down votes over
    the last minute is all it costs.
    """
    if len(listening) <= OTHERS:
        return {}
    down = Tick.objects.filter(slot__gt=now - COMPARED_OVER, slot__lte=now, vote=Vote.DOWN)
    suspects = down.values_list("region_id").annotate(many=MANY).filter(many__gte=settings.DISAGREE_ALONE).order_by()
    found: dict[int, Comparison | None] = {}
    for suspect, _ in suspects:
        trusted = frozenset(listening) - sick - {suspect}
        found[suspect] = _stands_alone(suspect, trusted, now) if len(trusted) >= OTHERS else None
    return found


def _stands_alone(region: int, trusted: frozenset[int], now: datetime) -> Comparison:
    """By each monitor's newest slot that `region` and two trusted others have judged."""
    alone: dict[int, bool] = {}
    for each in _judged(region, trusted, now):
        others_up, others_down = each.up & trusted, each.down & trusted
        if each.monitor in alone or region not in each.up | each.down or len(others_up | others_down) < OTHERS:
            continue
        alone[each.monitor] = region in each.down and not others_down
    teams = dict(Monitor.objects.filter(pk__in=alone).values_list("pk", "team_id"))
    return Comparison(
        compared=len(alone),
        teams=len(set(teams.values())),
        alone=sum(alone.values()),
        alone_teams=len({teams[pk] for pk in alone if alone[pk] and pk in teams}),
    )


def _judged(region: int, trusted: frozenset[int], now: datetime) -> list[Judged]:
    """The slots of the last minute that somebody saw up or down, the newest first, of some of the region's monitors.

    Of many a random sample is as telling. Naming the regions lets the key of the ticks find them.
    """
    sample = list(Monitor.objects.alive().filter(regions=region).order_by("?").values_list("pk", flat=True)[:SAMPLE])

    def regions(vote: Vote) -> ArrayAgg:
        return ArrayAgg("region_id", filter=Q(vote=vote), default=[])

    ticks = Tick.objects.filter(monitor__in=sample, region__in=[region, *trusted], vote__in=[Vote.UP, Vote.DOWN])
    rows = (
        ticks.filter(slot__gt=now - COMPARED_OVER, slot__lte=now)
        .values_list("monitor_id", "slot")
        .annotate(up=regions(Vote.UP), down=regions(Vote.DOWN))
        .order_by("-slot")
    )
    return [Judged(monitor, frozenset(up), frozenset(down)) for monitor, _, up, down in rows]
