"""Each web worker counts for itself, and compares notes with the others."""

import uuid

import pytest
import redis
import time_machine
from django.conf import settings

from uptime.pinglimit import PER_MINUTE, STEP, PingLimit

NOON = 1_790_000_040  # a whole minute


@pytest.fixture
def name():
    return str(uuid.uuid4())


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def allowed(limit, name, times):
    return sum(limit.allows(name) for _ in range(times))


def test_one_worker_counts_exactly(name, clock):
    limit = PingLimit()
    assert allowed(limit, name, PER_MINUTE + 50) == PER_MINUTE
    assert limit.allows(str(uuid.uuid4()))


def test_several_workers_let_hardly_more_through_than_one(name, clock):
    workers = [PingLimit() for _ in range(3)]
    through = sum(workers[n % 3].allows(name) for n in range(3 * PER_MINUTE))
    assert PER_MINUTE <= through <= PER_MINUTE + 3 * STEP


def test_every_minute_begins_anew(name, clock):
    limit = PingLimit()
    allowed(limit, name, PER_MINUTE + 1)
    clock.shift(60)
    assert limit.allows(name)


def test_what_is_counted_in_the_cache_is_forgotten_after_its_minute(name, clock):
    allowed(PingLimit(), name, STEP)
    with redis.Redis.from_url(settings.REDIS_URL) as cache:
        [counter] = cache.scan_iter(f"*pings:{name}:*")
        assert 0 < cache.ttl(counter) <= 60


def test_without_the_cache_a_worker_goes_by_its_own_count(name, clock, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert allowed(PingLimit(), name, PER_MINUTE + 50) == PER_MINUTE


def test_addresses_made_up_by_somebody_take_no_more_than_so_much_memory(clock, monkeypatch):
    monkeypatch.setattr("uptime.pinglimit.MOST_COUNTED", 10)
    limit = PingLimit()
    for number in range(100):
        limit.allows(str(number))
    assert len(limit._counts) <= 11
