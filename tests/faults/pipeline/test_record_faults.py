"""R: the workers that store results die at the worst moment, stand still, or are fed twice and with poison."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from monitors.domain.verdict import Vote
from monitors.probes.base import Outcome
from monitors.times import now_ms
from tests.faults.stack import SIZE
from tests.faults.voice import RESULTS, Voice
from tests.helpers import wait_until
from tests.product import ROOT
from uptime import embedded, environment

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

BACKLOG_S = max(SIZE.fault_s, 4 * SIZE.interval + 2)  # an outage that counts fits in
DATABASE_AWAY = ("psycopg", "django.db.utils")
LOST_ANSWERS = 20


@pytest.fixture
def voice(stack):
    return Voice(stack)


def results_worker(stack) -> list[int]:
    return stack.product.pids("uptime.results", "worker")


def waits_for_a_lock(stack) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE '%%monitors_state%%'"
    return stack.sql(query)[0][0] > 0


def test_the_results_worker_is_killed_in_its_transaction(stack, trial):
    with trial("R1", "results worker killed in its transaction", logs=DATABASE_AWAY) as tried:
        with psycopg.connect(embedded.database_url(stack.servers)) as holding:
            holding.execute("SELECT FROM monitors_state FOR UPDATE")
            wait_until(lambda: waits_for_a_lock(stack), 20, what="the results worker waits for our lock")
            for pid in results_worker(stack):
                os.kill(pid, signal.SIGKILL)
        time.sleep(2)
    assert tried.lost == {}


@pytest.mark.full
def test_what_was_stored_is_not_known_to_be(stack, trial):
    """The connection breaks after COMMIT and before its answer: whoever committed has to try again."""
    with trial("R2", f"answer to COMMIT lost {LOST_ANSWERS} times", logs=DATABASE_AWAY) as tried:
        stack.database.drop_replies = (b"COMMIT\x00", LOST_ANSWERS)
        wait_until(lambda: stack.database.drop_replies[1] == 0, 60, 0.2, "all were dropped")
        stack.database.heals()
    assert tried.lost.keys() <= {"not_dispatched"}
    assert sum(tried.lost.values()) <= SIZE.monitors


def shuffle_and_double(voice) -> int:
    """Everything that waits for the results worker is there twice, and out of order; returns how much."""
    waiting, _ = voice.valkey.pipeline().lrange(RESULTS, 0, -1).delete(RESULTS).execute()
    places = [(place + random.uniform(0, 4), message) for place, message in enumerate(waiting) for _ in range(2)]
    for _, message in sorted(places):
        voice.valkey.rpush(RESULTS, message)
    return len(waiting)


@contextlib.contextmanager
def second_results_worker(stack):
    env = stack.product.env | environment.published(stack.product.folder)
    command = [sys.executable, "-m", "celery", "-A", "uptime.results", "worker", "-Q", RESULTS, "-P", "solo"]
    command += ["-n", "results-too@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (stack.folder / "data" / "log" / "results-too.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        time.sleep(4)  # until it listens
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_two_results_workers_get_everything_twice(stack, trial, voice):
    with (
        trial("R3", "two results workers, everything twice and shuffled") as tried,
        second_results_worker(stack) as too,
    ):
        for _ in range(2):
            with stack.frozen(*results_worker(stack), too.pid):
                time.sleep(3)
                assert shuffle_and_double(voice) > 0
            time.sleep(2)
    assert tried.lost == {}


def test_results_wait_for_a_minute(stack, trial):
    """An outage that begins and ends meanwhile is in the history, with its true times, and is told once. A worker that
    is stopped within a transaction keeps its locks, and whoever waits for them gives up."""
    target = len(stack.targets) // 2
    what = f"results worker stopped {BACKLOG_S:g} s"
    with trial("R4", what, logs=DATABASE_AWAY) as tried, stack.frozen(*results_worker(stack)):
        stack.farm.breaks(target)
        time.sleep(BACKLOG_S - 1)
        stack.farm.heals(target)
        time.sleep(1)
    assert tried.lost == {}


@pytest.mark.full
def test_a_row_of_poison_among_many(stack, trial, voice):
    slot, before = (now_ms() // 1000) * 1000 + 7, voice.dead_letters()  # off the grid: it came from here
    monitors = list(stack.targets)

    def wire(n: int) -> list:
        return Outcome(monitors[n % len(monitors)], slot - 1000 * n, 1, Vote.UP, None, slot, 1.0, attempts=1).to_wire()

    rows = [wire(n) for n in range(500)]
    poison = {17: (11, "a\x00b"), 99: (6, 1e400), 180: (9, 70_000), 300: (11, "x" * 1_000_000), 301: (2, 2**40)}
    for row, (column, value) in poison.items():
        rows[row][column] = value
    with trial(
        "R5", "five rows of poison in a batch of 500", logs=("ValueError", "psycopg", "django.db.utils")
    ) as tried:
        voice.says("eu", voice.seal("eu", {"outcomes": rows}))
        wait_until(lambda: stored_from(stack, slot) == 495, 30, what="495 are stored")
        assert voice.dead_letters() == before + 5
        time.sleep(2)
    assert (stored_from(stack, slot), voice.dead_letters()) == (495, before + 5)
    assert tried.lost == {}
    stack.sql("DELETE FROM monitors_tick WHERE extract(milliseconds FROM slot)::int %% 1000 = 7 RETURNING 1")


def stored_from(stack, slot: int) -> int:
    query = "SELECT count(*) FROM monitors_tick WHERE extract(milliseconds FROM slot)::int %% 1000 = %s"
    return stack.sql(query, slot % 1000)[0][0]
