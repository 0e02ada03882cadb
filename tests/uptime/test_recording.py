"""What was put aside can be replayed: by the way it came, as often as one likes, and never as if it were new."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitors.models import DeadLetter, Pulse, Region, RegionWorker, Tick
from monitors.probes.reasons import Reason
from monitors.services import pulses, regions
from monitors.times import now_ms, to_ms
from tests.monitors.services.cast import claimed, make_watched, outcome
from uptime import recording
from uptime.lib.crypto import key_bytes, new_key, seal

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def sealed(payload, key=None, slug="eu"):
    return seal(key or key_bytes(Region.objects.get(slug=slug).key), "results", slug, now_ms(), payload)


def failed_check(monitor):
    """The wire of an outcome of the monitor's first check."""
    [(_, check)] = claimed(now_ms())
    return outcome(monitor, check.slot, Reason.REFUSED).to_wire()


def put_aside_under_another_key(payload):
    """A message that cannot be read because the centre holds another key than the worker; returns its letter."""
    right, wrong = Region.objects.get().key, new_key()
    Region.objects.update(key=wrong)
    recording.take("eu", sealed(payload, key_bytes(right)))
    letter = DeadLetter.objects.get()
    assert not recording.replay(letter)  # the cause is still there
    Region.objects.update(key=right)
    return letter


def test_a_message_is_stored_once_its_cause_is_gone():
    monitor = make_watched(interval=3600)
    letter = put_aside_under_another_key({"outcomes": [failed_check(monitor)]})
    assert DeadLetter.objects.get().tries == 1
    assert recording.replay(letter)
    assert Tick.objects.get().vote == "down"
    assert not DeadLetter.objects.exists()


def test_what_is_stored_is_counted(monkeypatch):
    monkeypatch.setattr(recording, "stored", pulses.Tally(pulses.STORED))
    monitor = make_watched(interval=3600)
    good = failed_check(monitor)
    of_nobody = [987_654_321, *good[1:]]
    recording.take("eu", sealed({"outcomes": [good, of_nobody, ["nonsense"]]}))
    assert Pulse.objects.get(name=pulses.STORED).done == 1


def test_replaying_twice_stores_once():
    monitor = make_watched(interval=3600)
    letter = put_aside_under_another_key({"outcomes": [failed_check(monitor)]})
    assert recording.replay(letter)
    assert recording.replay(letter)
    assert Tick.objects.count() == 1


def test_a_good_message_is_replayed_without_being_put_aside_again():
    monitor = make_watched(interval=3600)
    letter = put_aside_under_another_key({"outcomes": [failed_check(monitor), ["nonsense"]]})
    assert recording.replay(letter)
    assert [each.kind for each in DeadLetter.objects.all()] == ["outcome"]  # its one bad row


def test_an_outcome_that_the_database_did_not_take_can_be_replayed():
    monitor = make_watched(interval=3600)
    wire = failed_check(monitor)
    bad = [*wire[:11], "a \x00 byte", *wire[12:]]  # its detail
    recording.take("eu", sealed({"outcomes": [bad]}))
    letter = DeadLetter.objects.get()
    assert not recording.replay(letter)
    assert (DeadLetter.objects.count(), Tick.objects.count()) == (1, 0)
    DeadLetter.objects.update(payload=letter.payload.replace("\\u0000", "?"))
    assert recording.replay(DeadLetter.objects.get())
    assert Tick.objects.get().detail == "a ? byte"


@pytest.mark.parametrize("payload", ["", "nonsense", "[1]", "[[]]"])
@pytest.mark.parametrize("kind", ["message", "outcome"])
def test_nonsense_stays_where_it_is_and_says_why(kind, payload):
    make_watched()
    letter = DeadLetter.objects.create(region="eu", kind=kind, error="first", payload=payload)
    assert not recording.replay(letter)
    letter = DeadLetter.objects.get()
    assert (letter.tries, letter.error == "first") == (1, False)


def test_what_is_refused_today_is_kept_and_says_so():
    monitor = make_watched(interval=3600)
    wire = failed_check(monitor)
    wire[1] = to_ms(timezone.now() - timedelta(days=2))
    letter = put_aside_under_another_key({"outcomes": [wire]})
    assert not recording.replay(letter)
    assert "more than a day away" in DeadLetter.objects.get().error


def test_a_replayed_sign_of_life_brings_nobody_back_to_life():
    make_watched()
    letter = put_aside_under_another_key({"sign": ["host:1", now_ms(), 3, 1.5, "0.1.0"]})
    assert recording.replay(letter)
    assert not RegionWorker.objects.exists()


def test_a_replayed_beacon_moves_no_clock_back():
    now = timezone.now()
    Pulse.objects.create(name=regions.RESULTS_PULSE, at=now, since=now)
    old = seal(regions.centre_key(), "beacon", "", now_ms() - 60_000, None)
    assert recording.replay(DeadLetter.objects.create(region="", error="x", payload=old))
    assert Pulse.objects.get().at == now
