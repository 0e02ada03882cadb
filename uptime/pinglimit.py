"""How many pings of one heartbeat are taken in a minute.

Every web worker counts for itself and compares notes with the others in the cache now and then: asking it for each ping
would cost as much as storing one. While the cache is away each worker goes by its own count.
"""

import logging
import threading
import time
from dataclasses import dataclass

import redis
from django.conf import settings

log = logging.getLogger(__name__)

PER_MINUTE = 300  # pings of one heartbeat
STEP = 25  # pings between two looks at what other workers counted: so many more may come through for each of them
MOST_COUNTED = 100_000  # heartbeats, most of them made up by somebody who tries addresses
BLIND_S = 5.0  # how long the cache is left alone after it failed
KEPT_S = 60  # a count outlives its minute by at most this


@dataclass(slots=True)
class _Count:
    here: int = 0
    elsewhere: int = 0


class PingLimit:
    """Thread-safe. Never fails: whoever cannot be counted is let in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[str, _Count] = {}
        self._blind_until = 0.0
        self._client: redis.Redis | None = None

    def allows(self, name: str) -> bool:
        """Counts a ping of the heartbeat `name`; whether it is not one too many."""
        minute = int(time.time()) // 60
        with self._lock:
            if minute != self._minute or len(self._counts) > MOST_COUNTED:
                self._minute, self._counts = minute, {}
            count = self._counts.setdefault(name, _Count())
            count.here += 1
            compare = count.here % STEP == 0
        if compare and (everywhere := self._exchange(f"{settings.QUEUE_PREFIX}pings:{name}:{minute}")) is not None:
            count.elsewhere = everywhere - count.here
        return count.here + count.elsewhere <= PER_MINUTE

    def _exchange(self, name: str) -> int | None:
        """Add what was counted here since the last time; how many there were everywhere, None when nobody knows."""
        if time.monotonic() < self._blind_until:
            return None
        try:
            if self._client is None:
                self._client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
            with self._client.pipeline(transaction=False) as pipe:
                pipe.incrby(name, STEP)
                pipe.expire(name, KEPT_S, nx=True)
                return int(pipe.execute()[0])
        except redis.RedisError:
            self._blind_until = time.monotonic() + BLIND_S
            log.warning("The cache is away: pings are limited by each worker for itself")
            return None
