"""P: the workers that probe die, stop, lose their network, their files or their names."""

import time

import pytest

from tests.faults.stack import SIZE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


def test_a_worker_is_killed_in_the_middle_of_a_batch(stack, trial):
    with trial("P1", "probe worker killed") as tried:
        stack.product.kill("uptime.region", "worker")
        time.sleep(3)
    assert sum(tried.lost.values()) <= SIZE.monitors * (1 + 4 // SIZE.interval)
