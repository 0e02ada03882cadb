"""What carries a region's results home: gathers outcomes for a moment, seals them, and keeps trying."""

import logging
import threading
import time
from collections import deque
from typing import Any

from celery import Celery

from monitors.domain.slots import Ms
from monitors.probes.base import Outcome
from uptime.lib.crypto import seal
from uptime.testwire import OfTest

logger = logging.getLogger(__name__)

GATHER = 0.25  # seconds an outcome waits for company ...
GATHER_BUSY = 1.0  # ... and while many come, so that the centre has fewer and fuller messages to store
BUSY = 80  # outcomes a second that are many
PART = 500  # outcomes in one message
HEAVY = 50  # outcomes with evidence in one message: each may have 16 kB
HEAVY_KEPT = 2_000  # outcomes waiting from which on new ones are kept without their evidence
KEEP = 50_000  # outcomes kept while the broker is away; the oldest go first, and the centre accounts for them
RETRY = 1.0  # seconds between two tries

Sign = tuple[Ms, list[Any]]  # when it was given, and what it says
Seen = Outcome | OfTest


def _now() -> Ms:
    """UTC milliseconds by this machine's clock."""
    return round(time.time() * 1000)


class Sender:
    """One thread that publishes outcomes and signs of life, in the order they came."""

    def __init__(self, app: Celery, region: str, key: bytes, into_results: dict[str, Any]) -> None:
        self._app, self._region, self._key, self._into_results = app, region, key, into_results
        self._waiting: deque[Seen | Sign] = deque(maxlen=KEEP)
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, outcome: Seen) -> None:
        """Hand an outcome over; never blocks."""
        if isinstance(outcome, Outcome) and len(self._waiting) >= HEAVY_KEPT:
            outcome.evidence = None
        self._waiting.append(outcome)
        if len(self._waiting) >= PART:
            self._wake.set()

    def sign(self, facts: list[Any]) -> None:
        """A sign of life: it travels behind every outcome that came before it, and says when it was given and sent."""
        self._waiting.append((_now(), facts))

    def stop(self) -> None:
        """Send what is waiting, and end."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        patience = GATHER
        while not self._stopping.is_set() or self._waiting:
            full = self._wake.wait(patience) and not self._stopping.is_set()
            self._wake.clear()
            count = len(self._waiting)
            patience = GATHER_BUSY if full or count > BUSY * patience else GATHER
            if not self._send(count - count % PART if full else count):
                return

    def _send(self, count: int) -> bool:
        """Publish the oldest of what waits. What comes meanwhile waits for company: a message costs as much as a
        hundred outcomes."""
        while count > 0:
            part = self._next_part()
            if self._publish(part):
                count -= len(part)
                continue
            # The order is kept; what no longer fits was the oldest.
            room = KEEP - len(self._waiting)
            self._waiting.extendleft(reversed(part[-room:] if room > 0 else []))
            if self._stopping.is_set():
                return False
            time.sleep(RETRY)
        return True

    def _next_part(self) -> list[Seen | Sign]:
        """The oldest outcomes of one sort, or one sign of life."""
        part: list[Seen | Sign] = [self._waiting.popleft()]
        heavy = 0
        while isinstance(part[0], Seen) and self._waiting and len(part) < PART and heavy < HEAVY:
            following = self._waiting[0]
            if type(following) is not type(part[0]):
                break
            part.append(self._waiting.popleft())
            heavy += isinstance(following, OfTest) or following.evidence is not None
        return part

    def _publish(self, part: list[Seen | Sign]) -> bool:
        first = part[0]
        payload: dict[str, list[Any]]
        if isinstance(first, Outcome):
            at, payload = _now(), {"outcomes": [each.to_wire() for each in part if isinstance(each, Outcome)]}
        elif isinstance(first, OfTest):
            at, payload = _now(), {"tests": [each.outcome.to_wire() for each in part if isinstance(each, OfTest)]}
        else:
            at, facts = first
            payload = {"sign": [*facts, _now()]}  # it may have waited for the broker meanwhile
        sealed = seal(self._key, "results", self._region, at, payload)
        try:
            self._app.send_task("record", args=[self._region, sealed], argsrepr="<results>", **self._into_results)
        except Exception as error:  # away, full, or a right is missing; without this thread the region would be mute
            logger.warning("The broker takes nothing, %s messages wait: %s", len(self._waiting) + len(part), error)
            return False
        return True
