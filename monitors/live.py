"""One version number per team: a page that already shows this version need not be drawn again."""

import time
from collections.abc import Iterable

from django.core.cache import cache
from redis.exceptions import RedisError

_KEY = "live:{}"
_A_DAY = 86_400


def bump(team_ids: Iterable[int]) -> None:
    """Something these teams can see has changed."""
    try:
        for team in set(team_ids):
            key = _KEY.format(team)
            # Starting from the clock, a number is never used twice, whatever the cache forgot in between.
            if not cache.add(key, time.time_ns() // 1000, _A_DAY):
                cache.incr(key)
    except (RedisError, ValueError):
        return  # pages then redraw on every poll: slower, never wrong


def version(team_ids: Iterable[int]) -> str:
    """What the teams' pages are worth now; empty while the cache is away or knows nothing."""
    ids = sorted(set(team_ids))
    try:
        found = cache.get_many([_KEY.format(team) for team in ids])
    except RedisError:
        return ""
    return "-".join(str(found.get(_KEY.format(team), 0)) for team in ids)
