"""Work done in processes beside the engine: what is too much for one ends it, and nothing else."""

import json
import os
import signal
import threading
import time

import pytest

from monitors.domain.verdict import Vote
from monitors.probes import aside, aside_worker
from monitors.probes.aside import Aside
from monitors.probes.kinds import Compute, TalkError
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.monitors.probes.test_content import options
from tests.servers import Target, answer
from uptime.lib.loop import Loop


# Functions that are called in the other process -----------------------------------------------------------------------
def add(one, other, blob):
    return one + other + len(blob)


def process_id(blob):
    return os.getpid()


def environment(blob):
    return dict(os.environ)


def spin(blob):
    while True:
        pass


def sleep(*given):
    time.sleep(600)


def hoard(blob):
    return len("x" * (2 * aside_worker.MEMORY))


def fail(blob):
    raise ValueError("never mind")


def die(blob):
    os.kill(os.getpid(), signal.SIGSEGV)


class Room:
    """A loop in a thread, and an Aside in it."""

    def __init__(self):
        self.loop = Loop()
        self.aside = Aside(self.loop)
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def start(self, function, *arguments, blob=b""):
        """The results so far, as they come in, and the job."""
        results, jobs = [], []
        compute = Compute(function, arguments, blob, "This")
        self.loop.post(lambda: jobs.append(self.aside.start(compute, results.append)))
        wait_until(lambda: jobs, what="the job to be taken")
        return results, jobs[0]

    def have(self, function, *arguments, blob=b""):
        results, _ = self.start(function, *arguments, blob=blob)
        return wait_until(lambda: results, timeout=30, what="a result")[0]

    def pids(self):
        return [helper.process.pid for helper in self.aside._helpers]

    def close(self):
        self.loop.post(self.aside.close)
        self.loop.stop()
        self.thread.join(10)


@pytest.fixture
def room():
    room = Room()
    yield room
    room.close()


def test_a_function_is_called_in_a_process_that_is_kept(room):
    assert room.have(add, 1, 2, blob=b"xxx") == 6
    first = room.have(process_id)
    assert first != os.getpid()
    assert room.have(process_id) == first


def test_a_long_body_goes_over_in_pieces(room):
    assert room.have(add, 0, 0, blob=bytes(3_000_000)) == 3_000_000


def test_it_knows_nothing_of_the_environment_that_may_hold_secrets(room, monkeypatch):
    monkeypatch.setenv("REGION_KEY", "s3cret")
    assert "s3cret" not in json.dumps(room.have(environment))


@pytest.mark.parametrize(
    ("function", "reason", "words"),
    [
        (spin, Reason.BAD_CHECK, "This took more than 1 s of computing"),
        (hoard, Reason.BAD_CHECK, "This took too much memory"),
        (fail, Reason.BAD_CHECK, "This failed: ValueError"),
        (die, Reason.LOCAL_ERROR, "This failed in this region"),
    ],
)
def test_what_is_too_much_is_no_data_and_the_next_job_is_done(room, function, reason, words):
    broken = room.have(function)
    assert isinstance(broken, TalkError)
    assert broken.finding.reason is reason
    assert words in broken.finding.detail
    assert room.have(add, 1, 1) == 2


def test_others_are_served_while_one_computes(room):
    room.start(sleep)
    assert room.have(add, 1, 1) == 2


def test_more_jobs_than_processes_wait_for_their_turn(room):
    found = [room.start(process_id)[0] for _ in range(20)]
    wait_until(lambda: all(found))
    assert len({each[0] for each in found}) <= aside.PROCESSES


def test_a_cancelled_job_ends_its_process_and_is_not_told_of(room):
    results, job = room.start(sleep)
    [pid] = room.pids()
    waiting = [room.start(sleep) for _ in range(3)]
    room.loop.post(lambda: room.aside.cancel(job))
    for _, each in waiting:
        room.loop.post(lambda each=each: room.aside.cancel(each))
    assert room.have(add, 1, 1) == 2
    assert pid not in room.pids()
    assert results == []
    assert [told for told, _ in waiting] == [[], [], []]


def test_too_much_that_waits_is_refused(room, monkeypatch):
    monkeypatch.setattr(aside, "MAX_WAITING", 10)
    broken = room.have(add, 0, 0, blob=bytes(11))
    assert (broken.finding.reason, broken.finding.detail) == (Reason.LOCAL_ERROR, "Too much waits to be looked into")


