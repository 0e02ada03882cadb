"""A broker that was away is found again soon."""

import os
from urllib.parse import urlsplit

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from tests.faults.proxy import Proxy
from tests.helpers import free_port
from uptime import queues
from uptime.lib import reconnecting
from uptime.lib.reconnecting import AMQP, Connection


def test_between_two_attempts_to_connect_never_more_than_so_many_seconds_pass(monkeypatch):
    monkeypatch.setattr(reconnecting, "RETRY_S", 0.02)
    waits = []
    with pytest.raises(OperationalError), Connection(f"redis://127.0.0.1:{free_port()}/0") as connection:
        connection.ensure_connection(lambda error, wait: waits.append(wait), 4, interval_start=0.01, interval_step=0.01)
    assert waits == [0.01, 0.02, 0.02, 0.02]


@pytest.mark.broker
def test_what_is_sent_after_the_connection_broke_arrives():
    """By a producer that is kept, as beat keeps its own."""
    url = urlsplit(os.environ["REDIS_URL"])
    with Proxy(url.path if url.scheme == "unix" else (url.hostname, url.port or 6379)) as wire:
        app = Celery("sender", set_as_current=False, fixups=[], amqp=AMQP)
        name = f"{os.environ['QUEUE_PREFIX']}broken"
        app.conf.update(queues.configuration(f"redis://127.0.0.1:{wire.port}/0", "test", "", [name]))
        with app.connection_for_write() as connection:
            kept = app.amqp.Producer(connection, auto_declare=False)
            app.send_task("first", producer=kept)
            wire.cut()
            for _ in range(3):
                with pytest.raises((OperationalError, ConnectionError)):
                    app.send_task("lost", producer=kept)
            wire.heals()
            app.send_task("second", producer=kept)
            queue = queues.declare(name).bind(connection.default_channel)
            assert [queue.get(no_ack=True).headers["task"] for _ in range(2)] == ["first", "second"]
            queue.purge()
