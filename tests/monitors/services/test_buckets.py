"""Monitors of one domain share what a region may ask of it; addresses and one's own network are never spared."""

import threading

import pytest
from django.db import connection

from monitors.models import Bucket, ExtraSlot, Monitor, Schedule, Tick
from monitors.services import edit
from monitors.targets import domain_of
from monitors.times import from_ms, now_ms
from tests.factories import make_region, make_user, team_of
from tests.monitors.services.cast import claimed

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.parametrize(
    ("kind", "target", "domain"),
    [
        ("http", "https://www.shop.co.uk/path?x=1", "shop.co.uk"),
        ("http", "https://alice.github.io/", "alice.github.io"),
        ("http", "https://192.0.2.1:8443/", ""),
        ("http", "https://[2001:db8::1]/", ""),
        ("http", "http://localhost:8000/", ""),
        ("http", "http://nas.lan/", ""),
        ("http", "http://intranet/", ""),
        ("tcp", "db.shop.example:5432", "shop.example"),
        ("tcp", "[2001:db8::1]:5432", ""),
        ("ping", "10.0.0.1", ""),
        ("ping", "Www.Shop.Example", "shop.example"),
        ("heartbeat", "nightly-backup", ""),
    ],
)
def test_whose_servers_a_target_goes_to(kind, target, domain):
    assert domain_of(kind, target) == domain


def make_many(count, target="https://w{n}.shop.example/", interval=30, regions=("eu",)):
    user = make_user()
    places = [make_region(slug) for slug in regions]
    made = [
        edit.create(
            team_of(user), user, {"name": f"{n}", "target": target.format(n=n), "interval": interval, "regions": places}
        )
        for n in range(count)
    ]
    Schedule.objects.update(next_slot_at=None)
    ExtraSlot.objects.update(slot=from_ms(now_ms()))
    return made


def test_fifty_first_checks_of_one_domain_are_spread_within_their_slots():
    make_many(50, regions=("eu", "us"))
    sent = claimed(now_ms())
    for region in ("eu", "us"):
        offsets = sorted(check.offset_ms for place, check in sent if place == region)
        assert offsets == [0] * 10 + [200 * n for n in range(1, 41)]
    assert Bucket.objects.count() == 2


def test_what_does_not_fit_is_no_data_held_back_and_not_sent():
    made = make_many(100)
    sent = claimed(now_ms())
    assert len(sent) == 55
    held = Tick.objects.filter(reason="throttled", vote="nodata")
    assert {tick.monitor_id for tick in held} == {each.pk for each in made} - {check.monitor for _, check in sent}


@pytest.mark.parametrize(
    "targets", [["https://192.0.2.{n}/"], ["http://localhost:{n}/"], ["http://h{n}.lan/"], ["https://shop{n}.example/"]]
)
def test_addresses_ones_own_network_and_domains_with_one_monitor_are_not_spared(targets):
    make_many(30, targets[0])
    assert {check.offset_ms for _, check in claimed(now_ms())} == {0}
    assert not Bucket.objects.exists()


def test_no_limit_spares_nobody(settings):
    settings.DOMAIN_CHECKS_PER_SECOND = 0
    make_many(100)
    assert len(claimed(now_ms())) == 100


def test_who_is_held_back_changes_from_round_to_round():
    made = make_many(100)
    first = {check.monitor for _, check in claimed(now_ms())}
    later = now_ms() + 60_000
    ExtraSlot.objects.all().delete()
    ExtraSlot.objects.bulk_create([ExtraSlot(monitor=each, slot=from_ms(later), cause="manual") for each in made])
    second = {check.monitor for _, check in claimed(later)}
    assert first != second


def test_a_changed_address_moves_a_monitor_to_another_bucket():
    monitor = make_many(1)[0]
    assert monitor.domain == "shop.example"
    edit.change(monitor, {"target": "https://other.example/"})
    assert Monitor.objects.get().domain == "other.example"


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_share_one_bucket():
    make_many(60)
    now, sent, barrier = now_ms(), [], threading.Barrier(2)

    def work():
        barrier.wait()
        sent.extend(check.offset_ms for _, check in claimed(now))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [0] * 10 + [200 * n for n in range(1, 46)]
