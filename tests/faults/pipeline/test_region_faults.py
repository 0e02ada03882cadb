"""P: workers that probe die, stop, stand still, lose their network or their files, see everything down, or are spoken
for by somebody."""

import resource
import time

import psutil
import pytest
from celery import signature

from monitors.domain.verdict import Vote
from monitors.probes.base import Outcome
from monitors.probes.reasons import Reason
from monitors.times import now_ms
from tests.faults.stack import AGAIN_S, BELIEVED_S, SIZE
from tests.faults.voice import RESULTS, Voice
from tests.helpers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

SILENCE_S = max(SIZE.fault_s, SIZE.offline_after + 5)  # long enough to count as offline
OF_OURS = {"lost", "region_offline", "missed_window", "worker_stopping"}  # what a region that is away may cost
BROKER_AWAY = ("kombu.exceptions", "redis.exceptions", "ConnectionError", "ConnectionResetError", "TimeoutError")
UNBELIEVED = ("uptime.lib.crypto.SealError", "ValueError", "TypeError", "cryptography")  # why a message is no good


@pytest.fixture
def eu(stack):
    return stack.remotes["eu"]


@pytest.fixture
def voice(stack):
    return Voice(stack)


def slots_within(seconds: float) -> float:
    """How many slots one region has in that time, with one for the edges."""
    return SIZE.monitors * (seconds / SIZE.interval + 1)


def test_a_worker_is_killed_in_the_middle_of_a_batch(stack, trial):
    with trial("P1", "probe worker killed") as tried:
        stack.product.kill("uptime.region", "worker")
        time.sleep(2)
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(4)


@pytest.mark.full
def test_a_worker_is_replaced_while_it_works(stack, trial, eu):
    with trial("P2", "probe worker replaced (deploy)") as tried:
        old = eu.process
        eu.start(name="eu-next")
        time.sleep(4)  # until the new one listens
        old.terminate()
        old.wait(20)
    assert tried.lost == {}


@pytest.mark.full
def test_a_whole_region_dies(stack, trial, eu, voice):
    longest = 0
    with trial("P3", f"region killed {SILENCE_S:g} s", recovers_in=20) as tried:
        eu.kill()
        until = time.time() + SILENCE_S
        while time.time() < until:
            longest = max(longest, voice.waiting("checks.eu"))
            time.sleep(0.2)
        eu.start()
    assert longest <= SIZE.offline_after + 10  # batches; one a second until it counts as offline
    assert tried.lost.keys() <= OF_OURS
    assert tried.window.offline_votes("eu") > 0


def test_the_network_of_a_region_swallows_everything(stack, trial, eu):
    with trial("P4", f"region's network half-open {SILENCE_S:g} s", recovers_in=20, logs=BROKER_AWAY) as tried:
        eu.wire.swallow()
        time.sleep(SILENCE_S)
        eu.wire.heals()
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SILENCE_S + 20)


@pytest.mark.full
def test_a_worker_has_no_file_descriptors_left(stack, trial, eu):
    process = psutil.Process(eu.process.pid)
    usual = process.rlimit(resource.RLIMIT_NOFILE)
    with trial("P8", "no file descriptors left in a region", logs=("OSError", *BROKER_AWAY)) as tried:
        process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds(), usual[1]))
        time.sleep(SIZE.fault_s)
        process.rlimit(resource.RLIMIT_NOFILE, usual)
    assert tried.lost["local_error"] > 0
    assert tried.lost.keys() <= OF_OURS | {"local_error"}


def test_a_worker_stands_still_and_goes_on(stack, trial, eu):
    with (
        trial("P9", f"probe worker stopped {SILENCE_S:g} s, then continued", recovers_in=20, logs=BROKER_AWAY) as tried,
        stack.frozen(eu.process.pid),
    ):
        time.sleep(SILENCE_S)
    assert tried.lost.keys() <= OF_OURS


def test_messages_nobody_should_believe(stack, trial, voice):
    monitor, before = next(iter(stack.targets)), voice.dead_letters()
    slot = now_ms()  # off the grid
    lie = {"outcomes": [Outcome(monitor, slot, 1, Vote.DOWN, Reason.REFUSED, slot, attempts=1).to_wire()]}
    with trial("P10", "forged, foreign, oversize and repeated results", logs=UNBELIEVED):
        for sealed in ("", "nonsense", "A" * 10_000_000, None, {"sealed": "no"}, voice.seal("us", lie, by="eu")):
            voice.says("us", sealed)
        voice.says("nowhere", voice.seal("eu", lie))
        genuine = voice.seal("eu", {"sign": ["parrot:1", now_ms(), 0, 0.0, "0", [], [], now_ms()]})
        for _ in range(50):
            voice.says("eu", genuine)
        wait_until(lambda: voice.dead_letters() == before + 7, 30, what="all seven are put aside")
    found = "SELECT count(*) FROM monitors_tick WHERE monitor_id = %s AND slot = to_timestamp(%s / 1000.0)"
    assert stack.sql(found, monitor, slot) == [(0,)]


@pytest.mark.full
def test_messages_that_ask_for_more_than_to_be_recorded(stack, trial, voice):
    planted = signature("uptime.purge", options={"queue": "planted"})
    with trial("P11", "results that ask Celery for more", logs=(*UNBELIEVED, "KeyError")):  # a task nobody knows
        voice.says("us", "nonsense", link=planted, link_error=planted)
        voice.says("us", "nonsense", chain=[planted])
        voice.says("us", "nonsense", task="uptime.purge")
        voice.says("us", "nonsense", task="no.such.task")
        wait_until(lambda: voice.waiting(RESULTS) == 0, 30, what="all are taken")
        time.sleep(2)
    assert voice.waiting("planted") == 0


def test_one_region_sees_everything_down(stack, trial):
    """Only there, so no incident opens, and soon it has no vote; what the page says of it: tests/browser."""
    with trial("P5", "one region sees everything down", recovers_in=30) as tried:
        stack.farm.lies_to("eu")
        wait_until(lambda: "disagrees" in stack.troubles("eu"), BELIEVED_S, 0.3, "the region is not believed")
        time.sleep(SIZE.fault_s)
        stack.farm.lies_to()
        wait_until(lambda: not stack.troubles("eu"), BELIEVED_S + AGAIN_S, 0.3, "the region is believed again")
    assert tried.lost.keys() <= OF_OURS | {"not_dispatched", "local_error"}
