"""Flapping: a monitor that keeps going down and coming up is told of once, and then not until it is steady again.

A **turn** is a change between up and down that people would be told of. Flapping begins with a fall that is at least
the so-many-th turn within a window of time, and is over when a quiet time has passed without another: hysteresis, so
that its end does not flap either. Nagios does the same by the share of changes among the last 21 checks
(https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html); here turns are confirmed already,
so they are counted by the clock. What follows depends on when the turns were, never on when somebody looked.
Standard library only; times are UTC milliseconds.
"""

from dataclasses import dataclass
from enum import StrEnum

from monitors.domain.slots import Ms


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as flapping; each is a setting."""

    changes: int = 4  # turns, the one that makes it flapping included
    window_ms: Ms = 30 * 60_000  # within which they must lie
    quiet_ms: Ms = 15 * 60_000  # without a turn, after which it is steady again


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of the turns of one monitor."""

    turns: tuple[Ms, ...] = ()  # the latest, oldest first; never more than make it flapping
    since: Ms | None = None  # flapping: from the first of the turns that made it so


class Course(StrEnum):
    """What a turn is to whoever tells people."""

    STEADY = "steady"  # told as ever
    BEGINS = "begins"  # with this one it flaps: told once, in its own words
    FLAPPING = "flapping"  # told to nobody


def turn(memory: Memory, at: Ms, down: bool, limits: Limits) -> tuple[Memory, Course]:
    """What a turn at `at` makes of a monitor; `down`: whether it went down.

    Where the quiet time has passed before it, the flapping was over by then, whether anybody noticed or not.
    """
    if memory.since is not None and not settled(memory, at, limits):
        turns = (*memory.turns, at)[-limits.changes :]
        return Memory(turns, memory.since), Course.FLAPPING
    before = () if memory.since is not None else memory.turns
    turns = tuple(each for each in (*before, at) if each > at - limits.window_ms)[-limits.changes :]
    if down and len(turns) >= limits.changes:
        return Memory(turns, turns[0]), Course.BEGINS
    return Memory(turns), Course.STEADY


def settled(memory: Memory, seen_until: Ms, limits: Limits) -> bool:
    """Whether what flapped has been steady for long enough, by what was seen of it up to a moment."""
    return memory.since is not None and bool(memory.turns) and seen_until - memory.turns[-1] >= limits.quiet_ms
