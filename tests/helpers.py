"""Small helpers every test may use."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from uptime import queues

T = TypeVar("T")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def wait_until(condition: Callable[[], T], timeout: float = 30.0, every: float = 0.02, what: str = "") -> T:
    """The first truthy answer of `condition`; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}")
        time.sleep(every)
    return answer


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def find_chromium() -> str | None:
    """The browser for the tests marked `browser`: CHROMIUM, else one on the PATH."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUMS)]
    return next((path for path in candidates if path and os.access(path, os.X_OK)), None)


def connection_params() -> dict[str, Any]:
    """How to connect to the database of this test by psycopg, beside Django."""
    known = {"host", "port", "user", "password", "dbname", "options", "connect_timeout"}
    return {name: value for name, value in connection.get_connection_params().items() if name in known}


def empty_queues(*names: str) -> None:
    """Take whatever waits in these queues off the broker of this test."""
    from uptime.celery import app  # which wants settings, and the plugin that makes them imports this file

    with app.connection_or_acquire() as channel:
        for name in names:
            queue = queues.declare(queues.name(name, settings.QUEUE_PREFIX)).bind(channel.default_channel)
            queue.queue_declare()
            queue.purge()
