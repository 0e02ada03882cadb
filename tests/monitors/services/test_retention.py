"""Old rounds, gaps, dead letters and partitions go; what is younger stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitors.models import DeadLetter, Gap, Round
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
    assert retention.prune(now - timedelta(days=30)) == 3
    assert (Round.objects.count(), Gap.objects.count(), DeadLetter.objects.count()) == (1, 1, 1)


def test_a_long_backlog_goes_piece_by_piece(monkeypatch):
    monkeypatch.setattr(retention, "PIECE", 2)
    monitor, now = make_watched(), timezone.now()
    for minutes in range(5):
        Round.objects.create(monitor=monitor, slot=now - timedelta(minutes=minutes + 1), eligible=[1], config_version=1)
    assert [retention.prune(now) for _ in range(4)] == [2, 2, 1, 0]


def test_partitions_are_made_ahead_and_dropped_by_age():
    today = timezone.now().date()
    partitions.ensure_partitions(today)
    partitions.ensure_partitions(today - timedelta(days=60), ahead=0)
    dropped = partitions.drop_partitions(today - timedelta(days=30))
    assert dropped == [today - timedelta(days=61), today - timedelta(days=60)]
    assert partitions.drop_partitions(today - timedelta(days=30)) == []
