"""What a monitor's page says of its regions: who is not trusted, and who looks in whose place."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from monitors.domain.slots import next_slot
from monitors.models import RegionTrouble, Round, Schedule, State, Tick
from monitors.services.partitions import ensure_partitions
from monitors.times import from_ms, now_ms
from tests.factories import make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


def trouble(region, kind="disagrees"):
    start = timezone.now()
    return RegionTrouble.objects.create(
        region=region, kind=kind, start=start, doubted_from=None if kind == "offline" else start - timedelta(seconds=71)
    )


def page(client, monitor):
    return client.get(reverse("monitors:detail", args=[monitor.pk])).content.decode()


def stood_in(monitor, region):
    """The newest slot was given to `region`."""
    slot = next_slot(monitor.pk, monitor.interval, now_ms()) - monitor.interval * 1000
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=from_ms(slot + monitor.interval * 1000))
    stand_ins = {"eligible": [region.pk], "stand_ins": [region.pk]}
    return Round.objects.create(monitor=monitor, slot=from_ms(slot), config_version=1, **stand_ins)


def test_who_is_not_trusted_is_said_with_the_reason_and_since_when(client, alice):
    eu, us = make_region("eu"), make_region("us")
    monitor = make_monitor(team_of(alice), regions=[eu, us])
    trouble(eu)
    found = page(client, monitor)
    assert found.count("Not trusted since") == 1
    assert "it disagrees with the others. Its votes count as no data." in found


def test_who_stands_in_for_whom_is_said(client, alice):
    local, us = make_region("local"), make_region("us", name="US East")
    monitor = make_monitor(team_of(alice), regions=[local])
    trouble(local, "offline")
    stood_in(monitor, us)
    found = page(client, monitor)
    assert "Checked from <strong>US East</strong> in place of Local, which is offline since" in found


def test_after_the_hand_back_nothing_is_said_any_more(client, alice):
    local, us = make_region("local"), make_region("us", name="US East")
    monitor = make_monitor(team_of(alice), regions=[local])
    row = stood_in(monitor, us)
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=row.slot + timedelta(seconds=2 * monitor.interval))
    assert "in place of" not in page(client, monitor)


def test_a_paused_monitor_is_checked_from_nowhere(client, alice):
    local, us = make_region("local"), make_region("us", name="US East")
    monitor = make_monitor(team_of(alice), regions=[local], paused=True, status="paused")
    stood_in(monitor, us)
    Schedule.objects.filter(pk=monitor.pk).update(next_slot_at=None)
    assert "in place of" not in page(client, monitor)


def test_the_latest_round_says_whose_vote_did_not_count(client, alice):
    """Also where no Round row was written yet: the vote that is stored is not the one that counted."""
    eu, us, asia = (make_region(slug) for slug in ("eu", "us", "asia"))
    monitor = make_monitor(team_of(alice), regions=[eu, us, asia], status="up")
    slot = timezone.now() - timedelta(seconds=20)
    ensure_partitions(slot.date(), ahead=0)
    for region, vote in ((eu, "down"), (us, "up"), (asia, "up")):
        Tick.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, config_version=1)
    State.objects.filter(pk=monitor.pk).update(judged_until=slot)
    trouble(eu)
    found = page(client, monitor)
    assert "2 of 3 regions saw it up; Eu is not trusted: it disagrees with the others since" in found