def test_where_no_process_can_be_started_it_is_our_trouble(room, monkeypatch):
    monkeypatch.setattr(aside.sys, "executable", "/nowhere/python")
    broken = room.have(add, 0, 0)
    assert broken.finding.reason is Reason.LOCAL_ERROR


def test_processes_end_with_the_engine(room):
    room.have(add, 1, 1)
    [helper] = room.aside._helpers
    room.close()
    wait_until(lambda: helper.process.poll() is not None, what="the process to end")


# Through the engine ---------------------------------------------------------------------------------------------------
ITEMS = {"items": [{"id": n, "price": n} for n in range(2000)]}
NESTED = '{"a":[' + ",".join(['{"a":[{"a":[{"a":[1,2]},{"a":[3]}]}]}'] * 20_000) + "]}"
LETTERS = "a" * 900_000


@pytest.fixture
def target():
    with Target() as website:
        yield website


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ("json items[?price > `1998`].id == [1999]", None, ""),
        ("json $..price contains 1999", None, ""),
        ("body matches /price.: [0-9]+/", None, ""),
        ("json items[0].id == 0", None, ""),
        ("json items[?price > `1998`].id == [1]", Reason.ASSERTION, "was [1999], expected [1]"),
        ("json items[7].id == 8", Reason.ASSERTION, "json items[7].id was 7, expected 8"),
        ("body matches /nothing like it/", Reason.ASSERTION, "body was expected to match /nothing like it/"),
    ],
)
def test_assertions_are_judged_on_what_a_server_answers(prober, target, line, reason, detail):
    target.does(answer(body=json.dumps(ITEMS), **{"Content-Type": "application/json"}))
    outcome = prober.probe(target.url, timeout_ms=20_000, **options(line))
    assert outcome.reason is reason
    assert detail in outcome.detail
    assert outcome.response_ms is not None


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (r"body matches /(\pL+\s?){100}!/", LETTERS),
        ("json $..a..a..a..a..a == 1", NESTED),
        ("json $[?count($..*..*..*) > 1] == 1", NESTED),
        ("json " + "|".join(["[@,@]"] * 40) + " | to_string(@) == x", "{}"),
        ("json " + "|".join(["[@,@][]"] * 30) + " == x", "[1]"),
    ],
)
def test_an_expression_that_explodes_harms_nobody(prober, target, line, body):
    """It is the monitor's own, and so the check is no data; what runs beside it is up, and in time."""
    with Target() as healthy:
        target.does(answer(body=body))
        prober.submit(check_of(target.url, monitor=1, timeout_ms=30_000, **options(line)))
        wait_until(lambda: target.requests, what="the request")
        for number in range(2, 12):
            prober.submit(check_of(healthy.url, monitor=number, timeout_ms=20_000, **options("header via not exists")))
        wait_until(lambda: all(prober.of(number) for number in range(2, 12)), what="the healthy ones")
        outcome = wait_until(lambda: prober.of(1), timeout=40, what="the outcome")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BAD_CHECK), outcome
    assert "simplify" in outcome.detail
    assert {prober.of(number).vote for number in range(2, 12)} == {Vote.UP}


@pytest.mark.parametrize("body", ["[" * 500_000, "[[]," * 200_000 + "[]" + "]" * 200_000, "9" * 900_000])
def test_a_body_that_explodes_is_the_targets_fault(prober, target, body):
    target.does(answer(body=body))
    outcome = prober.probe(target.url, timeout_ms=1900, **options("json a == 1"))
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.ASSERTION)


def test_what_is_not_computed_when_the_time_is_up_is_no_data(prober, target, monkeypatch):
    monkeypatch.setattr("monitors.probes.assertions.judge_aside", sleep)
    outcome = prober.probe(target.url, timeout_ms=1200, **options("body matches /x/"))
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BAD_CHECK)
    assert outcome.detail.startswith("The assertion “body matches /x/” was not done when the time was up")


def test_a_check_that_is_broken_off_leaves_no_process_at_work(make_prober, target, monkeypatch):
    monkeypatch.setattr("monitors.probes.assertions.judge_aside", sleep)
    prober = make_prober()
    prober.submit(check_of(target.url, timeout_ms=30_000, **options("body matches /x/")))
    [helper] = wait_until(lambda: prober.engine._aside._helpers, what="the process")
    wait_until(lambda: helper.job, what="the job")
    prober.engine.stop(0)
    assert prober.of(1).reason is Reason.WORKER_STOPPING
    wait_until(lambda: helper.process.poll() is not None, what="the process to end")
