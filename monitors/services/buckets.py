"""Sparing domains: the buckets of those that several monitors check, in the transaction that hands their checks out.

One monitor alone never asks too often, whatever its interval: only where a domain has more than one is anything read or
written. The bucket's row is locked, so two dispatchers count every check once. The rules are monitors.domain.bucket.
"""

from collections.abc import Collection, Iterable, Mapping

from django.conf import settings
from django.db.models import Count

from monitors.domain.bucket import Rate, take
from monitors.domain.slots import Ms
from monitors.models import Bucket, Monitor
from monitors.probes.base import Check
from monitors.times import from_ms, to_ms

A_SECOND_MS = 1_000
Key = tuple[str, int]  # domain, region


def spread(checks: Mapping[int, list[Check]], domains: Mapping[int, str]) -> list[tuple[int, Check]]:
    """Set the start offsets of checks (by region); returns those there is no room for, with their regions.

    `domains`: by monitor, of those that have one.
    """
    shared = _shared(set(domains.values())) if domains and settings.DOMAIN_CHECKS_PER_SECOND else set()
    if not shared:
        return []
    asked = [
        ((domains[check.monitor], region), check)
        for region, some in checks.items()
        for check in some
        if domains.get(check.monitor) in shared
    ]
    buckets = _lock({key for key, _ in asked})
    free = {key: to_ms(bucket.free_at) for key, bucket in buckets.items()}
    rate, left_over = Rate(settings.DOMAIN_CHECKS_PER_SECOND), []
    for key, check in sorted(asked, key=_turn):
        offset, free[key] = take(free[key], check.slot, check.lateness_ms, rate)
        if offset is None:
            left_over.append((key[1], check))
        else:
            check.offset_ms = offset
    _store(buckets, free)
    return left_over


def _turn(asked: tuple[Key, Check]) -> tuple[Ms, int]:
    """Second by second in the order of the slots; within one by lot, so that no monitor is always the one too many."""
    check = asked[1]
    return check.slot // A_SECOND_MS, hash((check.monitor, check.slot))


def _shared(domains: Collection[str]) -> set[str]:
    """Those that more than one monitor checks."""
    rows = Monitor.objects.alive().filter(domain__any_of=frozenset(domains)).exclude(domain="").order_by()
    return set(
        rows.values("domain").annotate(monitors=Count("pk")).filter(monitors__gt=1).values_list("domain", flat=True)
    )


def _lock(keys: Collection[Key]) -> dict[Key, Bucket]:
    found = _locked(keys)
    missing = sorted(keys - found.keys())
    if missing:
        fresh = [Bucket(domain=domain, region_id=region, free_at=from_ms(0)) for domain, region in missing]
        Bucket.objects.bulk_create(fresh, ignore_conflicts=True)
        found = _locked(keys)
    return found


def _locked(keys: Iterable[Key]) -> dict[Key, Bucket]:
    """In one order for all who lock several."""
    names = frozenset(domain for domain, _ in keys)
    rows = Bucket.objects.select_for_update().filter(domain__any_of=names).order_by("domain", "region_id")
    return {(row.domain, row.region_id): row for row in rows}


def _store(buckets: Mapping[Key, Bucket], free: Mapping[Key, Ms]) -> None:
    changed = []
    for key, bucket in buckets.items():
        if to_ms(bucket.free_at) != free[key]:
            bucket.free_at = from_ms(free[key])
            changed.append(bucket)
    Bucket.objects.bulk_update(changed, ["free_at"])
