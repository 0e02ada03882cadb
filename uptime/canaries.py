"""Sites whose state is known, looked at by a regional worker to see whether it can still tell up from down.

They pass through the worker's own engine like any check (same guard, same look-up, same connections), and leave with
its sign of life. What they mean is for the centre to judge (monitors/domain/region_health.py).
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from monitors.domain.verdict import Vote
from monitors.probes.base import Check, Outcome
from monitors.probes.reasons import Reason
from uptime.lib.env import EnvError
from uptime.lib.net import Guard, UrlError, check_url

EVERY = 10.0  # seconds; names are remembered for less, so each look asks for the address anew
TIMEOUT_MS = 5_000
LATENESS_MS = 2_000
MOST = 10
# Says nothing about the network: the worker was busy or stopping, or the canary is not one it may look at.
NOT_LOOKED = frozenset(
    {Reason.MISSED_WINDOW, Reason.WORKER_STOPPING, Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK, Reason.STALE_CONFIG}
)


@dataclass(slots=True)
class Canary:
    """A site and what was last seen of it. `wrong`: how often in a row it was not what it is known to be."""

    url: str
    known_up: bool
    vote: str = ""
    wrong: int = 0
    detail: str = ""

    def see(self, outcome: Outcome) -> None:
        self.vote, self.detail = outcome.vote.value, outcome.detail
        if outcome.reason in NOT_LOOKED:
            return
        right = (outcome.vote == Vote.UP) == self.known_up
        self.wrong = 0 if right else self.wrong + 1

    def to_wire(self) -> list[Any]:
        return [self.url, self.known_up, self.vote, self.wrong, self.detail]


def parse(text: str) -> list[Canary]:
    """The canaries of CANARY_URLS: addresses with spaces between; `!` in front marks one known to be down."""
    words = text.split()
    if len(words) > MOST:
        raise EnvError(f"CANARY_URLS names {len(words)} addresses: {MOST} at most")
    found = []
    for word in words:
        url = word.removeprefix("!")
        try:
            check_url(url, guard=Guard(allow_private=True))
        except UrlError as error:
            raise EnvError(f"CANARY_URLS: {url!r} is not a usable address: {error}") from error
        found.append(Canary(url, not word.startswith("!")))
    return found


class Canaries:
    """Looks at each canary every ten seconds. Its checks bear numbers below zero, which no monitor has."""

    def __init__(self, canaries: Sequence[Canary], submit: Callable[[list[Check]], None]) -> None:
        self._canaries, self._submit = canaries, submit

    def start(self) -> None:
        if self._canaries:
            threading.Thread(target=self._look, name="canaries", daemon=True).start()

    def take(self, outcome: Outcome) -> bool:
        """Whether an outcome was one of a canary; quick, for the engine's thread."""
        if outcome.monitor >= 0:
            return False
        self._canaries[-1 - outcome.monitor].see(outcome)
        return True

    def to_wire(self) -> list[Any]:
        return [canary.to_wire() for canary in self._canaries]

    def checks(self) -> list[Check]:
        """One check of each, due now."""
        now = round(time.time() * 1000)
        return [
            Check(-1 - number, now, 0, "http", canary.url, TIMEOUT_MS, LATENESS_MS)
            for number, canary in enumerate(self._canaries)
        ]

    def _look(self) -> None:
        while True:
            try:
                self._submit(self.checks())
            except RuntimeError:  # the engine has stopped
                return
            time.sleep(EVERY)
