"""Each part is killed once while monitors run: nothing is doubled, nobody is called down, and it mends itself.

The full catalogue of faults comes on top of these; here every part dies by SIGKILL under load.
"""

import time

import psycopg
import pytest

from tests.helpers import wait_until
from tests.product import Product
from tests.servers import Target, answer

pytestmark = [pytest.mark.faults, pytest.mark.full, pytest.mark.timeout(300)]

MONITORS = 20
RECOVERY_S = 60.0

PARTS = {
    "the region's worker": ("uptime.region", "worker"),
    "the results worker": ("uptime.results", "worker"),
    "the control worker": ("control@", "worker"),
    "the worker that sends alerts": ("work@", "worker"),
    "beat": ("uptime.celery beat",),
    "Valkey": ("valkey",),
    "PostgreSQL": ("postgres", "-D"),
    "the web server": ("gunicorn",),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Target() as website, Product(tmp_path_factory.mktemp("faults")) as product:
        website.does(answer(200))
        product.sign_up()
        product.pks = [
            product.add(f"{website.url}/{n}", check_frequency=1 + n % 3, request_timeout=5) for n in range(MONITORS)
        ]
        for pk in product.pks:
            product.wait_for_status(pk, "up", 20)
        yield product


@pytest.mark.parametrize("part", PARTS)
def test_it_survives_the_end_of(part, running):
    time.sleep(3)  # let it run in
    killed_at = running.kill(*PARTS[part])
    wait_until(
        lambda: measured_since(running, killed_at + 3), RECOVERY_S, 0.5, f"every monitor is measured after {part}"
    )
    assert running.sql("SELECT count(*) FROM incidents_incident") == [(0,)]
    assert running.sql("SELECT count(*) FROM incidents_transition WHERE to_status = 'down'") == [(0,)]
    assert doubled(running) == []
    assert all(running.monitor(pk)["status"] == "up" for pk in running.pks)


def measured_since(product, moment):
    """Whether each monitor has a good tick of a slot after `moment`."""
    try:
        rows = product.sql(
            "SELECT count(DISTINCT monitor_id) FROM monitors_tick WHERE vote = 'up' AND slot > to_timestamp(%s)", moment
        )
    except psycopg.OperationalError:  # the database may be the part that died
        return False
    return rows[0][0] == MONITORS


def doubled(product):
    return product.sql("SELECT monitor_id, region_id, slot FROM monitors_tick GROUP BY 1, 2, 3 HAVING count(*) > 1")


def test_afterwards_every_slot_is_accounted_for(running):
    """From the first to the last slot of each monitor there is a tick, or a gap that says why not."""
    wait_until(lambda: not holes(running), 60, 1, "no hole is left")


def holes(product):
    return product.sql(
        """
        WITH marks AS (
            SELECT t.monitor_id, m.interval, slot, lag(slot) OVER (PARTITION BY t.monitor_id ORDER BY slot) AS before
            FROM monitors_tick t JOIN monitors_monitor m ON m.id = t.monitor_id
            JOIN monitors_state s ON s.monitor_id = m.id WHERE slot <= s.accounted_until
        )
        SELECT monitor_id, before, slot FROM marks WHERE slot - before > make_interval(secs => 1.5 * "interval")
        AND NOT EXISTS (SELECT FROM monitors_gap g WHERE g.monitor_id = marks.monitor_id AND g.start <= slot
                        AND g."end" >= before AND g."end" - g.start > interval '10 minutes')
        """
    )
