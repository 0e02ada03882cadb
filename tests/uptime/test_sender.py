"""A region's results leave in order and survive a broker that is away."""

import threading
import time

from kombu.exceptions import OperationalError

from monitors.domain.verdict import Vote
from monitors.probes.base import Outcome, Phases
from tests.helpers import wait_until
from uptime import sender as sending
from uptime.lib.crypto import key_bytes, new_key, unseal
from uptime.sender import Sender
from uptime.testwire import OfTest

KEY = key_bytes(new_key())


class Broker:
    """Takes what is published, unless it is away; stands where the Celery app does."""

    def __init__(self):
        self.payloads, self.away = [], threading.Event()

    def send_task(self, name, args, queue, argsrepr):
        if self.away.is_set():
            raise OperationalError("away")
        self.payloads.append(unseal(KEY, "results", args[0], args[1])[1])


def outcome(slot):
    return Outcome(
        monitor=1, slot=slot, version=1, vote=Vote.UP, reason=None, started_at=slot, response_ms=1.0, phases=Phases(),
        attempts=1, status_code=200, address="192.0.2.1", detail="",
    )  # fmt: skip


def slots(broker):
    return [wire[1] for payload in broker.payloads for wire in payload.get("outcomes", [])]


def run(broker):
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    sender.start()
    return sender


def test_outcomes_travel_together_and_a_sign_of_life_behind_those_before_it():
    broker = Broker()
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    sender.put(outcome(1))
    sender.put(outcome(2))
    sender.sign(["worker", 1, 0, 0.0, "v"])
    sender.put(outcome(3))
    sender.start()
    sender.stop()
    assert [sorted(payload) for payload in broker.payloads] == [["outcomes"], ["sign"], ["outcomes"]]
    assert slots(broker) == [1, 2, 3]


def test_what_came_of_tests_travels_apart():
    broker = Broker()
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    for each in (outcome(1), OfTest(outcome(2)), OfTest(outcome(3)), outcome(4)):
        sender.put(each)
    sender.start()
    sender.stop()
    assert [sorted(payload) for payload in broker.payloads] == [["outcomes"], ["tests"], ["outcomes"]]
    assert [wire[1] for wire in broker.payloads[1]["tests"]] == [2, 3]


def test_a_sign_says_when_it_was_sent_not_only_when_it_was_given(monkeypatch):
    """It may have waited for the broker; only the moment of sending tells of the clock."""
    broker, clock = Broker(), iter([1_000, 9_000])
    monkeypatch.setattr(sending, "_now", lambda: next(clock))
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    sender.sign(["worker"])
    sender.start()
    sender.stop()
    assert broker.payloads == [{"sign": ["worker", 9_000]}]


def test_many_outcomes_leave_in_parts_of_bounded_size():
    broker = Broker()
    sender = run(broker)
    for slot in range(1, 2 * sending.PART + 11):
        sender.put(outcome(slot))
    sender.stop()
    assert max(len(payload["outcomes"]) for payload in broker.payloads) <= sending.PART
    assert slots(broker) == list(range(1, 2 * sending.PART + 11))


def test_what_comes_while_a_full_message_is_made_waits_for_company_too(monkeypatch):
    """Else every full message is followed by one of a few, and each costs the centre as much as a hundred outcomes."""
    monkeypatch.setattr(sending, "GATHER_BUSY", 60.0)  # only company ends the wait
    broker = Broker()
    sender, take = Sender(broker, "eu", KEY, {"queue": "results"}), broker.send_task

    def put(count):
        for _ in range(count):
            sender.put(outcome(1))

    def slow(*args, **kwargs):
        take(*args, **kwargs)
        put(40 if len(broker.payloads) == 1 else 0)

    broker.send_task = slow
    put(sending.PART)
    sender.start()
    wait_until(lambda: len(sender._waiting) == 40)
    put(sending.PART - 40)
    wait_until(lambda: len(slots(broker)) == 2 * sending.PART)
    sender.stop()
    assert [len(payload["outcomes"]) for payload in broker.payloads] == [sending.PART, sending.PART]


def test_evidence_makes_parts_smaller_and_is_given_up_while_much_waits(monkeypatch):
    monkeypatch.setattr(sending, "HEAVY", 10)
    monkeypatch.setattr(sending, "HEAVY_KEPT", 25)
    broker = Broker()
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    for slot in range(40):
        seen = outcome(slot)
        seen.evidence = {"status": 503}
        sender.put(seen)
    sender.start()
    sender.stop()
    wires = [payload["outcomes"] for payload in broker.payloads]
    assert slots(broker) == list(range(40))
    assert sum(wire[-1] is not None for part in wires for wire in part) == 25
    assert max(sum(wire[-1] is not None for wire in part) for part in wires) <= 11


def test_while_many_come_they_wait_longer_for_company_and_while_few_come_hardly():
    broker = Broker()
    sender = run(broker)
    for slot in range(1, sending.BUSY):
        sender.put(outcome(slot))
    wait_until(lambda: broker.payloads)
    began = time.monotonic()
    sender.put(outcome(1))
    wait_until(lambda: len(broker.payloads) == 2)
    busy, began = time.monotonic() - began, time.monotonic()
    sender.put(outcome(2))
    wait_until(lambda: len(broker.payloads) == 3)
    quiet = time.monotonic() - began
    sender.stop()
    assert busy > sending.GATHER
    assert quiet < busy


def test_while_the_broker_is_away_results_wait_in_order(monkeypatch):
    monkeypatch.setattr(sending, "RETRY", 0.01)
    broker = Broker()
    broker.away.set()
    sender = run(broker)
    for slot in range(1, 6):
        sender.put(outcome(slot))
    wait_until(lambda: not sender._wake.is_set())
    broker.away.clear()
    wait_until(lambda: slots(broker) == [1, 2, 3, 4, 5])
    sender.stop()


def test_what_does_not_fit_any_more_is_the_oldest(monkeypatch):
    monkeypatch.setattr(sending, "KEEP", 10)
    broker = Broker()
    sender = Sender(broker, "eu", KEY, {"queue": "results"})
    for slot in range(1, 16):
        sender.put(outcome(slot))
    sender.start()
    sender.stop()
    assert slots(broker) == list(range(6, 16))
