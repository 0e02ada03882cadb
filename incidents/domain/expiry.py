"""Telling people that a certificate or a domain ends: when an incident is opened, when it is told of again, when not.

The incident is opened once fewer days are left than the monitor's first threshold, and each lower threshold is told
of once. It is resolved by the renewal, but only when every region has seen nothing else for a while: behind a balancer
old and new certificates take turns, and each of them must not end an incident and open another.
Standard library only; times are UTC milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitors.domain.expiry import DAY_MS, HOUR_MS, Sight, earliest, lately
from monitors.domain.slots import Ms

THRESHOLDS = (60, 30, 14, 7, 3, 2, 1)  # days
SETTLE_CHECKS = 12  # rounds in which nothing but the renewed one must be seen, between an hour and a day in all


class What(StrEnum):
    OPENED = "opened"
    STEP = "step"  # a lower threshold
    RENEWED = "renewed"
    DROPPED = "dropped"  # nobody wants to be told any more, or nothing that could end is seen


@dataclass(frozen=True, slots=True)
class Event:
    """`expires_at`: the end that counts; `step`: the threshold reached, in days, or last told of."""

    what: What
    expires_at: Ms
    step: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an open incident has told: the threshold, in days, and the end."""

    step: int
    expires_at: Ms


def thresholds(first: int) -> tuple[int, ...]:
    """Those that are told of where the first is `first` days; none where it is 0."""
    return tuple(days for days in THRESHOLDS if days <= first)


def reached(first: int, expires_at: Ms, now: Ms) -> int | None:
    """The lowest threshold that has been reached, in days; None: none."""
    left = expires_at - now
    return min((days for days in thresholds(first) if left <= days * DAY_MS), default=None)


def review(sights: Sequence[Sight], first: int, told: Told | None, interval_s: int, now: Ms) -> Event | None:
    """What has to be written down, None where nothing has.

    `first`: the threshold from which on people want to be told, in days, 0 for never; `told`: by the incident that is
    open. Several thresholds passed at once are told of as one, the lowest."""
    end = earliest(sights, interval_s)
    near = None if end is None else reached(first, end, now)
    if told is None:
        return Event(What.OPENED, end, near) if end is not None and near is not None else None
    if not thresholds(first):
        return Event(What.DROPPED, told.expires_at, told.step)
    if end is None:
        return None
    if near is not None:
        return Event(What.STEP, end, near) if near < told.step else None
    if not settled(sights, interval_s, now):
        return None
    # Nearer than what was told, and yet not near: people want to hear of it later than they did.
    return Event(What.RENEWED if end > told.expires_at else What.DROPPED, end, told.step)


def settled(sights: Sequence[Sight], interval_s: int, now: Ms) -> bool:
    """Whether every region has long enough seen what it sees now."""
    needed = min(DAY_MS, max(HOUR_MS, SETTLE_CHECKS * 1000 * interval_s))
    return all(now - each.since >= needed for each in lately(sights, interval_s))
