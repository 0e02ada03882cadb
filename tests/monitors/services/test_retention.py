"""Old rounds, gaps, dead letters, troubles, roll-ups and partitions go; what is younger stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitors.models import DeadLetter, Gap, HourRollup, Region, RegionTrouble, Round
from monitors.models.levels import FIVES
from monitors.services import partitions, retention
from tests.monitors.services.cast import make_watched

pytestmark = pytest.mark.django_db


def test_only_what_is_older_goes():
    monitor, now = make_watched(), timezone.now()
    for days in (1, 40):
        at = now - timedelta(days=days)
        Round.objects.create(monitor=monitor, slot=at, eligible=[1], config_version=1)
        Gap.objects.create(monitor=monitor, start=at - timedelta(hours=1), end=at, reason="not_dispatched")
        DeadLetter.objects.filter(pk=DeadLetter.objects.create(error="x", payload="y").pk).update(received_at=at)
        RegionTrouble.objects.create(region=Region.objects.get(), kind="offline", start=at, end=at)
    lasting = RegionTrouble.objects.create(region=Region.objects.get(), kind="skewed", start=now - timedelta(days=99))
    assert retention.prune(now - timedelta(days=30)) == 4
    assert RegionTrouble.objects.count() == 2
    assert RegionTrouble.objects.contains(lasting)
    assert (Round.objects.count(), Gap.objects.count(), DeadLetter.objects.count()) == (1, 1, 1)


def test_a_long_backlog_goes_piece_by_piece(monkeypatch):
    monkeypatch.setattr(retention, "PIECE", 2)
    monitor, now = make_watched(), timezone.now()
    for minutes in range(5):
        Round.objects.create(monitor=monitor, slot=now - timedelta(minutes=minutes + 1), eligible=[1], config_version=1)
    assert [retention.prune(now) for _ in range(4)] == [2, 2, 1, 0]


def test_partitions_are_made_ahead():
    today = timezone.now().date()
    partitions.ensure_partitions(today)
    assert {today + timedelta(days=n) for n in range(-1, 8)} <= set(partitions.days())


def test_a_partition_of_any_day_is_made_and_dropped():
    day = timezone.now().date() - timedelta(days=60)
    partitions.ensure_partition(day)
    partitions.ensure_partition(day)
    assert day in partitions.days()
    assert partitions.drop_partition(day)
    assert day not in partitions.days()


@pytest.fixture
def none_old():
    """No old partition is left of a test that committed its own."""
    for table in partitions.TABLES:
        partitions.drop_partitions(timezone.now().date() - timedelta(days=30), table)


def test_partitions_are_dropped_by_age(none_old):
    today = timezone.now().date()
    partitions.ensure_partitions(today - timedelta(days=60), ahead=0)
    dropped = partitions.drop_partitions(today - timedelta(days=30))
    assert dropped == [today - timedelta(days=61), today - timedelta(days=60)]
    assert partitions.drop_partitions(today - timedelta(days=30)) == []


def test_five_minute_roll_ups_leave_with_their_partitions(none_old):
    today = timezone.now().date()
    partitions.ensure_partitions(today - timedelta(days=60), ahead=0)
    gone = [today - timedelta(days=61), today - timedelta(days=60)]
    assert partitions.drop_partitions(today - timedelta(days=30), FIVES.table) == gone
    assert partitions.drop_partitions(today - timedelta(days=30)) == gone


def test_old_roll_ups_go_one_stretch_at_a_time():
    monitor, now = make_watched(["eu", "us"]), timezone.now().replace(minute=0, second=0, microsecond=0)
    for hours in (1, 50, 51):
        for region in monitor.regions.all():
            at = now - timedelta(hours=hours)
            HourRollup.objects.create(monitor=monitor, region=region, start=at, up=1, down=0, nodata=0)
    assert [retention.prune_rollups(HourRollup, now - timedelta(hours=2)) for _ in range(3)] == [2, 2, 0]
    assert {row.start for row in HourRollup.objects.all()} == {now - timedelta(hours=1)}
