"""Pulses: when a part of the pipeline last did its work, how long that took, and how much it has done in all."""

import logging
import time
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import Case, F, Value, When
from django.utils import timezone

from monitors.models import Pulse

logger = logging.getLogger(__name__)

# Beside one pulse for each periodic task, named as the task:
SENT, STORED = "sent", "stored"  # checks that dispatch has handed out, ticks that the results worker has stored
HEARD = "heard"  # calls that HEARTBEAT_URL has taken
WRITE_EVERY = 1.0  # seconds between two writes of a tally


def mark(name: str, done: int = 1, took_ms: float | None = None, pause: timedelta = timedelta(minutes=2)) -> None:
    """It has just done `done` more pieces of its work; silent for longer than `pause` it begins anew."""
    now = timezone.now()
    facts = {"at": now, "took_ms": took_ms, "done": F("done") + done, "since": _since(now, pause)}
    if not Pulse.objects.filter(name=name).update(**facts):
        fresh = Pulse(name=name, at=now, since=now, took_ms=took_ms, done=done)
        Pulse.objects.bulk_create([fresh], ignore_conflicts=True)


def _since(now: datetime, pause: timedelta) -> Case:
    return Case(When(at__lt=now - pause, then=Value(now)), default=F("since"))


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
