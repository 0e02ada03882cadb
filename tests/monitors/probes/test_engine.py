"""Slots, lateness, one deadline, the second attempt, room, stopping: what the engine owes every kind."""

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.engine import Engine
from monitors.probes.kinds import KINDS, Finding, Request
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of, now_ms
from tests.servers import SILENT, NameServer, Target, answer, hang, redirect, reset, slow, turns
from uptime.lib.net import check_url
from uptime.lib.resolver import Names

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def target():
    with Target() as website:
        yield website


# Starting ----------------------------------------------------------------------------------------------------------
def test_a_check_starts_at_its_slot_and_not_before(prober, target):
    slot = now_ms() + 300
    outcome = prober.probe(target.url, slot=slot)
    assert outcome.vote is Vote.UP
    assert slot <= outcome.started_at < slot + 250


def test_a_check_past_its_lateness_is_not_started(prober, target):
    outcome = prober.probe(target.url, slot=now_ms() - 2500, lateness_ms=2000)
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.MISSED_WINDOW)
    assert outcome.attempts == 0
    assert outcome.started_at is None
    assert "2.5 s after its slot" in outcome.detail
    assert target.requests == []


def test_a_check_within_its_lateness_is_started_late(prober, target):
    outcome = prober.probe(target.url, slot=now_ms() - 1500, lateness_ms=2000)
    assert outcome.vote is Vote.UP


def test_a_slot_far_in_the_future_means_that_a_clock_is_wrong(prober, target):
    outcome = prober.probe(target.url, slot=now_ms() + 3_600_000)
    assert outcome.reason is Reason.LOCAL_ERROR
    assert "ahead of this region's clock" in outcome.detail


def test_the_earliest_slots_are_admitted_first(make_prober, target):
    prober = make_prober(handles=1)
    now = now_ms()
    prober.submit(*(check_of(target.url, monitor=number, slot=now - number) for number in range(1, 5)))
    wait_until(lambda: len(prober.outcomes) == 4)
    assert [outcome.monitor for outcome in prober.outcomes] == [4, 3, 2, 1]


# Two attempts ------------------------------------------------------------------------------------------------------
def test_a_failure_is_tried_once_more_after_a_second(prober, target):
    target.does(answer(500))
    start = time.monotonic()
    outcome = prober.probe(target.url, timeout_ms=4000)
    assert time.monotonic() - start >= 1
    assert (outcome.reason, outcome.attempts, len(target.requests)) == (Reason.STATUS, 2, 2)
    assert target.requests[1].at - target.requests[0].at >= 1
    assert outcome.response_ms < 1000


def test_a_second_attempt_that_succeeds_is_up(prober, target):
    target.does(reset())
    prober.submit(check_of(target.url, timeout_ms=4000))
    wait_until(lambda: target.requests)
    target.heals()
    outcome = wait_until(lambda: prober.of(1))
    assert (outcome.vote, outcome.attempts, outcome.status_code) == (Vote.UP, 2, 200)


def test_the_second_attempt_looks_the_name_up_afresh(make_prober, target):
    with NameServer({"www.example": turns(["127.0.0.3"], ["127.0.0.1"])}, ttl=300) as server:
        prober = make_prober(names=Names((server.address,)))
        outcome = prober.probe(f"http://www.example:{target.port}/", timeout_ms=4000)
    assert (outcome.vote, outcome.attempts, outcome.address) == (Vote.UP, 2, "127.0.0.1")


@pytest.mark.parametrize("behaviour", [hang, answer(429)])
def test_timeouts_and_rate_limits_are_not_tried_again(prober, target, behaviour):
    target.does(behaviour)
    outcome = prober.probe(target.url, timeout_ms=2200)
    assert (outcome.attempts, len(target.requests)) == (1, 1)


def test_without_time_for_a_second_attempt_there_is_none(prober, target):
    target.does(slow(0.3, answer(500)))
    assert prober.probe(target.url, timeout_ms=2200).attempts == 1
    assert len(target.requests) == 1


