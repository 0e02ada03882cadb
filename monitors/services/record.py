"""Storing what workers saw: ticks first, then, with the states locked, the verdicts that follow from them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from django.db import DataError, IntegrityError, transaction

from monitors.domain.slots import Ms
from monitors.models import Monitor, Region, Round, Tick
from monitors.probes.base import Outcome
from monitors.services import evidence, expiries, plain
from monitors.services.changes import StatusChange
from monitors.services.deadletters import keep_outcome
from monitors.services.judging import judge_cases, load_cases, lock_states
from monitors.services.partitions import ensure_partitions
from monitors.services.rollups import take_back
from monitors.times import from_ms, to_ms

A_DAY_MS = 86_400_000
NO_PARTITION = "23514"  # PostgreSQL's check_violation: "no partition of relation found for row"

PutAside = Callable[[str, object, Exception], None]  # region, outcome on the wire, what stands in its way


@dataclass
class Recorded:
    """What became of a batch."""

    changes: list[StatusChange] = field(default_factory=list)
    teams: set[int] = field(default_factory=set)
    refused: int = 0
    late: int = 0
    expiring: set[int] = field(default_factory=set)  # monitors whose certificate or domain has another end now


def record(region: Region, outcomes: Sequence[Outcome], now: datetime, put_aside: PutAside = keep_outcome) -> Recorded:
    """Store outcomes of `region` and judge what they decide. Runs inside the caller's transaction; may run twice.

    Refused are outcomes of monitors that are gone or not assigned to the region, and of slots more than a day away.
    `put_aside` gets those that PostgreSQL does not take.
    """
    now_ms = to_ms(now)
    known = _assigned(region, {outcome.monitor for outcome in outcomes})
    near = [o for o in outcomes if abs(o.slot - now_ms) < A_DAY_MS]
    good = [o for o in near if o.monitor in known]
    good += _standing_in(region, [o for o in near if o.monitor not in known])
    done = Recorded(refused=len(outcomes) - len(good))
    good.sort(key=lambda outcome: (outcome.monitor, outcome.slot))
    # States first, then ticks, as in the sweep: whoever comes second waits here, and then sees every vote.
    standings = plain.lock({outcome.monitor for outcome in good})
    sites = plain.sites_of([each.monitor for each in standings])
    late = _count_late(region, [o for o in good if _is_given_up(o, sites, now_ms)])
    done.late = late.total()
    _insert(good, region, put_aside)
    evidence.keep(region, good, put_aside)
    take_back(_overtaken([each for each in standings if each.monitor in sites], good))
    done.expiring = expiries.note(region, good, sites)
    closed = plain.close([each for each in standings if not late[each.monitor]], sites, now_ms)
    done.changes = _judge(sites.keys() - closed, late, now_ms)
    done.teams = {site.team for site in sites.values()}
    return done


def _judge(monitor_ids: Collection[int], late: Counter[int], now: Ms) -> list[StatusChange]:
    """Judge those whose round was not a plain one."""
    states = lock_states(monitor_ids) if monitor_ids else []
    for state in states:
        state.late_outcomes += late[state.pk]
    return judge_cases(load_cases(states), now) if states else []


def _assigned(region: Region, monitor_ids: set[int]) -> set[int]:
    return set(
        Monitor.objects.alive().filter(pk__any_of=frozenset(monitor_ids), regions=region).values_list("pk", flat=True)
    )


def _standing_in(region: Region, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those of slots for which dispatch asked this region to look in place of the monitor's own."""
    if not outcomes:
        return []
    asked = set(
        Round.objects.filter(
            monitor_id__in={o.monitor for o in outcomes},
            slot__in={from_ms(o.slot) for o in outcomes},
            stand_ins__contains=[region.pk],
        ).values_list("monitor_id", "slot")
    )
    return [o for o in outcomes if (o.monitor, from_ms(o.slot)) in asked]


def _is_given_up(outcome: Outcome, sites: Mapping[int, plain.Site], now: Ms) -> bool:
    """Whether the sweep may have closed the slot of an outcome, as never before its watermark."""
    return outcome.monitor in sites and now > sites[outcome.monitor].gives_up_at(outcome.slot)


def _count_late(region: Region, suspects: Sequence[Outcome]) -> Counter[int]:
    """Count, by monitor, outcomes that come after their slot was given up: the no-data tick stands."""
    if not suspects:
        return Counter()
    slots = {(o.monitor, from_ms(o.slot)) for o in suspects}
    taken = Tick.objects.filter(
        region=region, monitor_id__in={pk for pk, _ in slots}, slot__in={slot for _, slot in slots}, attempts=0
    ).values_list("monitor_id", "slot")
    return Counter(pk for pk, slot in taken if (pk, slot) in slots)


def _overtaken(standings: Sequence[plain.Standing], outcomes: Sequence[Outcome]) -> set[tuple[int, datetime]]:
    """Those of slots that count as complete all the same: by an edit or a pause while they were on their way."""
    complete = {each.monitor: inf if each.paused else each.accounted_until for each in standings}
    return {(o.monitor, from_ms(o.slot)) for o in outcomes if o.slot <= complete.get(o.monitor, 0)}


def _tick(region: Region, outcome: Outcome) -> Tick:
    """In the order of the columns, without their names: looking for these costs more than all the rest."""
    phases = outcome.phases
    return Tick(  # type: ignore[misc]  # the plugin counts the composite key as the first column
        outcome.monitor,
        region.pk,
        from_ms(outcome.slot),
        outcome.vote,
        outcome.reason or "",
        outcome.version,
        None if outcome.started_at is None else from_ms(outcome.started_at),
        outcome.response_ms,
        phases.dns,
        phases.connect,
        phases.tls,
        phases.first_byte,
        phases.transfer,
        outcome.status_code,
        outcome.attempts,
        outcome.address,
        outcome.detail,
        outcome.degraded,
        outcome.retry_after_s,
    )


def _insert(outcomes: Sequence[Outcome], region: Region, put_aside: PutAside) -> None:
    """Insert ticks that are not there yet. One that PostgreSQL refuses is put aside, the others are stored."""
    if not outcomes:
        return
    ticks = [_tick(region, outcome) for outcome in outcomes]
    try:
        with transaction.atomic():
            Tick.objects.bulk_create(ticks, ignore_conflicts=True)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != NO_PARTITION:
            raise
        for day in {tick.slot.date() for tick in ticks}:
            ensure_partitions(day, ahead=0)
        _insert(outcomes, region, put_aside)
    except (DataError, ValueError) as error:
        if len(outcomes) == 1:
            put_aside(region.slug, outcomes[0].to_wire(), error)
            return
        middle = len(outcomes) // 2
        _insert(outcomes[:middle], region, put_aside)
        _insert(outcomes[middle:], region, put_aside)
