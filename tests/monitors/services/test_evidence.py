"""Evidence is stored beside its tick, sparingly; what PostgreSQL refuses costs neither the tick nor its neighbours."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from monitors.domain.keeping import AGAIN_MS, FIRST
from monitors.models import DeadLetter, Evidence, Region, Tick
from monitors.probes.base import MAX_EVIDENCE, Outcome
from monitors.probes.reasons import Reason
from monitors.services import edit, evidence
from monitors.times import from_ms
from tests.monitors.services.cast import make_watched, outcome, settle, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BAD = Reason.STATUS


@pytest.fixture
def monitor():
    return make_watched(["eu", "us"])


@pytest.fixture
def start(monitor):
    return settle(monitor)


def seen(monitor, slot, reason=None, **bundle):
    return outcome(monitor, slot, reason, evidence={"status": 503 if reason else 200, **bundle})


def kept(region="eu"):
    rows = Evidence.objects.filter(region__slug=region).order_by("slot")
    return [(row.vote, row.run) for row in rows]


def test_evidence_is_stored_with_its_tick(monitor, start):
    take("eu", [seen(monitor, start), outcome(monitor, start + 30_000)], start + 31_000)
    row = Evidence.objects.get()
    assert (row.monitor, row.region.slug, row.slot, row.vote) == (monitor, "eu", from_ms(start), "up")
    assert row.bundle == {"status": 200}
    assert Tick.objects.count() == 2


def test_nothing_is_asked_of_the_database_for_ordinary_checks(monitor, start, django_assert_num_queries):
    with django_assert_num_queries(0):
        evidence.keep(Region.objects.none().model(pk=1), [outcome(monitor, start)], None)


def test_several_workers_of_a_region_keep_no_more_than_one(monitor, start):
    slots = [start + number * 30_000 for number in range(25)]
    for region in ("eu", "us"):
        for part in (slots[:2], slots[2:9], slots[9:]):
            take(region, [seen(monitor, slot, BAD) for slot in part], part[-1] + 100)
    assert kept("eu") == kept("us") == [("down", 1), ("down", 2), ("down", 3), ("down", 4)]
    slot = start + 2 * AGAIN_MS
    take("eu", [seen(monitor, slot), seen(monitor, slot + 30_000)], slot + 31_000)
    assert kept("eu")[-1] == ("up", 1)
    assert len(kept("eu")) == FIRST + 2


def test_the_order_in_a_message_does_not_matter(monitor, start):
    slots = [start + number * 30_000 for number in range(6)]
    take("eu", [seen(monitor, slot, BAD) for slot in reversed(slots)], slots[-1] + 100)
    assert [row.slot for row in Evidence.objects.order_by("slot")] == [from_ms(slot) for slot in slots[:FIRST]]


def test_the_same_message_again_changes_nothing(monitor, start):
    message = [seen(monitor, start), seen(monitor, start + 30_000, BAD)]
    for _ in range(2):
        take("eu", message, start + 31_000)
    assert kept() == [("up", 1), ("down", 1)]


def test_a_bundle_that_postgresql_refuses_loses_neither_its_tick_nor_its_neighbours(monitor, start):
    bad = seen(monitor, start + 30_000, BAD, strange=float("nan"))
    take("eu", [seen(monitor, start), bad, seen(monitor, start + 60_000, BAD)], start + 61_000)
    assert Tick.objects.count() == 3
    assert [row.slot for row in Evidence.objects.order_by("slot")] == [from_ms(start), from_ms(start + 60_000)]
    letter = DeadLetter.objects.get()
    assert json.loads(letter.payload)[1] == bad.slot


def test_what_a_region_makes_up_is_stored_harmless(monitor, start):
    nasty = "\x00\x1b[31m\u202e\ud800"
    take("eu", [seen(monitor, start, BAD, said=nasty, headers=[[nasty, nasty]], **{nasty: 1})], start + 100)
    text = json.dumps(Evidence.objects.get().bundle, ensure_ascii=False)
    assert text.isprintable()
    assert "\\x1b[31m" in Evidence.objects.get().bundle["said"]


@pytest.mark.parametrize("bundle", [[], "text", {"said": "x" * MAX_EVIDENCE}])
def test_a_bundle_that_is_none_or_too_large_is_not_taken(monitor, start, bundle):
    wire = outcome(monitor, start).to_wire()
    wire[-1] = bundle
    with pytest.raises(ValueError, match="evidence"):
        Outcome.from_wire(wire)


def test_a_bundle_nested_without_end_is_not_taken(monitor, start):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    wire = outcome(monitor, start).to_wire()
    wire[-1] = {"said": deep}
    with pytest.raises(ValueError, match="evidence"):
        Outcome.from_wire(wire)


def test_old_evidence_goes_and_the_last_good_one_of_each_region_stays(monitor):
    eu, us = Region.objects.order_by("slug")
    now = timezone.now()

    def make(region, days, vote):
        at = now - timedelta(days=days)
        return Evidence.objects.create(monitor=monitor, region=region, slot=at, vote=vote, run=1, bundle={}).pk

    make(eu, 50, "up")
    stays = {make(eu, 45, "up"), make(us, 60, "up"), make(us, 5, "down")}
    make(eu, 40, "down")
    make(us, 61, "up")
    make(us, 40, "down")
    assert evidence.prune(now - timedelta(days=30)) == 4
    assert set(Evidence.objects.values_list("pk", flat=True)) == stays
    assert evidence.prune(now - timedelta(days=30)) == 0


def test_a_backlog_goes_piece_by_piece(monitor, monkeypatch):
    monkeypatch.setattr(evidence, "PIECE", 2)
    now = timezone.now()
    for number in range(5):
        slot = now - timedelta(days=40, minutes=number)
        Evidence.objects.create(
            monitor=monitor, region=Region.objects.first(), slot=slot, vote="down", run=1, bundle={}
        )
    assert [evidence.prune(now - timedelta(days=30)) for _ in range(4)] == [2, 2, 1, 0]


def test_it_leaves_with_its_monitor(monitor, start):
    take("eu", [seen(monitor, start)], start + 100)
    edit.delete(monitor)
    assert edit.purge(timezone.now() + timedelta(hours=2)) == 1
    assert not Evidence.objects.exists()
