"""T: beat is away, doubled or stands still; the clock jumps; people edit while everything runs."""

import contextlib
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.faults.stack import SIZE
from tests.helpers import wait_until
from tests.product import ROOT
from uptime import environment

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

EDITED = 100 if SIZE.monitors > 100 else 10
TAKES_EFFECT_S = 2.0


@contextlib.contextmanager
def more_beats(stack, count: int):
    """So many beats beside the product's own, as on other machines."""
    env = stack.product.env | environment.published(stack.product.folder)
    command = [sys.executable, "-m", "celery", "-A", "uptime.celery", "beat", "--pidfile="]
    with (stack.folder / "data" / "log" / "beat-too.log").open("ab") as log:
        beats = [subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log) for _ in range(count)]
        time.sleep(4)  # until they beat
        try:
            yield beats
        finally:
            for beat in beats:
                beat.terminate()
            for beat in beats:
                beat.wait(20)


def own_beat(stack) -> list[int]:
    return stack.product.pids("uptime.celery beat")


def busiest_second(stack, start: float, end: float) -> int:
    """The most requests the farm saw in one second."""
    seconds = Counter(int(probe.at) for probe in stack.farm.seen(start, end, stack.targets.values()))
    return max(seconds.values())


def test_beat_is_away(stack, trial):
    usual = busiest_second(stack, time.time() - 3 * SIZE.interval, time.time())
    with trial("T1", f"beat away {SIZE.fault_s:g} s") as tried, stack.frozen(*own_beat(stack)):
        time.sleep(SIZE.fault_s)
    assert tried.lost.keys() <= {"not_dispatched", "missed_window"}
    over = tried.window.over
    present = len(stack.targets) * len(stack.regions)  # a slot of each monitor from each region, all at once
    assert busiest_second(stack, over, over + 5) <= usual * 1.2 + present


def test_three_beats(stack, trial):
    with more_beats(stack, 2), trial("T2", "three beats") as tried:
        time.sleep(SIZE.fault_s)
    assert tried.lost == {}
    assert tried.line.doubled == 0


@pytest.mark.full
def test_one_of_two_beats_stands_still(stack, trial):
    with more_beats(stack, 1), trial("T3", "one of two beats stands still") as tried, stack.frozen(*own_beat(stack)):
        time.sleep(SIZE.fault_s)
    assert tried.lost == {}


@pytest.mark.full
def test_the_control_worker_stands_still(stack, trial):
    control = stack.product.pids("control@", "worker")
    with trial("T3b", f"dispatch and sweep stand still {SIZE.fault_s:g} s") as tried, stack.frozen(*control):
        time.sleep(SIZE.fault_s)
    assert tried.lost.keys() <= {"not_dispatched", "missed_window"}


@pytest.mark.full
def test_people_edit_while_everything_runs(stack, trial):
    product, farm = stack.product, stack.farm
    first = 1000  # targets nobody else uses
    with trial("T5", f"{EDITED} monitors added, edited, paused and deleted") as tried:
        made = [product.add(farm.url(first + n), check_frequency=SIZE.interval) for n in range(EDITED)]
        wait_until(lambda: asked(farm, first) == set(range(first, first + EDITED)), 20, what="all are checked")
        edited, paused, deleted = made[0::3], made[1::3], made[2::3]
        for pk in edited:
            change(product, pk, url=farm.url(first + 500 + made.index(pk)))
        for pk in paused:
            change(product, pk, paused=True)
        for pk in deleted:
            assert product.session.delete(f"{product.url}/api/v2/monitors/{pk}").status_code == 204
        done = time.time()
        time.sleep(SIZE.fault_s)
        late = farm.seen(done + TAKES_EFFECT_S, time.time(), range(first, first + 500))
        assert late == [], "the old address, a paused or a deleted one was asked"
        assert asked(farm, first + 500), "the new addresses are asked"
        ticks = "SELECT count(*) FROM monitors_tick WHERE monitor_id = ANY(%s) AND slot > to_timestamp(%s)"
        assert stack.sql(ticks, paused + deleted, done + TAKES_EFFECT_S) == [(0,)]
        for pk in edited + paused:
            assert product.session.delete(f"{product.url}/api/v2/monitors/{pk}").status_code == 204
    assert tried.lost == {}


def asked(farm, first: int) -> set[int]:
    return {probe.target for probe in farm.seen(0, time.time(), range(first, first + 500))}


def change(product, pk: int, **attributes) -> None:
    answer = product.session.patch(f"{product.url}/api/v2/monitors/{pk}", json=attributes)
    assert answer.status_code == 200, answer.text