def test_both_attempts_share_one_deadline(prober, target):
    target.does(answer(500))
    prober.submit(check_of(target.url, timeout_ms=2500))
    wait_until(lambda: target.requests)
    target.does(hang)
    outcome = wait_until(lambda: prober.of(1))
    assert (outcome.reason, outcome.attempts) == (Reason.TIMEOUT_FIRST_BYTE, 2)
    assert outcome.status_code is None
    assert 2500 <= now_ms() - outcome.started_at < 3200


def test_a_worker_that_stood_still_blames_nobody(make_prober, target):
    """As after SIGSTOP, or on a machine that was paused: the deadline is long past when it goes on."""
    prober = make_prober()
    target.does(hang)
    prober.submit(check_of(target.url, timeout_ms=1000))
    wait_until(lambda: target.requests)
    prober.engine._loop.post(lambda: time.sleep(3))
    outcome = wait_until(lambda: prober.of(1))
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.LOCAL_ERROR)
    assert outcome.detail == "This region's worker stood still for 2 s"


# Names -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("record", "vote", "reason", "detail"),
    [
        ("NXDOMAIN", Vote.DOWN, Reason.DNS_NOT_FOUND, "x.example does not exist or has no address"),
        ("SERVFAIL", Vote.DOWN, Reason.DNS_FAILED, "The name servers of x.example fail (SERVFAIL)"),
        ("REFUSED", Vote.NODATA, Reason.RESOLVER_SICK, "This region's name servers gave no answer about x.example"),
        (SILENT, Vote.DOWN, Reason.TIMEOUT_DNS, "No address for x.example within 1.5 s: waiting for its name servers"),
    ],
)
def test_a_name_without_an_address_has_its_reason(make_prober, record, vote, reason, detail):
    with NameServer({"x.example": record}) as server:
        outcome = make_prober(names=Names((server.address,))).probe("http://x.example/")
    assert (outcome.vote, outcome.reason, outcome.detail) == (vote, reason, detail)
    assert outcome.phases.dns is not None
    assert outcome.phases.connect is None


def test_a_resolver_that_says_nothing_at_all_is_our_failure(make_prober):
    with NameServer({"x.example": SILENT, "": SILENT}) as server:
        outcome = make_prober(names=Names((server.address,))).probe("http://x.example/")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.RESOLVER_SICK)


def test_an_address_out_of_order_is_passed_over(make_prober, target):
    """127.0.0.3 refuses, 127.0.0.1 answers: one good address is enough."""
    with NameServer({"www.example": ["127.0.0.3", "127.0.0.1"]}) as server:
        outcome = make_prober(names=Names((server.address,))).probe(f"http://www.example:{target.port}/")
    assert (outcome.vote, outcome.address) == (Vote.UP, "127.0.0.1")


# Neighbours --------------------------------------------------------------------------------------------------------
def test_hanging_targets_and_names_delay_nobody_else(make_prober, target):
    with Target() as hung, NameServer({f"hung{number}.example": SILENT for number in range(20)}) as server:
        hung.does(hang)
        prober = make_prober(names=Names((server.address,)))
        slot = now_ms()
        prober.submit(
            *(check_of(hung.url, monitor=1000 + number, timeout_ms=8000) for number in range(20)),
            *(check_of(f"http://hung{n}.example/", monitor=2000 + n, timeout_ms=8000) for n in range(20)),
            *(check_of(target.url, monitor=1 + number, slot=slot) for number in range(100)),
        )
        wait_until(lambda: len(prober.outcomes) == 100)
        assert all(outcome.vote is Vote.UP for outcome in prober.outcomes)
        assert prober.engine.in_flight == 40
        assert now_ms() - slot < 4000


def test_submit_waits_for_room(make_prober, target):
    prober = make_prober(handles=3)
    target.does(hang)
    prober.submit(*(check_of(target.url, monitor=number, timeout_ms=8000) for number in range(1, 4)))
    assert prober.engine.in_flight == 3
    admitted = threading.Event()

    def submit_one_more():
        prober.submit(check_of(target.url, monitor=9))
        admitted.set()

    threading.Thread(target=submit_one_more, daemon=True).start()
    wait_until(lambda: len(target.requests) == 3)
    assert not admitted.wait(0.1)
    target.refuses()  # the three connections break, and after their second attempt there is room
    assert admitted.wait(10)
    wait_until(lambda: len(prober.outcomes) == 4)
    assert prober.engine.in_flight == 0


