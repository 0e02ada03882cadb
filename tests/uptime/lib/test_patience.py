"""Of a database that is gone, with a word or without, nobody waits much longer than it is away."""

import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg_pool import ConnectionPool

from tests.faults.proxy import Proxy
from tests.helpers import connection_params, wait_until
from uptime.lib import patience
from uptime.lib.patience import Connection

pytestmark = pytest.mark.django_db

AWAY_S, SOON_S = 17.5, 5.5  # at the default of the pool the next attempts would come after 28 s or more


class Hasty(Connection):
    _answer_s = 1.0


@pytest.fixture
def wire():
    """A proxy in front of the database of this run, with how to connect through it."""
    with connection.cursor():
        info = connection.connection.info
        host, port = info.host, info.port
    with Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)) as proxy:
        yield proxy, connection_params() | {"host": "127.0.0.1", "port": proxy.port}


def test_an_answer_that_never_comes_ends_the_connection(wire):
    proxy, through = wire
    with Hasty.connect(**through) as held:
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
        assert 0.9 < time.monotonic() - began < 5
        assert held.closed


def test_what_may_take_long_is_waited_for(wire):
    _, through = wire
    with Hasty.connect(**through) as held:
        with held.unhurried():
            held.execute("SELECT pg_sleep(1.5)")
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT pg_sleep(1.5)")


def test_whether_a_connection_is_alive_is_asked_for_moments_only(wire, monkeypatch):
    proxy, through = wire
    monkeypatch.setattr(patience, "ALIVE_S", 0.5)
    with Connection.connect(**through) as held:
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            ConnectionPool.check_connection(held)
        assert 0.4 < time.monotonic() - began < 5


def test_an_error_of_the_server_s_leaves_the_connection_as_it_is(wire):
    _, through = wire
    with Hasty.connect(**through, autocommit=True) as held:
        with pytest.raises(psycopg.OperationalError):
            held.execute("SET statement_timeout = 100; SELECT pg_sleep(0.5)")
        assert held.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.database
def test_a_database_that_was_away_is_found_again_soon(wire):
    proxy, through = wire
    options = settings.DATABASES["default"]["OPTIONS"]["pool"]
    with ConnectionPool(kwargs=through, check=ConnectionPool.check_connection, **options) as pool:
        pool.wait()
        proxy.cut()
        back = time.monotonic() + AWAY_S
        while time.monotonic() < back:
            with pytest.raises(psycopg.OperationalError), pool.connection(timeout=2) as held:
                held.execute("SELECT 1")
        proxy.heals()
        wait_until(lambda: answers(pool), SOON_S, 0.1, "the database is there again")


def answers(pool: ConnectionPool) -> bool:
    try:
        with pool.connection(timeout=1) as held:
            return held.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False
