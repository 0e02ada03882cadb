"""P7, O1, the brake and stand-ins: a region whose clock is wrong opens no incident, and nobody is left unwatched."""

import json
import subprocess
import sys
import time

import psycopg
import pytest

from tests.faults.invariants import Window
from tests.faults.sinks import ALL
from tests.faults.stack import AGAIN_S, BELIEVED_S, SIZE, TRUSTING, WRONG_CLOCK, Stack
from tests.helpers import wait_until
from tests.product import ROOT
from tests.servers import Target
from uptime import embedded

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

TOGETHER = 8  # monitors that go down at once and pull the brake; fifty in life
ALARM_S = 120.0  # by then somebody outside knows that nothing is checked
OF_OURS = {"lost", "region_offline", "missed_window", "not_dispatched", "local_error"}
HELD = """
SELECT i.id FROM incidents_incident i JOIN incidents_transition t ON t.monitor_id = i.monitor_id AND t.at = i.started_at
WHERE t.to_status = 'down' AND t.hold_until > now()
"""


@pytest.fixture(scope="module")
def outside():
    """An address elsewhere that waits for our heartbeat."""
    with Target() as target:
        yield target


@pytest.fixture(scope="module")
def stack(tmp_path_factory, outside):
    knobs = {"BRAKE_MONITORS": str(TOGETHER), "BRAKE_HOLD": "10", "HEARTBEAT_URL": f"{outside.url}/alive"}
    with Stack(tmp_path_factory.mktemp("faults"), **TRUSTING, **knobs) as running:
        yield running


@pytest.fixture
def eu(stack):
    return stack.remotes["eu"]


@pytest.mark.full
@pytest.mark.parametrize("ahead", [5, -5, 3600])
def test_the_clock_of_a_region_is_wrong(ahead, stack, trial, eu, tmp_path):
    clock = tmp_path / "ahead"
    clock.write_text(str(ahead))
    with trial("P7", f"clock of a region {ahead:+} s", recovers_in=60) as tried:
        eu.stop()
        eu.start(PYTHONPATH=str(WRONG_CLOCK), CLOCK_AHEAD=str(clock))
        wait_until(lambda: "skewed" in stack.troubles("eu"), 40, 0.3, "the clock is known to be wrong")
        eu.stop()
        eu.start()
        wait_until(lambda: not stack.troubles("eu"), BELIEVED_S + AGAIN_S, 0.3, "the region is believed again")
    assert tried.lost.keys() <= OF_OURS


@pytest.mark.full
def test_the_only_region_of_a_monitor_dies(stack, eu):
    """Another one looks from the second slot on after it counts as offline, and hands back."""
    monitor = stack.product.add(stack.farm.url(900), check_frequency=3, request_timeout=2, regions=["eu"])
    stack.product.wait_for_status(monitor, "up", 30)
    eu.kill()
    wait_until(lambda: "offline" in stack.troubles("eu"), 60, 0.1, "the region counts as offline")
    offline_at = stack.sql("SELECT extract(epoch FROM max(start))::float8 FROM monitors_regiontrouble")[0][0]
    ticks = "FROM monitors_tick t JOIN monitors_region r ON r.id = region_id WHERE monitor_id = %s AND vote = 'up'"
    looked = f"SELECT extract(epoch FROM min(slot))::float8 {ticks} AND r.slug <> 'eu'"
    first = wait_until(lambda: stack.sql(looked, monitor)[0][0], 30, 0.2, "another region looks")
    assert first - offline_at <= 2 * 3 + SIZE.slack_s / 10  # two intervals
    eu.start()
    wait_until(lambda: not stack.troubles("eu"), BELIEVED_S, 0.3, "it is back")
    back = time.time() + 1
    own = f"SELECT count(*) {ticks} AND slot > to_timestamp(%s) AND r.slug"
    wait_until(lambda: stack.sql(f"{own} = 'eu'", monitor, back)[0][0] >= 2, 30, 0.2, "its own region looks again")
    assert stack.sql(f"{own} <> 'eu'", monitor, back) == [(0,)], "the stand-in has handed back"
    assert stack.sql("SELECT count(*) FROM incidents_incident WHERE monitor_id = %s", monitor) == [(0,)]
    stack.product.session.delete(f"{stack.product.url}/api/v2/monitors/{monitor}")


@pytest.mark.full
def test_nothing_is_sent_although_everything_runs(stack, outside):
    """O1: every line of the schedule is held locked; dispatch runs and finds nothing. Somebody outside is told."""
    wait_until(lambda: [each for each in outside.requests if each.path == "/alive"], 60, 0.5, "all is well before")
    with psycopg.connect(embedded.database_url(stack.servers)) as holder:
        holder.execute("SELECT 1 FROM monitors_schedule FOR UPDATE")
        wait_until(lambda: doctor(stack) == 2, ALARM_S, 5, "doctor says so")
        wait_until(lambda: [r for r in outside.requests if r.path == "/alive/fail"], ALARM_S, 1, "the outside is told")
        holder.rollback()
    stack.wait_until_calm(time.time())
    wait_until(lambda: doctor(stack) == 0, ALARM_S, 5, "all is well again")


def doctor(stack) -> int:
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=stack.product.env, capture_output=True, text=True)
    assert json.loads(done.stdout), done.stderr
    return done.returncode


@pytest.mark.full
def test_everything_fails_at_once_and_is_really_down(stack):
    """The brake: the word of it is held back, then released; nothing that is true is dropped, and all is told once."""
    began = time.time()
    word = "SELECT count(*) FROM incidents_transition WHERE to_status = %s AND created_at > to_timestamp(%s)"
    stack.farm.breaks(*stack.targets.values())
    count = len(stack.targets)
    wait_until(lambda: stack.sql(word, "down", began) == [(count,)], 60, 0.2, "all are known to be down")
    assert stack.sql(f"{word} AND hold_until > now()", "down", began)[0][0] >= TOGETHER
    heard = {each.incident for each in stack.sinks.heard()}
    assert not heard & {pk for (pk,) in stack.sql(HELD)}
    due = f"{word} AND dropped_at IS NULL AND (hold_until IS NULL OR hold_until <= now())"
    wait_until(lambda: stack.sql(due, "down", began) == [(count,)], 90, 0.5, "all are released")
    if 2 * count > ALL["per_minute"]:
        time.sleep(60)  # else there would be digests, which name no incident
    stack.farm.heals(*stack.targets.values())
    wait_until(lambda: stack.sql(word, "up", began) == [(count,)], 60, 0.2, "all are up again")
    once = "SELECT count(*), count(DISTINCT monitor_id) FROM incidents_incident WHERE started_at > to_timestamp(%s)"
    assert stack.sql(once, began - SIZE.interval) == [(count, count)]
    wait_until(stack.all_told, 120, 0.5, "everybody is told")
    assert Window(stack, began, time.time(), time.time()).alert_problems(crashes=0) == []