def test_a_batch_larger_than_the_room_goes_through(make_prober, target):
    prober = make_prober(handles=5)
    prober.submit(*(check_of(target.url, monitor=number) for number in range(1, 41)))
    wait_until(lambda: len(prober.outcomes) == 40)
    assert {outcome.monitor for outcome in prober.outcomes} == set(range(1, 41))


# Trouble -----------------------------------------------------------------------------------------------------------
class Clumsy:
    """A kind that falls over: at once, or after an answer."""

    def __init__(self, when):
        self.when = when

    def probe(self, check, guard):
        if self.when == "at once":
            raise KeyError("s3cret")
        yield Request(check_url(check.target, guard=guard))
        if self.when == "silently":
            return None
        raise RuntimeError("after the answer")


@pytest.mark.parametrize("when", ["at once", "later", "silently"])
def test_a_kind_that_fails_ends_its_own_check_only(prober, target, monkeypatch, when):
    monkeypatch.setitem(KINDS._kinds, "clumsy", Clumsy(when))
    outcome = prober.probe(target.url, kind="clumsy")
    assert outcome.reason in (Reason.BAD_CHECK, Reason.LOCAL_ERROR)
    assert outcome.vote is Vote.NODATA
    assert "s3cret" not in outcome.detail
    assert prober.probe(target.url).vote is Vote.UP


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        ({"kind": "carrier_pigeon"}, "carrier_pigeon"),
        ({"target": "example.com"}, "https:// in front"),
        ({"target": ""}, "Enter an address"),
        ({"headers": 5}, "make no sense"),
        ({"expected_status": "nonsense"}, "make no sense"),
        ({"method": "GET / HTTP/1.1\r\nHost: evil"}, ""),
        ({"headers": [{"name": "X", "value": "\ud800"}]}, ""),
    ],
)
def test_a_check_that_makes_no_sense_is_our_failure(prober, target, how, detail):
    outcome = prober.probe(**{"target": target.url, **how})
    assert outcome.vote is Vote.NODATA, outcome
    assert outcome.reason in (Reason.BAD_CHECK, Reason.LOCAL_ERROR)
    assert detail in outcome.detail
    assert all("evil" not in str(seen) for seen in target.requests)
    assert prober.probe(target.url).vote is Vote.UP


def test_an_outcome_nobody_takes_stops_nothing(target, caplog):
    taken = []

    def refuse_the_first(outcome):
        taken.append(outcome)
        if len(taken) == 1:
            raise RuntimeError("no")

    engine = Engine(refuse_the_first, allow_private=True)
    engine.start()
    with caplog.at_level(logging.ERROR):
        engine.submit([check_of(target.url, monitor=1), check_of(target.url, monitor=2)])
        wait_until(lambda: len(taken) == 2)
        engine.stop(5)
    assert engine.in_flight == 0
    assert "was not taken" in caplog.text


NO_FILES_LEFT = """
import os, resource, sys, threading
from monitors.probes.engine import Engine
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
outcomes = []
engine = Engine(outcomes.append, allow_private=True)
engine.start()
engine.submit([check_of(sys.argv[1])])
wait_until(lambda: outcomes)
for room in (0, 1, 2, 3):
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + room - 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    before = len(outcomes)
    engine.submit([check_of(url, monitor=2) for url in sys.argv[1:]])
    wait_until(lambda: len(outcomes) == before + len(sys.argv) - 1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
engine.submit([check_of(sys.argv[1])])
wait_until(lambda: len(outcomes) == before + len(sys.argv))
print(*(f"{outcome.vote}:{outcome.reason}" for outcome in outcomes))
engine.stop()
"""


