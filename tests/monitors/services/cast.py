"""What the tests of the pipeline share: a monitor with regions, and outcomes for it."""

from collections.abc import Iterable

from monitors.domain.verdict import Vote
from monitors.models import Monitor, Region, Schedule, State
from monitors.probes.base import Check, Outcome, Phases
from monitors.probes.reasons import Reason
from monitors.services import dispatch, edit
from monitors.services.record import Recorded, record
from monitors.times import Ms, from_ms, now_ms
from tests.factories import make_region, make_user, team_of


def make_watched(regions: Iterable[str] = ("eu",), **fields) -> Monitor:
    """A monitor made the way people make them."""
    user = make_user("alice")
    places = [make_region(slug) for slug in regions]
    values = {"name": "Shop", "target": "http://shop.example/", "interval": 30, "regions": places, **fields}
    return edit.create(team_of(user), user, values)


def settle(monitor: Monitor) -> Ms:
    """Forget the first check, and hand out the grid far ahead; returns the last moment before the first grid slot."""
    monitor.extra_slots.all().delete()
    now = now_ms()
    State.objects.filter(pk=monitor.pk).update(
        judged_until=from_ms(now), accounted_until=from_ms(now), last_decided=from_ms(now)
    )
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=from_ms(now + 80_000_000))
    return now


def outcome(monitor: Monitor, slot: Ms, reason: Reason | None = None, **fields) -> Outcome:
    """What a region saw: UP without a reason."""
    values = {
        "monitor": monitor.pk,
        "slot": slot,
        "version": monitor.config_version,
        "vote": reason.vote if reason else Vote.UP,
        "reason": reason,
        "started_at": slot + 10,
        "response_ms": 12.5,
        "phases": Phases(),
        "attempts": 1,
        "status_code": None,
        "address": "192.0.2.1",
        "detail": reason.label if reason else "",
        **fields,
    }
    return Outcome(**values)


def take(region: str, outcomes: list[Outcome], now: Ms) -> Recorded:
    """Record what `region` saw."""
    return record(Region.objects.get(slug=region), outcomes, from_ms(now))


def claimed(now: Ms, silent=None, doubted=frozenset()) -> list[tuple[str, Check]]:
    """What dispatch sends at `now`, by region."""
    sent: list[tuple[str, Check]] = []
    dispatch.claim_due(now, silent or {}, lambda region, checks: sent.extend((region.slug, c) for c in checks), doubted)
    return sent


def state_of(monitor: Monitor) -> State:
    return State.objects.get(pk=monitor.pk)
