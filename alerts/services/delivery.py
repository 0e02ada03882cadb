"""The threads that send: however long one provider takes, the others' messages go on."""

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import BoundedSemaphore, Event, Lock

from django.db import connections
from django.utils import timezone

from alerts.models import Delivery, Status
from alerts.services.attempts import attempt, load
from alerts.services.claiming import claim
from monitors.services import pulses
from monitors.services.pulses import Mark

logger = logging.getLogger(__name__)

THREADS = 48  # messages under way in one process
PATIENCE_S = 0.5
PAUSE_S = 0.25  # between two claims, each of which costs as much as some messages: meanwhile many end
LONGEST = timedelta(seconds=20)  # of one run while there is always more


SENT, FAILED, GIVEN_UP = "sent", "fail", "dead"  # what is counted, for each kind of channel
OUTCOMES = {Status.SENT: SENT, Status.FAILED: FAILED, Status.DEAD: GIVEN_UP}


def pulse_name(outcome: str, kind: str) -> str:
    """The pulse that counts these."""
    return f"{outcome}:{kind}"


class Crew:
    """Threads that are started when there is something to send."""

    def __init__(self, size: int = THREADS) -> None:
        self.size = size
        self.failing = size // 2  # through channels that fail: the others' messages find a thread at once
        self._slots = BoundedSemaphore(size)
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="deliver")
        self._alone, self._finished = Lock(), Event()
        self._counts: Counter[str] = Counter()
        self._counting = Lock()

    def run(self) -> int:
        """Hand everything that is due to the threads; returns how many that were. A second run at the same time
        returns at once: the first one sees what it would have seen."""
        if not self._alone.acquire(blocking=False):
            return 0
        try:
            return self._run()
        finally:
            self._alone.release()

    def _run(self) -> int:
        count, ends = 0, time.monotonic() + LONGEST.total_seconds()
        while time.monotonic() < ends:
            free = self._free()
            self._finished.clear()
            begun = self._begin(free)
            count += begun
            # One that ends makes room for the next of its channel. Who hangs is not waited for.
            if not begun and (free == self.size or not self._finished.wait(PATIENCE_S)):
                break
            time.sleep(PAUSE_S)
        return count

    def _begin(self, free: int) -> int:
        """Fill free slots with what is due, as far as there is any; returns how many. The others are free again."""
        begun = 0
        try:
            for delivery in load(claim(timezone.now(), free, self.failing)):
                self._pool.submit(self._attempt, delivery)
                begun += 1
        finally:  # also when the database was away: else nothing would ever be sent again
            for _ in range(free - begun):
                self._slots.release()
        return begun

    def _free(self) -> int:
        """Take every free slot, at least one."""
        self._slots.acquire()
        free = 1
        while free < self.size and self._slots.acquire(blocking=False):
            free += 1
        return free

    def _attempt(self, delivery: Delivery) -> None:
        try:
            self._count(attempt(delivery, connections.close_all))
        except Exception:  # the lease runs out, and it is tried again
            logger.exception("Delivery %s", delivery.pk)
        finally:
            connections.close_all()
            self._slots.release()
            self._finished.set()

    def _count(self, delivery: Delivery) -> None:
        outcome = OUTCOMES.get(Status(delivery.status))
        if outcome:
            with self._counting:
                self._counts[pulse_name(outcome, delivery.channel_kind)] += 1

    def tell(self) -> None:
        """Write down how much was sent since the last time."""
        with self._counting:
            counts, self._counts = self._counts, Counter()
        if counts:
            pulses.write([Mark(name, done=number) for name, number in counts.items()])

    def finish(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown(wait=True)


CREW = Crew()


def deliver() -> int:
    """Send what is due; returns how many messages were begun."""
    CREW.tell()
    return CREW.run()
