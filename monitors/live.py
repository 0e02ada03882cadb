"""One version number per team: a page that already shows this version need not be drawn again."""

import time
from collections.abc import Iterable

from django.core.cache import cache
from redis.exceptions import RedisError

_KEY = "live:{}"
_A_DAY = 86_400


def bump(team_ids: Iterable[int]) -> bool:
    """Something these teams can see has changed. False while the cache is away."""
    try:
        for team in set(team_ids):
            # Read off the clock, a number is never used twice, whatever the cache forgot in between.
            cache.set(_KEY.format(team), time.time_ns() // 1000, _A_DAY)
    except RedisError:
        return False  # pages then redraw on every poll: slower, never wrong
    return True


def version(team_ids: Iterable[int]) -> str:
    """What the teams' pages are worth now; empty while the cache is away or knows nothing."""
    ids = sorted(set(team_ids))
    try:
        found = cache.get_many([_KEY.format(team) for team in ids])
    except RedisError:
        return ""
    return "-".join(str(found.get(_KEY.format(team), 0)) for team in ids)
