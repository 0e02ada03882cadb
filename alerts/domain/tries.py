"""When a delivery is tried again, and how many messages a channel takes. Pure: the clock and the dice are passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=1)
GIVE_UP = timedelta(hours=24)
FALL_BACK = timedelta(minutes=5)  # of failing, after which somebody is told another way
JITTER = 0.25  # of the wait, either way: those who failed together do not come back together
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BETWEEN_DIGESTS = timedelta(seconds=30)  # of what a minute had no room for
BETWEEN_HOURLY_DIGESTS = timedelta(minutes=10)  # of what an hour had no room for


def next_attempt(
    attempts: int, first: datetime, now: datetime, dice: float, retry_after: timedelta | None = None
) -> datetime | None:
    """When to try again after `attempts` failures of which the first was at `first`; None when it is given up.

    `dice`: from 0 to 1. A wait the provider asks for is honoured up to an hour; it is there again, so that what it asks
    for counts for more than how long it was away."""
    wait = min(FIRST * float(2 ** min(attempts - 1, 20)), LONGEST)
    wait *= 1 + JITTER * (2 * dice - 1)
    if retry_after is not None:
        wait = max(min(wait, MINUTE), min(retry_after, LONGEST))
    wait = min(wait, LONGEST)
    last = first + GIVE_UP
    if now >= last:
        return None
    return min(now + wait, last)


@dataclass(frozen=True)
class Pace:
    """What went through a channel lately; `digest_at`: when its last digest was made."""

    minute: int
    hour: int
    digest_at: datetime | None = None


@dataclass(frozen=True)
class Room:
    """How many messages may go now one by one, and whether a digest of the rest may."""

    single: int
    digest: bool


def room(pace: Pace, per_minute: int, per_hour: int, now: datetime) -> Room:
    single = max(0, min(per_minute - pace.minute, per_hour - pace.hour))
    between = BETWEEN_HOURLY_DIGESTS if pace.hour >= per_hour else BETWEEN_DIGESTS
    return Room(single, pace.digest_at is None or now - pace.digest_at >= between)
