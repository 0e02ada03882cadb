"""An engine of the test's own, and one call that probes."""

import time
from contextlib import ExitStack

import pytest

from monitors.probes.base import Check
from monitors.probes.engine import Engine
from tests.helpers import wait_until
from tests.servers import Authority

SHORT_MS = 1500  # too short for a second attempt: failures are told at once


def now_ms():
    return time.time_ns() // 1_000_000


def check_of(target, *, timeout_ms=SHORT_MS, monitor=1, slot=None, lateness_ms=5000, kind="http", **options):
    return Check(monitor, now_ms() if slot is None else slot, 1, kind, target, timeout_ms, lateness_ms, options)


class Prober:
    def __init__(self, **settings):
        self.outcomes = []
        self.engine = Engine(self.outcomes.append, **{"allow_private": True, **settings})
        self.engine.start()

    def submit(self, *checks):
        self.engine.submit(checks)

    def probe(self, target, **how):
        """The outcome of one check."""
        before = len(self.outcomes)
        self.submit(check_of(target, **how))
        return wait_until(lambda: self.outcomes[before:], what="an outcome")[0]

    def of(self, monitor):
        return next((each for each in self.outcomes if each.monitor == monitor), None)


@pytest.fixture
def make_prober():
    with ExitStack() as stack:

        def make(**settings):
            prober = Prober(**settings)
            stack.callback(prober.engine.stop, 0)
            return prober

        yield make


@pytest.fixture
def prober(make_prober):
    return make_prober()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))