def test_a_machine_out_of_files_never_calls_a_target_down(target, authority):
    with Target(tls=authority.context("localhost")) as secure:
        urls = [target.url, f"https://localhost:{secure.port}/", "http://nowhere.invalid/"]
        done = subprocess.run(
            [sys.executable, "-c", NO_FILES_LEFT, *urls],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    first, *starved, last = done.stdout.split()
    assert (first, last) == ("up:None", "up:None"), done.stderr
    assert "nodata:local_error" in starved
    allowed = {"up:None", "nodata:local_error", "nodata:resolver_sick", "down:tls_untrusted", "down:dns_not_found"}
    assert set(starved) <= allowed, done.stdout


# Stopping ----------------------------------------------------------------------------------------------------------
def test_what_is_under_way_may_finish_in_the_grace(make_prober, target):
    prober = make_prober()
    target.does(slow(0.3, answer()))
    prober.submit(check_of(target.url))
    wait_until(lambda: target.requests)
    prober.engine.stop(grace_s=5)
    assert [outcome.vote for outcome in prober.outcomes] == [Vote.UP]


def test_the_rest_is_accounted_for_after_the_grace(make_prober, target):
    with Target() as hung, NameServer({"hung.example": SILENT}) as server:
        hung.does(hang)
        target.does(answer(500))
        prober = make_prober(names=Names((server.address,)))
        prober.submit(
            check_of(hung.url, monitor=1, timeout_ms=20_000),  # in a transfer
            check_of("http://hung.example/", monitor=2, timeout_ms=20_000),  # in a look-up
            check_of(target.url, monitor=3, slot=now_ms() + 30_000),  # before its start
            check_of(target.url, monitor=4, timeout_ms=20_000),  # between two attempts
        )
        wait_until(lambda: hung.requests and target.requests and server.queries)
        prober.engine.stop(grace_s=0)
    assert {outcome.monitor for outcome in prober.outcomes} == {1, 2, 3, 4}
    assert {outcome.reason for outcome in prober.outcomes} == {Reason.WORKER_STOPPING}
    assert all(outcome.detail for outcome in prober.outcomes)
    assert prober.engine.in_flight == 0


def test_who_waits_for_room_while_the_engine_stops_is_accounted_for(make_prober, target):
    prober = make_prober(handles=2)
    target.does(hang)
    checks = [check_of(target.url, monitor=number, timeout_ms=20_000) for number in range(1, 11)]
    submitting = threading.Thread(target=prober.submit, args=checks)
    submitting.start()
    wait_until(lambda: len(target.requests) == 2)
    prober.engine.stop(grace_s=0)
    submitting.join(5)
    assert not submitting.is_alive()
    assert sorted(outcome.monitor for outcome in prober.outcomes) == list(range(1, 11))
    assert {outcome.reason for outcome in prober.outcomes} == {Reason.WORKER_STOPPING}


def test_a_stopped_engine_takes_no_more(make_prober, target):
    prober = make_prober()
    prober.engine.stop()
    prober.engine.stop()
    with pytest.raises(RuntimeError, match="not running"):
        prober.submit(check_of(target.url))
    with pytest.raises(RuntimeError, match="not running"):
        Engine(print).submit([])


def test_the_lag_of_an_idle_engine_is_small(prober):
    assert wait_until(lambda: prober.engine.lag_ms < 100)


def test_a_kind_need_not_be_curls_own(prober, monkeypatch):
    """A finding without any request: the seam where other protocols begin."""

    class Oracle:
        def probe(self, check, guard):
            yield from ()
            return Finding(None, "because")

    monkeypatch.setitem(KINDS._kinds, "oracle", Oracle())
    outcome = prober.probe("anything", kind="oracle")
    assert (outcome.vote, outcome.detail, outcome.attempts) == (Vote.UP, "because", 1)


def test_redirects_and_attempts_are_counted_apart(prober, target):
    target.does(redirect("/b"))
    assert prober.probe(target.url, follow_redirects=False).attempts == 1
    target.does(answer(), "/b")
    outcome = prober.probe(target.url)
    assert (outcome.attempts, outcome.vote) == (1, Vote.UP)
