"""When what a monitor watches runs out: a certificate or a domain, as its regions last saw it.

Regions may see different ones, as those of two servers behind one name, so what counts is the earliest that was seen
lately. Standard library only; times are UTC milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monitors.domain.slots import Ms

HOUR_MS: Ms = 3_600_000
DAY_MS: Ms = 24 * HOUR_MS
REFRESH_MS = 6 * HOUR_MS  # how old the note of when something was last seen may be


@dataclass(frozen=True, slots=True)
class Sight:
    """The end that one region sees: which, since when it sees this one, and when it was last noted to see it."""

    expires_at: Ms
    since: Ms
    seen_at: Ms


def lately(sights: Sequence[Sight], interval_s: int) -> list[Sight]:
    """Those that still count: a region that has not looked for a day longer than others knows no more.

    Measured by the others, so that nothing changes while nobody looks."""
    newest = max((each.seen_at for each in sights), default=0)
    return [each for each in sights if newest - each.seen_at <= DAY_MS + REFRESH_MS + 2000 * interval_s]


def earliest(sights: Sequence[Sight], interval_s: int) -> Ms | None:
    """The end that counts; None: nobody saw one."""
    return min((each.expires_at for each in lately(sights, interval_s)), default=None)
