"""The brake: when everything fails at once it may be our own fault, so alerts wait until we know.

It is pulled when half of the regions are in trouble, or when much of what is watched goes down within a minute. What is
over before it was believed is told to nobody; what lasts is told a little later, and never lost.
Standard library only; times are datetimes because nothing here counts in slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AT_ONCE = timedelta(seconds=60)


class Cause(StrEnum):
    """Why the brake is pulled."""

    REGIONS = "regions"  # half of them are in trouble
    MANY = "many"  # much went down at once


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is pulled, and for how long; each is a setting."""

    share: int = 25  # per cent of what is watched
    monitors: int = 50
    teams: int = 5  # or all that have monitors, where there are fewer
    hold: timedelta = timedelta(seconds=120)
    longest: timedelta = timedelta(seconds=900)


@dataclass(frozen=True, slots=True)
class Scene:
    """How things stand: the regions in use, and what went down in the last minute."""

    regions: int
    troubled_since: Sequence[datetime] = ()  # one moment for each region in trouble
    watched: int = 0  # monitors that are checked, and the teams they belong to
    teams: int = 0
    fell: int = 0  # of them, those that went down in the last minute, and the teams they belong to
    fell_teams: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that something is down, waiting. `over`: it came up again, or nobody watches it any more."""

    since: datetime
    until: datetime
    over: bool


class Fate(StrEnum):
    """What becomes of an alert that waits."""

    WAIT = "wait"
    EXTEND = "extend"
    RELEASE = "release"
    DROP = "drop"


def cause(scene: Scene, limits: Limits, now: datetime) -> Cause | None:
    """Why alerts must wait now, None when they need not."""
    if _half_in_trouble(scene, limits, now):
        return Cause.REGIONS
    return Cause.MANY if _many_fell(scene, limits) else None


def _half_in_trouble(scene: Scene, limits: Limits, now: datetime) -> bool:
    """At least two. Half the regions away for good is no longer news, and must not delay every alert for ever: what
    counts is when the half was reached."""
    half = max(2, -(-scene.regions // 2))
    if len(scene.troubled_since) < half:
        return False
    return now - sorted(scene.troubled_since)[half - 1] < limits.longest


def _many_fell(scene: Scene, limits: Limits) -> bool:
    return (
        scene.fell >= limits.monitors
        and 100 * scene.fell >= limits.share * scene.watched
        and scene.fell_teams >= min(limits.teams, scene.teams)
    )


def fate(held: Held, why: Cause | None, limits: Limits, now: datetime) -> Fate:
    """What becomes of a waiting alert, given why the brake is pulled now.

    While regions are in trouble the end moves on before it comes, so that nothing slips out between two looks.
    """
    if held.over:
        return Fate.DROP
    last = held.since + limits.longest
    if now >= last:
        return Fate.RELEASE
    if why == Cause.REGIONS:
        return Fate.EXTEND if held.until < last else Fate.WAIT
    return Fate.RELEASE if now >= held.until else Fate.WAIT


def until(held: Held, limits: Limits, now: datetime) -> datetime:
    """Until when an extended alert waits."""
    return max(held.until, min(now + limits.hold, held.since + limits.longest))
