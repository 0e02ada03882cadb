"""Roll-ups are what a slow and obvious recomputation from the ticks says, once each, whatever happens in between."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from django.db import transaction
from django.utils import timezone

from monitors.domain.histogram import count, unpack
from monitors.models import DayRollup, FiveMinuteRollup, HourRollup, Monitor, RolledUp, State, Tick
from monitors.models.levels import PHASES
from monitors.probes.base import Phases
from monitors.probes.reasons import Reason
from monitors.services import edit, partitions, rollups
from monitors.services.rollups import roll_up
from monitors.times import to_ms
from tests.factories import make_monitor, make_region, make_user, team_of
from tests.monitors.services.cast import make_watched, outcome, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LEVELS = {FiveMinuteRollup: 300, HourRollup: 3600, DayRollup: 86_400}
NEW_MONTH = datetime(2026, 3, 1, tzinfo=UTC)
VOTES = ["up"] * 12 + ["down", "down", "nodata"]


def until(monitor):
    return RolledUp.objects.get(pk=monitor.pk).until


def settled(monitor, moment):
    """Everything up to `moment` is accounted for."""
    State.objects.filter(pk=monitor.pk).update(accounted_until=moment)


def started(monitor, moment):
    """Its history begins at `moment`, and nothing of it is rolled up."""
    RolledUp.objects.update_or_create(monitor=monitor, defaults={"until": moment})


def roll_all(now):
    while roll_up(now):
        pass


def tick(chance, monitor, region, slot):
    vote = chance.choice(VOTES)
    phases = [round(chance.lognormvariate(2, 1), 2) if chance.random() < 0.8 else None for _ in PHASES]
    ms = sum(ms or 0 for ms in phases) if vote == "up" else chance.choice([None, 812.5])
    timed = dict(zip((f"{phase}_ms" for phase in PHASES), phases, strict=True)) if ms is not None else {}
    return Tick(monitor=monitor, region=region, slot=slot, vote=vote, config_version=1, response_ms=ms, **timed)


def history(chance, monitor, regions, start, end):
    """Random ticks in [start, end), on the grid and beside it, some regions silent at times."""
    for day in range((end - start).days + 1):
        partitions.ensure_partitions((start + timedelta(days=day)).date(), ahead=1)
    ticks, slot = [], start
    while slot < end:
        ticks += [tick(chance, monitor, region, slot) for region in regions if chance.random() < 0.9]
        slot += timedelta(seconds=chance.choice([7, 60, 60, 300, 900, 3600]), milliseconds=chance.randrange(1000))
    Tick.objects.bulk_create(ticks)
    return ticks


def recomputed(ticks, width):
    """{(monitor, region, start): the roll-up as a dict}, tick by tick."""
    groups = defaultdict(list)
    for each in ticks:
        seconds = int(each.slot.timestamp())
        groups[each.monitor_id, each.region_id, datetime.fromtimestamp(seconds - seconds % width, UTC)].append(each)
    return {key: summary(group) for key, group in groups.items()}


def summary(ticks):
    good = [each for each in ticks if each.vote == "up" and each.response_ms is not None]
    times = [each.response_ms for each in good]
    found = {vote: sum(each.vote == vote for each in ticks) for vote in ("up", "down", "nodata")}
    for phase in PHASES:
        spent = [ms for each in good if (ms := getattr(each, f"{phase}_ms")) is not None]
        found[f"{phase}_sum"] = sum(spent) if spent else None
    found |= {"low": min(times, default=None), "high": max(times, default=None)}
    found |= {"response_sum": sum(times) if times else None, "histogram": count(times)}
    return found


def stored(model):
    return {
        (row.monitor_id, row.region_id, row.start): {
            name: getattr(row, name) for name in summary([]) if name != "histogram"
        }
        | {"histogram": unpack(row.histogram)}
        for row in model.objects.all()
    }


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        for name, value in row.items():
            near = value if value is None or name == "histogram" else pytest.approx(value, rel=1e-5)
            assert found[key][name] == near, (key, name)


@pytest.mark.parametrize("seed", range(4))
def test_every_level_is_what_the_ticks_say(seed):
    chance = Random(seed)
    team, regions = team_of(make_user()), [make_region("eu"), make_region("us")]
    start, end = NEW_MONTH - timedelta(hours=chance.randrange(1, 40)), NEW_MONTH + timedelta(hours=30)
    monitors = [make_monitor(team, regions=regions, interval=chance.choice([7, 60])) for _ in range(2)]
    ticks = [each for monitor in monitors for each in history(chance, monitor, regions, start, end)]
    for monitor in monitors:
        started(monitor, start)
        settled(monitor, end)
    roll_all(end)
    for model, width in LEVELS.items():
        whole = [each for each in ticks if each.slot < end - (end - NEW_MONTH) % timedelta(seconds=width)]
        assert_same(stored(model), recomputed(whole, width))


def test_again_is_no_change_and_in_pieces_is_the_same(monkeypatch):
    chance, region = Random(5), make_region("eu")
    monitor = make_monitor(team_of(make_user()), regions=[region])
    start = NEW_MONTH - timedelta(days=2)
    history(chance, monitor, [region], start, NEW_MONTH)
    settled(monitor, NEW_MONTH)
    monkeypatch.setattr(rollups, "PIECE", 100)
    started(monitor, start)
    roll_all(NEW_MONTH)
    first = [stored(model) for model in LEVELS]
    assert roll_up(NEW_MONTH) is False
    monkeypatch.undo()
    started(monitor, start)
    roll_all(NEW_MONTH)
    assert [stored(model) for model in LEVELS] == first
    assert all(first)


def test_a_backlog_of_ten_days_goes_in_bounded_pieces(monkeypatch):
    chance, region = Random(6), make_region("eu")
    monitor = make_monitor(team_of(make_user()), regions=[region], interval=60)
    ticks = history(chance, monitor, [region], NEW_MONTH, NEW_MONTH + timedelta(days=10))
    started(monitor, NEW_MONTH)
    settled(monitor, NEW_MONTH + timedelta(days=10))
    monkeypatch.setattr(rollups, "PIECE", 600)  # ten hours of it
    pieces = 1
    while roll_up(NEW_MONTH + timedelta(days=10)):
        assert until(monitor) - NEW_MONTH <= pieces * timedelta(hours=10)
        pieces += 1
    assert pieces >= 24
    assert_same(stored(DayRollup), recomputed(ticks, 86_400))


def test_five_minutes_that_may_still_change_are_left_alone():
    region, monitor = make_region("eu"), make_monitor(team_of(make_user()))
    chance = Random(1)
    Tick.objects.bulk_create(tick(chance, monitor, region, timezone.now() - timedelta(minutes=n)) for n in range(4))
    started(monitor, rollups.floor(timezone.now(), rollups.FIVE_MINUTES) - timedelta(minutes=5))
    settled(monitor, until(monitor) + timedelta(minutes=4, seconds=59))
    roll_all(timezone.now())
    assert FiveMinuteRollup.objects.count() == 0
    settled(monitor, until(monitor) + timedelta(minutes=5))
    before = until(monitor)
    roll_all(timezone.now())
    assert until(monitor) == before + timedelta(minutes=5)


def test_a_crash_loses_the_whole_piece_and_the_next_run_does_it():
    region, monitor = make_region("eu"), make_monitor(team_of(make_user()))
    ticks = history(Random(2), monitor, [region], NEW_MONTH, NEW_MONTH + timedelta(hours=3))
    started(monitor, NEW_MONTH)
    settled(monitor, NEW_MONTH + timedelta(hours=3))
    with transaction.atomic():
        roll_up(timezone.now())
        transaction.set_rollback(True)
    assert (until(monitor), FiveMinuteRollup.objects.count()) == (NEW_MONTH, 0)
    roll_all(timezone.now())
    assert_same(stored(HourRollup), recomputed(ticks, 3600))


# Who is not watched any more
@pytest.mark.parametrize("stop", [edit.pause, edit.delete])
def test_a_monitor_that_is_stopped_is_finished_and_then_never_looked_at_again(stop):
    monitor = make_watched()
    stop(monitor)
    next_day = rollups.floor(timezone.now(), rollups.DAY) + timedelta(days=1)
    roll_all(next_day + timedelta(hours=1))
    assert until(monitor) == next_day
    with transaction.atomic():
        assert rollups._claim(next_day + timedelta(days=50)) == []


def test_a_monitor_that_waits_does_not_hold_up_others():
    team, region = team_of(make_user()), make_region("eu")
    waiting, lively = make_monitor(team, regions=[region]), make_monitor(team, regions=[region])
    history(Random(3), lively, [region], NEW_MONTH, NEW_MONTH + timedelta(hours=1))
    for monitor in (waiting, lively):
        started(monitor, NEW_MONTH)
    settled(waiting, NEW_MONTH)
    settled(lively, NEW_MONTH + timedelta(hours=1))
    roll_all(timezone.now())
    assert (until(waiting), until(lively)) == (NEW_MONTH, NEW_MONTH + timedelta(hours=1))


def test_a_new_monitor_takes_part_from_when_it_was_made():
    monitor = make_monitor(team_of(make_user()))
    roll_up(timezone.now())
    assert timedelta(0) <= Monitor.objects.get().created_at - until(monitor) < timedelta(minutes=5)


def test_who_purges_a_monitor_purges_its_roll_ups():
    monitor, region = make_watched(), make_region("us")
    for model in (HourRollup, DayRollup):
        model.objects.create(monitor=monitor, region=region, start=NEW_MONTH, up=1, down=0, nodata=0)
    edit.delete(monitor)
    edit.purge(timezone.now() + timedelta(hours=2))
    assert (HourRollup.objects.count(), DayRollup.objects.count(), RolledUp.objects.count()) == (0, 0, 0)


# Late ticks
@pytest.mark.parametrize("stop", [edit.pause, lambda monitor: edit.change(monitor, {"interval": 60})])
def test_an_outcome_that_comes_after_an_edit_or_a_pause_is_rolled_up_too(stop):
    monitor = make_watched()
    now = timezone.now()
    started(monitor, rollups.floor(now, rollups.FIVE_MINUTES) - timedelta(minutes=30))
    stop(monitor)
    roll_all(now + timedelta(minutes=10))
    slot = rollups.floor(now, rollups.FIVE_MINUTES) - timedelta(minutes=7)
    assert until(monitor) > slot
    take("eu", [outcome(monitor, to_ms(slot), phases=Phases(dns=2.5, first_byte=10.0))], to_ms(now))
    roll_all(now + timedelta(minutes=10))
    (row,) = FiveMinuteRollup.objects.all()
    assert (row.start, row.up) == (rollups.floor(slot, rollups.FIVE_MINUTES), 1)
    assert (row.dns_sum, row.tls_sum, row.response_sum, row.high) == (2.5, None, 12.5, 12.5)


def test_what_comes_in_time_takes_nothing_back():
    monitor = make_watched()
    now = timezone.now()
    settled(monitor, now - timedelta(minutes=1))
    started(monitor, now + timedelta(hours=1))
    take("eu", [outcome(monitor, to_ms(now), Reason.TIMEOUT_CONNECT)], to_ms(now))
    assert until(monitor) == now + timedelta(hours=1)
