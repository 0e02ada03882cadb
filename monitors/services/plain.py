"""The ordinary case, which is nearly all of them: a monitor that is up, and a next slot in which it is seen up.

What follows is known without judging: nothing changes but how far it is judged and what lists show, and that is written
for many monitors in one statement. Whatever is not plainly so goes the whole way (monitors.services.judging). That both
ways end in the same rows is held by tests/monitors/services/test_plain.py.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from django.db.models import BooleanField, ExpressionWrapper, Q

from monitors.domain import verdict as rules
from monitors.domain.slots import Ms, lateness, next_slot, watermark
from monitors.domain.verdict import Policy, Quorum, Status, Vote
from monitors.models import ExtraSlot, Gap, Monitor, PlainRound, Round, State
from monitors.services.dispatch import assigned_regions
from monitors.services.doubts import doubts_since
from monitors.services.judging import CLOCK_AHEAD_MS, SETTLE_MS, bar
from monitors.services.openticks import open_ticks
from monitors.times import from_ms
from uptime.lib.sql import EpochMs

FURTHEST_MS = 2 * 86_400_000  # no outcome of a slot further ahead is ever stored, and so its partitions need no look
CALM = ExpressionWrapper(
    Q(
        status=Status.UP,
        verdict=Status.UP,
        streak=0,
        streak_first=None,
        undecided=0,
        undecided_first=None,
        nodata_since=None,
        partial=False,
    ),
    output_field=BooleanField(),
)
PAUSED = ExpressionWrapper(Q(status=Status.PAUSED), output_field=BooleanField())


@dataclass(slots=True)
class Standing:
    """A locked state, as far as a plain round needs it; the settings are read after the lock."""

    monitor: int
    calm: bool  # up, and nothing that would have to be remembered
    paused: bool
    judged_until: Ms
    accounted_until: Ms
    last_decided: Ms
    last_slot: Ms | None
    seen: list["Sight"] = field(default_factory=list)


class Sight(NamedTuple):
    """A stored vote of a slot that is not accounted for yet."""

    region: int
    slot: Ms
    vote: str
    version: int
    response_ms: float | None
    started_at: Ms | None
    detail: str
    degraded: bool


class Site(NamedTuple):
    """What people have set."""

    monitor: int
    team: int
    interval: int
    timeout_ms: int
    version: int
    quorum: str
    at_least: int
    claimed_until: Ms | None

    def gives_up_at(self, slot: Ms) -> Ms:
        """When the results of a slot must be in."""
        return watermark(slot, self.timeout_ms, lateness(self.interval))


def lock(monitor_ids: Collection[int]) -> list[Standing]:
    """Lock states in id order, as everybody does who locks several."""
    rows = State.objects.select_for_update().filter(monitor_id__any_of=frozenset(monitor_ids)).order_by("monitor_id")
    columns = ("judged_until", "accounted_until", "last_decided", "last_slot")
    return [Standing(*row) for row in rows.values_list("monitor_id", CALM, PAUSED, *map(EpochMs, columns))]


def sites_of(monitor_ids: Collection[int]) -> dict[int, Site]:
    """The settings of living monitors, to be read with their states locked."""
    columns = ("pk", "team_id", "interval", "timeout_ms", "config_version", "quorum", "at_least")
    rows = Monitor.objects.alive().filter(pk__any_of=frozenset(monitor_ids))
    return {row[0]: Site(*row) for row in rows.values_list(*columns, EpochMs("schedule__next_slot_at"))}


def close(standings: Iterable[Standing], sites: dict[int, Site], now: Ms) -> set[int]:
    """Write down what follows from plain rounds; returns the monitors that need no judging any more.

    Runs with the states locked and the new ticks in the table. Slots that are left out need no look: a round is plain
    only where its slot follows the one before, and nothing of a left-out slot is ever in the table.
    """
    calm = [each for each in standings if each.calm and each.monitor in sites]
    if not calm:
        return set()
    ids = [each.monitor for each in calm]
    _look(calm, now)
    excluded, regions = _unusual(calm), assigned_regions(ids)
    doubted = {doubt.region for doubt in doubts_since(from_ms(min(each.accounted_until for each in calm)))}
    found = []
    for standing in calm:
        own = regions[standing.monitor]
        if standing.monitor not in excluded and doubted.isdisjoint(own):
            plain = _plain(standing, sites[standing.monitor], own, now)
            if plain:
                found.append(plain)
    State.objects.close_plain(found)
    return {each.monitor for each in found}


def _look(standings: Sequence[Standing], now: Ms) -> None:
    """Read the votes of all slots not accounted for."""
    by_id = {each.monitor: each for each in standings}
    moments = {each.monitor: each.accounted_until for each in standings}
    columns = ("region_id", EpochMs("slot"), "vote", "config_version", "response_ms", EpochMs("started_at"), "detail",
               "degraded")  # fmt: skip
    for pk, *facts in open_ticks(moments, *columns, until=now + FURTHEST_MS):
        sight = Sight(*facts)
        if sight.slot > moments[pk]:
            by_id[pk].seen.append(sight)


def _unusual(standings: Sequence[Standing]) -> set[int]:
    """Monitors with slots beside the grid, missing ones, or ones for which not every region was asked."""
    ids = frozenset(each.monitor for each in standings)
    since = from_ms(min(each.accounted_until for each in standings))
    extra = ExtraSlot.objects.filter(monitor_id__any_of=ids)
    gaps = Gap.objects.filter(monitor_id__any_of=ids, end__gt=since)
    rounds = Round.objects.filter(monitor_id__any_of=ids, slot__gt=since)
    return {pk for rows in (extra, gaps, rounds) for pk in rows.order_by().values_list("monitor_id", flat=True)}


def _plain(standing: Standing, site: Site, regions: frozenset[int], now: Ms) -> PlainRound | None:
    """What follows from the next slot of a calm monitor; None where it has to be judged."""
    slot = next_slot(site.monitor, site.interval, standing.accounted_until)
    policy = _policy(regions, site.quorum, site.at_least, site.interval, site.timeout_ms)
    claimed = site.claimed_until or 0
    if not _seen_up(standing, site, slot, regions) or not slot < claimed or slot > now + CLOCK_AHEAD_MS:
        return None
    judged, complete = standing.judged_until == slot, len(standing.seen) == len(regions)
    if not judged and standing.judged_until != standing.accounted_until:
        return None
    votes = dict.fromkeys((each.region for each in standing.seen), Vote.UP)
    closes = not judged and (complete or rules.decide(votes, regions, policy).closed)
    if _silent(slot if closes else standing.last_decided, standing.last_decided, policy, now):
        return None
    overdue = _following(site, slot, claimed, max(now, slot)) if complete else slot
    first = standing.seen[0]
    return PlainRound(
        monitor=site.monitor,
        slot=slot,
        closes=closes,
        complete=complete,
        sweep_at=site.gives_up_at(overdue) + SETTLE_MS,
        bar=bar([each.response_ms for each in standing.seen]),
        started_at=first.started_at,
        response_ms=first.response_ms,
        detail=first.detail,
        degraded=rules.degraded(False, Vote.UP, [each.degraded for each in standing.seen]),
    )


def _seen_up(standing: Standing, site: Site, slot: Ms, regions: frozenset[int]) -> bool:
    """Whether all that was seen is this one slot, up, by the monitor's own regions and by its present settings."""
    return (
        bool(standing.seen)
        and all(
            each.slot == slot and each.vote == Vote.UP and each.version == site.version and each.region in regions
            for each in standing.seen
        )
        and (standing.last_slot is None or standing.last_slot <= slot)
    )


def _silent(decided: Ms, before: Ms, policy: Policy, now: Ms) -> bool:
    """Whether it has been, or is, without a decided round for so long that this has to be said."""
    return decided - before > policy.silence_ms or rules.unmeasured(decided, policy, now)


def _following(site: Site, slot: Ms, claimed: Ms, until: Ms) -> Ms:
    """The next slot that will have to be accounted for."""
    following = next_slot(site.monitor, site.interval, slot)
    return following if following <= until and following < claimed else next_slot(site.monitor, site.interval, until)


@lru_cache(maxsize=4096)
def _policy(regions: frozenset[int], quorum: str, at_least: int, interval: int, timeout_ms: int) -> Policy:
    return Policy(regions, Quorum(quorum), at_least, interval_s=interval, timeout_ms=timeout_ms)
