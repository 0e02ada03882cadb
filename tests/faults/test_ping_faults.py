"""Pings while parts die: what was answered 200 is in the database, and nobody is called down for our own trouble."""

import os
import signal
import statistics
import threading
import time
import uuid
from collections import Counter

import pytest
import requests

from tests.helpers import wait_until
from tests.product import Product

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

HEARTBEATS = 60  # each takes 300 pings a minute
SENDERS = 4


class Jobs:
    """Jobs that ping without a pause, each ping with a body of its own; remembers what they were told."""

    def __init__(self, product: Product, paths: list[str]) -> None:
        self.product, self.paths = product, paths
        self.answered: set[str] = set()
        self.told: Counter[int] = Counter()
        self.times: list[float] = []
        self.retry_after: set[str] = set()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self, number):
        session, count = requests.Session(), number
        session.trust_env = False
        while not self._over.wait(0.004):
            body, count = uuid.uuid4().hex, count + SENDERS
            self._ping(session, self.paths[count % len(self.paths)], body)

    def _ping(self, session, path, body):
        start = time.monotonic()
        try:
            answer = session.post(self.product.url + path, data=body, timeout=30)
        except requests.RequestException:
            self.told[0] += 1
            return
        self.times.append(time.monotonic() - start)
        self.told[answer.status_code] += 1
        if answer.status_code == 200:
            self.answered.add(body)
        elif answer.status_code == 503:
            self.retry_after.add(answer.headers.get("Retry-After", ""))

    def flow(self):
        """Wait until pings are answered again."""
        before = len(self.answered)
        wait_until(lambda: len(self.answered) > before + 20, 60, 0.1, "pings are answered")


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("pings")) as running:
        running.sign_up()
        key = running.sql("SELECT ping_key FROM accounts_team")[0][0]
        for number in range(HEARTBEATS):
            assert running.session.get(f"{running.url}/ping/{key}/job-{number}?create=1").status_code == 201
        yield running


@pytest.fixture
def jobs(product):
    paths = [f"/ping/{found}" for (found,) in product.sql("SELECT uuid FROM monitors_heartbeat ORDER BY monitor_id")]
    return Jobs(product, paths)


def missing(product, jobs):
    """The pings that were answered 200 and are not in the database."""
    stored = {bytes(body).decode() for (body,) in product.sql("SELECT body FROM monitors_ping WHERE body IS NOT NULL")}
    return jobs.answered - stored


def went_down(product):
    return product.sql("SELECT count(*) FROM incidents_transition WHERE to_status = 'down'")[0][0]


def test_no_answered_ping_is_lost_when_web_workers_are_killed(product, jobs):
    with jobs:
        for _ in range(3):
            jobs.flow()
            product.kill("gunicorn")
        jobs.flow()
    assert jobs.told[0] > 0  # the workers died in the middle of it
    assert missing(product, jobs) == set()
    assert went_down(product) == 0


def test_while_the_database_restarts_jobs_are_asked_to_come_again(product, jobs):
    with jobs:
        jobs.flow()
        killed_at = product.kill("postgres", "-D")
        jobs.flow()
        assert time.time() - killed_at < 30
    assert set(jobs.told) <= {0, 200, 503}
    assert jobs.retry_after <= {"5"}
    assert missing(product, jobs) == set()
    assert went_down(product) == 0


def test_without_a_cache_pings_are_taken_as_ever(product, jobs):
    """It does not refuse, which would be easy: it hangs."""
    pids = product.pids("valkey")
    with jobs:
        jobs.flow()
        begun = len(jobs.times)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(8)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        hung = jobs.times[begun:]
        jobs.flow()
    assert set(jobs.told) == {200}
    assert len(hung) > 100
    assert statistics.quantiles(hung, n=100)[98] < 1
    assert missing(product, jobs) == set()
    assert went_down(product) == 0


def test_our_own_outages_are_known_as_gaps_in_which_nothing_is_expected(product):
    """A heartbeat that was due in the middle of an outage of the web server is given its time again."""
    key = product.sql("SELECT ping_key FROM accounts_team")[0][0]
    made = product.session.post(
        f"{product.url}/api/v2/heartbeats", json={"name": "Punctual", "slug": "punctual", "period": 10, "grace": 2}
    )
    assert made.status_code == 201, made.text
    assert product.session.get(f"{product.url}/ping/{key}/punctual").text == "OK"
    gaps = product.sql("SELECT count(*) FROM monitors_ingestgap")[0][0]
    pids = product.pids("gunicorn")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(16)  # past due and grace
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: product.sql("SELECT count(*) FROM monitors_ingestgap")[0][0] > gaps, 20, 0.2, "the gap is known")
    assert product.session.get(f"{product.url}/ping/{key}/punctual").text == "OK"
    time.sleep(4)
    assert went_down(product) == 0
