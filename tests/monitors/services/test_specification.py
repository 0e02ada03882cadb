"""The real `record` and `sweep`, on a real database, judge random histories as the executable specification does."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given, settings

from incidents import services as incidents
from incidents.models import Incident, Transition
from monitors.domain import slots
from monitors.models import (
    ExtraSlot,
    Monitor,
    Pace,
    Pulse,
    Region,
    RegionTrouble,
    RegionWorker,
    Round,
    Schedule,
    State,
    StatusInterval,
)
from monitors.probes.reasons import Reason
from monitors.services import judging, paces, partitions
from monitors.services import sweep as sweeping
from monitors.services.regions import RESULTS_PULSE
from monitors.times import from_ms, to_ms
from tests import verdict_spec as spec
from tests.factories import make_user, team_of
from tests.monitors.domain.worlds import MONITOR, OTHERS, START, histories
from tests.monitors.services.cast import outcome, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REASONS = {"up": None, "down": Reason.REFUSED, "nodata": Reason.LOCAL_ERROR}
KINDS = {"started": "up", "down": "down", "up": "up"}


@settings(deadline=None, max_examples=20, database=None, suppress_health_check=list(HealthCheck))
@given(histories(max_slots=10) | histories(max_slots=6, sick=True))
def test_the_pipeline_judges_as_specified(monkeypatch, history):
    history = replace(history, quiet=history.quiet[:1])  # the row of a monitor holds one time of maintenance
    every = slots.grid(MONITOR, history.site.interval // 1000, START - 1, max(history.slots, default=START))
    grid = [slot for slot in every if slot not in history.left_out]
    assume(history.slots and set(grid) <= set(history.slots))  # blindness without rounds is the domain's test
    monkeypatch.setattr(judging, "SETTLE_MS", 0)
    monkeypatch.setattr(sweeping, "SETTLE_MS", 0)
    with rolled_back():
        monitor = stage(history, grid)
        for event in history.log:
            incidents.apply(play(monitor, event))
        rows = Transition.objects.exclude(to_status="nodata").exclude(from_status="nodata").order_by("pk")
        assert [(row.to_status, to_ms(row.at)) for row in rows] == [
            (KINDS[kind], at) for kind, at, _ in spec.transitions(history)
        ]
        assert_incidents_match(history)
        now = history.log[-1].now
        asked = paces.wish(paces.since([monitor.pk], from_ms(0))[monitor.pk], now)
        assert asked.every == spec.wanted_pace(history, now)


def assert_incidents_match(history):
    downs = [at for kind, at, _ in spec.transitions(history) if kind == "down"]
    ups = [at for kind, at, _ in spec.transitions(history) if kind == "up"]
    found = Incident.objects.order_by("started_at")
    assert [to_ms(each.started_at) for each in found] == downs
    assert [to_ms(each.resolved_at) for each in found if each.resolved_at] == ups


def stage(history, grid):
    """The monitor of a history, with its slots handed out."""
    first = from_ms(START - 1)
    partitions.ensure_partitions(first.date(), ahead=2)
    site = history.site
    for pk in {*site.regions, *OTHERS}:
        Region.objects.create(id=pk, slug=f"r{pk}", name=f"R{pk}", key="key")
    monitor = Monitor.objects.create(
        id=MONITOR,
        team=team_of(make_user("alice")),
        name="Shop",
        target="http://shop.example/",
        interval=site.interval // 1000,
        timeout_ms=site.timeout,
        quorum=site.quorum,
        at_least=site.at_least,
        confirm=site.confirm,
        recover=site.recover,
        confirmation_period=site.confirmation_period // 1000,
        recovery_period=site.recovery_period // 1000,
    )
    monitor.regions.set(site.regions)
    Schedule.objects.create(monitor=monitor, next_slot_at=from_ms(grid[-1] + 1) if grid else first)
    State.objects.create(
        monitor=monitor,
        since=first,
        judged_until=first,
        accounted_until=first,
        last_decided=from_ms(START),
        sweep_at=first,
        maintenance_from=from_ms(history.quiet[0][0]) if history.quiet else None,
        maintenance_until=from_ms(history.quiet[0][1]) if history.quiet else None,
    )
    StatusInterval.objects.create(monitor=monitor, status="pending", start=first)
    for start, end, every, not_before in history.paces:
        moments = {"start": from_ms(start), "end": end and from_ms(end), "not_before": from_ms(not_before)}
        Pace.objects.create(monitor=monitor, every=every, **moments)
    for slot, eligible in history.slots.items():
        if slot not in grid:
            ExtraSlot.objects.create(monitor=monitor, slot=from_ms(slot), cause="manual", claimed_at=first)
        if eligible != site.regions:
            Round.objects.create(
                monitor=monitor,
                slot=from_ms(slot),
                eligible=sorted(eligible),
                stand_ins=sorted(eligible - site.regions),
                config_version=1,
            )
    return monitor


def play(monitor, event):
    match event:
        case spec.Heard(now, slot, region, vote):
            return take(f"r{region}", [outcome(monitor, slot, REASONS[vote])], now).changes
        case spec.Swept(now):
            hear_everything_until(now + 1)
            State.objects.update(sweep_at=from_ms(0))
            return sweeping.sweep(from_ms(now))[0].changes
        case spec.Doubted(now, region, since):
            RegionTrouble.objects.create(
                region_id=region, kind="canary", start=from_ms(now), doubted_from=from_ms(since)
            )
        case spec.Trusted(now, region):
            RegionTrouble.objects.filter(region_id=region, end=None).update(end=from_ms(now))
    return judging.judge_cases(judging.load_cases(judging.lock_states([monitor.pk])), event.now)


def hear_everything_until(ms):
    moment = from_ms(ms)
    Pulse.objects.update_or_create(name=RESULTS_PULSE, defaults={"at": moment, "since": from_ms(0)})
    for region in Region.objects.all():
        facts = {"started_at": moment, "heard_at": moment, "in_band_at": moment}
        RegionWorker.objects.update_or_create(region=region, name="worker", defaults=facts)


@contextmanager
def rolled_back():
    """A transaction of its own for each example."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
