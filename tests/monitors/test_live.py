"""A page that already shows a version need not be drawn again."""

import pytest
from redis.exceptions import RedisError

from monitors import live


def test_a_change_gives_its_team_another_version_and_leaves_others_alone():
    live.bump([1, 2])
    before, other = live.version([1]), live.version([2])
    live.bump([1])
    assert live.version([1]) != before
    assert live.version([2]) == other
    assert live.version([1, 2]) != before


def test_a_forgetful_cache_never_brings_an_old_version_back():
    live.bump([3])
    seen = {live.version([3])}
    for _ in range(3):
        live.cache.clear()
        live.bump([3])
        assert live.version([3]) not in seen
        seen.add(live.version([3]))


@pytest.mark.parametrize("name", ["get_many", "set"])
def test_without_the_cache_pages_are_simply_drawn(name, monkeypatch):
    def away(*args, **kwargs):
        raise RedisError("away")

    monkeypatch.setattr(live.cache, name, away, raising=False)
    live.bump([1])
    if name == "get_many":
        assert live.version([1]) == ""
