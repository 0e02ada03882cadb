"""Pulses: when a part of the pipeline last did its work, how long that took, and how much it has done in all."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

logger = logging.getLogger(__name__)

# Beside one pulse for each periodic task, named as the task:
SENT, STORED = "sent", "stored"  # checks that dispatch has handed out, ticks that the results worker has stored
HEARD = "heard"  # calls that HEARTBEAT_URL has taken
WRITE_EVERY = 1.0  # seconds between two writes of a tally
PAUSE = timedelta(minutes=2)  # of silence, after which it begins anew

MARK = """
INSERT INTO monitors_pulse AS pulse (name, at, since, took_ms, done)
SELECT name, at, at, took_ms, done
FROM unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::bigint[]) AS mark(name, at, took_ms, done)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, took_ms = excluded.took_ms, done = pulse.done + excluded.done,
    since = CASE WHEN pulse.at < excluded.at - %s THEN excluded.at ELSE pulse.since END
"""


@dataclass
class Mark:
    """That a part has just done `done` more pieces of its work."""

    name: str
    took_ms: float | None = None
    done: int = 1
    at: datetime = field(default_factory=timezone.now)


def mark(name: str, done: int = 1) -> None:
    write([Mark(name, done=done)])


def write(marks: Sequence[Mark], pause: timedelta = PAUSE) -> None:
    """All at once; what was silent for longer than `pause` begins anew."""
    last: dict[str, Mark] = {}
    for each in marks:
        last[each.name] = replace(each, done=each.done + (last[each.name].done if each.name in last else 0))
    rows = [(each.name, each.at, each.took_ms, each.done) for each in sorted(last.values(), key=lambda m: m.name)]
    values: list[Any] = [*map(list, zip(*rows, strict=True)), pause]
    with connection.cursor() as cursor:
        cursor.execute(MARK, values)


class Tally:
    """Counts what happens many times a second, and marks the pulse of it once a second at most."""

    def __init__(self, name: str) -> None:
        self._name, self._count, self._written = name, 0, 0.0

    def add(self, count: int) -> None:
        """Never fails: what is counted here has been done, whether it is counted or not."""
        self._count += count
        if not self._count or time.monotonic() - self._written < WRITE_EVERY:
            return
        try:
            mark(self._name, self._count)
        except DatabaseError as error:
            logger.warning("The pulse %s could not be marked: %s", self._name, error)
        else:
            self._count, self._written = 0, time.monotonic()
