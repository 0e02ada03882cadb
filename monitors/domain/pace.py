"""Which slots of a grid are left out: of what has been down long, and of what asked us to stay away for a while.

A slot that is left out is not due: nobody is asked, no vote is missing, and no silence begins; the status simply
continues. What is left out follows from the schedule history, a list of paces, so that every process can name the slots
of any time. Between two due slots there are never more than ten minutes, but where the interval itself is longer.
"""

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from monitors.domain.slots import Ms, next_slot, phase

BACK_OFF = ((1, 2), (3, 4), (12, 8))  # down for so many hours: of the slots every n-th is kept
LONGEST_MS = 600_000  # between two due slots
AN_HOUR_MS = 3_600_000


class Wish(NamedTuple):
    """How often something should be asked: at every n-th slot, and not before a moment (0: at once)."""

    every: int = 1
    not_before: Ms = 0


class Pace(NamedTuple):
    """A wish that holds for the slots from `start` up to, not including, `end` (None: until further notice)."""

    start: Ms
    end: Ms | None
    every: int = 1
    not_before: Ms = 0


def every_nth(down_ms: Ms, interval_s: int) -> int:
    """Of which slots one is kept when something has been down that long: a power of 2, so that the slots of a slower
    pace are all slots of a quicker one too."""
    wanted = max((n for hours, n in BACK_OFF if down_ms >= hours * AN_HOUR_MS), default=1)
    while wanted > 1 and wanted * interval_s * 1000 > LONGEST_MS:
        wanted //= 2
    return wanted


def not_before(slot: Ms, retry_after_s: int, interval_s: int, every: int) -> Ms:
    """When to ask again what at `slot` asked us to stay away: at its word, but ten minutes later at the latest."""
    return slot + max(0, min(retry_after_s * 1000, LONGEST_MS - every * interval_s * 1000))


def wish(before: Wish, plainly_down: bool, slot: Ms, down_since: Ms, retry_after_s: int, interval_s: int) -> Wish:
    """How often to ask from now on what was `before` to be asked so.

    `plainly_down`: confirmed, the newest round of the slot `slot` says so too, and no good one is under way. Anything
    else brings every slot back at once: while an outage or its end is being confirmed, each round counts.
    `retry_after_s`: how long that round's answers ask us to stay away.
    """
    if not plainly_down:
        return Wish()
    every = every_nth(slot - down_since, interval_s)
    away = max(before.not_before, not_before(slot, retry_after_s, interval_s, every))
    return Wish(every, away if away > slot + every * interval_s * 1000 else 0)


@dataclass(frozen=True, slots=True)
class Grid:
    """The slots a monitor is due at, extra ones aside. `paces` do not overlap."""

    monitor: int
    interval_s: int
    paces: tuple[Pace, ...] = ()

    def due(self, after: Ms, until: Ms, most: int | None = None) -> list[Ms]:
        """The first due slots with after < slot <= until, ascending; the caller bounds the span, or says how many."""
        slots = range(next_slot(self.monitor, self.interval_s, after), until + 1, self._step)
        if not self.paces:
            return list(slots[:most])
        return list(islice((slot for slot in slots if self.keeps(slot)), most))

    def next(self, after: Ms) -> Ms:
        """The first due slot strictly after a moment."""
        slot = next_slot(self.monitor, self.interval_s, after)
        while not self.keeps(slot):
            slot += self._step
        return slot

    def keeps(self, slot: Ms) -> bool:
        """Whether a slot of the grid is due."""
        for pace in self.paces:
            if pace.start <= slot and (pace.end is None or slot < pace.end):
                return slot >= pace.not_before and self._turn(slot) % pace.every == 0
        return True

    def following(self, moment: Ms) -> Ms:
        """One interval after a moment, and one more for every slot that is left out until the next due one."""
        first = next_slot(self.monitor, self.interval_s, moment)
        return moment + self._step + self.next(moment) - first

    def left_out(self, after: Ms, until: Ms) -> Ms:
        """How much of the time between two moments belongs to slots that are left out: to each the interval before."""
        if not self.paces:
            return 0
        slots = range(next_slot(self.monitor, self.interval_s, after), until + self._step, self._step)
        return sum(min(slot, until) - max(slot - self._step, after) for slot in slots if not self.keeps(slot))

    @property
    def _step(self) -> Ms:
        return self.interval_s * 1000

    def _turn(self, slot: Ms) -> int:
        """The number of a slot; monitors that are asked equally rarely have their turns spread over the time."""
        return (slot - phase(self.monitor, self.interval_s)) // self._step + self.monitor
