"""What the figures of servers, partitions, disk and dead letters mean."""

from datetime import UTC, date, datetime, timedelta

import pytest

from uptime.pipeline import storage
from uptime.pipeline.broker import Broker, Cache, Memory
from uptime.pipeline.reading import COUNTED, Archived, Beat, Database, Days, Letters

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 1)
GB = storage.GB


def holds(part, state, words):
    assert part.state == state
    assert words in " ".join(problem.sentence for problem in part.problems)
    assert all(problem.hint and problem.see for problem in part.problems)


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (Database("16.2", 10**9, 48, 60, 1.0), "well", ""),
        (Database("16.2", 10**9, 49, 60, 1.0), "warning", "49 of its 60 connections"),
        (Database("16.2", 10**9, 8, 60, 61.0), "warning", "open for 61 s"),
        (None, "problem", "It does not answer: refused."),
    ],
)
def test_the_database(facts, state, words):
    holds(storage.database_part(facts, "refused.", 3.0), state, words)


@pytest.mark.parametrize(
    ("memory", "state", "words"),
    [
        (None, "well", ""),
        (Memory(10**12, 0), "well", ""),
        (Memory(79, 100), "well", ""),
        (Memory(81, 100), "warning", "81% of its memory"),
        (Memory(96, 100), "problem", "no check can be sent"),
        (Memory(1, 100, written=False), "problem", "cannot write to its disk"),
    ],
)
def test_memory_of_the_broker(memory, state, words):
    holds(storage.broker_part(Broker(memory=memory), with_cache=False), state, words)


def test_servers_that_are_away():
    holds(storage.broker_part(Broker(error="refused."), with_cache=True), "problem", "It does not answer: refused.")
    holds(storage.cache_part(Cache(error="refused.")), "problem", "It does not answer: refused.")
    holds(storage.unread_part("sweep", "Sweep", "too slow."), "warning", "could not be looked at: too slow.")


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        ([], "problem", "no partition for today"),
        ([1, 2], "problem", "no partition for today"),
        ([0], "problem", "no partition for tomorrow"),
        ([0, 2, 3, 4, 5], "problem", "no partition for tomorrow"),
        ([0, 1, 2], "warning", "for 2 more days only"),
        ([0, 1, 2, 3], "well", ""),
    ],
)
def test_partitions(ahead, state, words):
    sizes = {TODAY + timedelta(days=day): 100 for day in [-1, *ahead]}
    whole = {TODAY + timedelta(days=day): 100 for day in range(-1, 8)}
    days = Days({"monitors_tick": whole, "monitors_other": sizes})
    holds(storage.partitions_part(days, TODAY), state, words)


@pytest.mark.parametrize(
    ("free", "size", "state"),
    [
        (50 * GB, 100 * GB, "well"),
        (9 * GB, 100 * GB, "warning"),
        (21 * GB, 4000 * GB, "well"),  # a small share of a large disk is enough
        (4 * GB, 400 * GB, "problem"),
        (0.9 * GB, 8 * GB, "problem"),
    ],
)
def test_the_disk(free, size, state):
    holds(storage.disk_part(int(free), size, "/data"), state, "")


@pytest.mark.parametrize(
    ("kept", "state", "words"),
    [(0, "well", ""), (1, "warning", "1 message could"), (COUNTED, "warning", "At least 10,000 messages could")],
)
def test_dead_letters(kept, state, words):
    holds(storage.letters_part(Letters(kept, NOW, NOW) if kept else Letters()), state, words)


def test_the_archive():
    done = Beat(NOW, NOW, None, 0)
    holds(storage.archive_part(Archived(30, 0, ""), done), "well", "")
    holds(storage.archive_part(Archived(), None), "well", "")
    holds(storage.archive_part(Archived(30, 2, "The disk is full."), done), "warning", "archived: The disk is full.")


@pytest.mark.parametrize(
    ("heard", "began", "url", "state"),
    [
        (30, 3600, "https://x.example", "well"),
        (301, 3600, "https://x.example", "warning"),
        (None, 301, "https://x.example", "warning"),
        (None, 299, "https://x.example", "well"),
        (3600, 20, "https://x.example", "well"),
        (None, 3600, "", "well"),
    ],
)
def test_the_heartbeat(heard, began, url, state):
    def beat(at, since):
        return Beat(NOW - timedelta(seconds=at), NOW - timedelta(seconds=since), None, 1)

    called = beat(heard, heard) if heard is not None else None
    holds(storage.heartbeat_part(NOW, called, beat(1, began), url), state, "")
