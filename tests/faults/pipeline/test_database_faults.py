"""D: the database restarts, is away, is locked up, takes no more connections, or is changed while it works."""

import contextlib
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import requests

from tests.faults.stack import REGIONS, SIZE
from uptime import embedded

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

DATABASE_AWAY = ("psycopg", "django.db.utils", "psycopg_pool", "ConnectionResetError")
OF_OURS = {"lost", "not_dispatched", "missed_window"}
A_DAY = timedelta(days=1)
TICK = "monitor_id, region_id, slot, vote, reason, config_version, attempts, address, detail, degraded"
BACK_S = 30  # until everything is as before


def slots_within(seconds: float) -> float:
    """How many slots all regions have in that time."""
    return SIZE.monitors * len(REGIONS) * (seconds / SIZE.interval + 1)


def connect(stack) -> psycopg.Connection:
    return psycopg.connect(embedded.database_url(stack.servers))


def statuses(stack, seconds: float) -> set[int]:
    """What the site answers meanwhile; it must answer."""
    found, until = set(), time.monotonic() + seconds
    while time.monotonic() < until:
        found.add(stack.product.session.get(f"{stack.product.url}/api/v2/monitors", timeout=35).status_code)
        assert requests.get(f"{stack.product.url}/healthz", timeout=5).status_code == 200
        time.sleep(0.5)
    return found


@pytest.mark.full
def test_the_database_restarts(stack, trial):
    with trial("D1", "database restarted", recovers_in=BACK_S, logs=DATABASE_AWAY) as tried:
        stack.start_server(stack.stop_server("postgres", embedded.postgres(stack.servers).spec.stop_signal))
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(6)


def test_the_database_is_away(stack, trial):
    away_s = max(SIZE.fault_s, 10)
    with trial("D2", f"database away {away_s:g} s", recovers_in=BACK_S, logs=DATABASE_AWAY) as tried:
        stack.database.cut()
        found = statuses(stack, away_s)
        stack.database.heals()
    assert found <= {200, 503}
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(away_s + 10)


@pytest.mark.full
def test_somebody_holds_a_lock_on_every_monitor(stack, trial):
    what = f"table of monitors locked {SIZE.fault_s:g} s"
    with trial("D3a", what, recovers_in=BACK_S, logs=DATABASE_AWAY) as tried, connect(stack) as holding:
        holding.execute("LOCK TABLE monitors_monitor IN ACCESS EXCLUSIVE MODE")
        time.sleep(SIZE.fault_s)
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SIZE.fault_s + 10)


@pytest.mark.full
def test_every_connection_is_taken(stack, trial):
    what = f"all connections taken {SIZE.fault_s:g} s"
    with trial("D3b", what, recovers_in=BACK_S, logs=DATABASE_AWAY) as tried, contextlib.ExitStack() as taken:
        stack.database.cut()  # the product has to connect anew, and finds no room
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.enter_context(connect(stack))
        stack.database.heals()
        time.sleep(SIZE.fault_s)
    assert tried.lost.keys() <= OF_OURS


@pytest.mark.full
def test_the_network_to_the_database_swallows_everything(stack, trial):
    with trial("D2b", f"database half-open {SIZE.fault_s:g} s", recovers_in=60, logs=DATABASE_AWAY) as tried:
        stack.database.swallow()
        time.sleep(SIZE.fault_s)
        stack.database.heals()
    assert tried.lost.keys() <= OF_OURS


@pytest.mark.full
def test_old_ticks_are_dropped_while_everything_runs(stack, trial):
    day = datetime.now(UTC).date() - timedelta(days=60)
    table = f"monitors_tick_{day:%Y%m%d}"
    with connect(stack) as connection:
        for statement in (
            f"CREATE TABLE {table} (LIKE monitors_tick INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"INSERT INTO {table} ({TICK}) "
            f"SELECT n, 1, '{day}', 'up', '', 1, 1, '', '', false FROM generate_series(1, 1000000) n",
            f"ALTER TABLE monitors_tick ATTACH PARTITION {table} FOR VALUES FROM ('{day}') TO ('{day + A_DAY}')",
        ):
            connection.execute(statement)
    with trial("D5", "a million old ticks dropped, partitions made") as tried:
        stack.manage("shell", "-c", "from uptime.tasks import make_partitions; make_partitions()")
        time.sleep(2)
    assert stack.sql("SELECT to_regclass(%s) IS NULL", table) == [(True,)]
    assert tried.lost == {}


@pytest.mark.full
def test_a_release_runs_while_everything_runs(stack, trial):
    with trial("D6", "manage.py release while everything runs") as tried:
        stack.manage("release")
    assert tried.lost == {}
