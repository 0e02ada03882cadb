"""Speaks into the queue `results`: as a region whose key it has, or as somebody who should not be listened to."""

from typing import Any

import redis
from celery import Celery

from monitors.times import now_ms
from tests.faults.stack import Stack
from uptime import queues
from uptime.lib.crypto import key_bytes, seal

RESULTS = queues.name(queues.RESULTS, "")


class Voice:
    """Has a connection of its own to the broker, past the wires that break."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.valkey = redis.Redis(unix_socket_path=stack.valkey_socket)
        url = f"redis+socket://{stack.valkey_socket}"
        self._app = Celery("voice", set_as_current=False, fixups=[])
        self._app.conf.update(queues.configuration(url, "voice", "", [RESULTS]), task_create_missing_queues=True)

    def seal(self, slug: str, payload: Any, *, by: str = "") -> str:
        """`by`: the region whose key is used, when that is another one."""
        return seal(key_bytes(self._stack.remotes[by or slug].key), "results", slug, now_ms(), payload)

    def says(self, slug: str, sealed: object, **extras: Any) -> None:
        self._app.send_task(extras.pop("task", "record"), args=[slug, sealed], queue=RESULTS, **extras)

    def waiting(self, queue: str) -> int:
        return self.valkey.llen(queue)

    def dead_letters(self) -> int:
        return self._stack.sql("SELECT count(*) FROM monitors_deadletter")[0][0]
