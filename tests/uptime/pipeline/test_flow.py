"""What the figures of the way of the data mean: tables of facts and of what is said of them."""

from datetime import UTC, datetime, timedelta

import pytest

from uptime import queues
from uptime.celery import Entry
from uptime.lib.version import VERSION
from uptime.pipeline import flow
from uptime.pipeline.reading import Beat, Missed, Overdue, Place, Watched

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(seconds=30)
NOTHING = Watched()


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def beat(seconds=1, since=3600, took_ms=5.0, done=9):
    return Beat(ago(seconds), ago(since), took_ms, done)


def pulses(**seconds):
    """Beat goes on unless told otherwise; each other part last worked so many seconds ago."""
    return {name: beat(age) for name, age in {"beacon": 1, **seconds}.items() if age is not None}


def said(part):
    return part.state, [problem.sentence for problem in part.problems]


@pytest.mark.parametrize(
    ("last", "waiting", "state", "words"),
    [
        (1, 0, "well", ""),
        (30, 500, "well", ""),
        (31, 0, "problem", "Beat has sent nothing since 01 Mar 11:59:29 UTC."),
        (31, None, "problem", "Beat has sent nothing"),
        (31, 1, "problem", "The control worker has done nothing since 01 Mar 11:59:29 UTC, while 1 message is waiting"),
        (None, 0, "problem", "Beat has sent nothing yet."),
        (None, 7, "problem", "while 7 messages are waiting"),
        (-3600, 0, "well", ""),  # our clock was set back
    ],
)
def test_beat(last, waiting, state, words):
    part = flow.beat_part(NOW, pulses(beacon=last), waiting, PATIENCE)
    assert part.state == state
    assert words in "".join(said(part)[1])


@pytest.mark.parametrize(
    ("last", "due", "state", "words"),
    [
        (1, Overdue(), "well", ""),
        (31, Overdue(), "problem", "No run has succeeded since"),
        (None, Overdue(), "problem", "No run has succeeded yet"),
        (1, Overdue(3, ago(20)), "well", ""),
        (1, Overdue(3, ago(31)), "problem", "It runs, but checks of 3 monitors due since"),
    ],
)
def test_dispatch(last, due, state, words):
    part = flow.dispatch_part(NOW, pulses(dispatch=last), due, Missed(), NOTHING, PATIENCE)
    assert part.state == state
    assert words in "".join(said(part)[1])


def test_what_only_follows_from_a_dead_beat_is_not_held_against_others():
    dead = pulses(beacon=600, dispatch=600, results=600, sweep=600)
    found = [
        flow.dispatch_part(NOW, dead, Overdue(9, ago(600)), Missed(), NOTHING, PATIENCE),
        flow.results_part(NOW, dead, 0, True, PATIENCE),
        flow.sweep_part(NOW, dead, Overdue(9, ago(600)), PATIENCE),
    ]
    assert [part.state for part in found] == ["unknown"] * 3


def test_what_stood_still_while_everything_was_off_gets_its_time():
    started = {name: beat(36_000) for name in ("dispatch", "results", "sweep", "purge")}
    started["beacon"] = beat(0, since=20)
    entries = [Entry("uptime.purge", 300, "work")]
    found = [
        flow.dispatch_part(NOW, started, Overdue(9, ago(36_000)), Missed(), NOTHING, PATIENCE),
        flow.results_part(NOW, started, 0, False, PATIENCE),
        flow.sweep_part(NOW, started, Overdue(9, ago(36_000)), PATIENCE),
        flow.work_part(NOW, started, entries, 0),
    ]
    assert [part.state for part in found] == ["well"] * 4


def test_a_slow_dispatch_and_late_or_missed_checks_are_warned_of():
    slow = {"beacon": beat(), "dispatch": beat(took_ms=1500)}
    late = Watched(delays=(*[1.0] * 98, 2500.0, 2600.0))
    part = flow.dispatch_part(NOW, slow, Overdue(), Missed(31, 6, ago(60)), late, PATIENCE)
    state, sentences = said(part)
    assert state == "warning"
    assert ["took 1.5 s" in sentences[0], "31 checks of 6 monitors" in sentences[1], "2.6 s late" in sentences[2]] == [
        True
    ] * 3
    old = flow.dispatch_part(NOW, pulses(dispatch=1), Overdue(), Missed(31, 6, ago(700)), NOTHING, PATIENCE)
    assert old.state == "well"


@pytest.mark.parametrize(
    ("last", "waiting", "quiet", "state", "words"),
    [
        (1, 0, False, "well", ""),
        (1, 1001, False, "warning", "1,001 messages wait to be stored"),
        (31, 12, False, "problem", "has read nothing since 01 Mar 11:59:29 UTC, while 12 messages are waiting."),
        (None, 0, False, "problem", "has read nothing yet."),
        (1, 0, True, "problem", "No result has been stored yet, although checks are due"),
    ],
)
def test_results(last, waiting, quiet, state, words):
    part = flow.results_part(NOW, pulses(results=last), waiting, quiet, PATIENCE)
    assert part.state == state
    assert words in "".join(said(part)[1])


@pytest.mark.parametrize(
    ("last", "overdue", "state", "words"),
    [
        (1, Overdue(), "well", ""),
        (1, Overdue(5, ago(110)), "well", ""),
        (1, Overdue(5, ago(130)), "warning", "5 monitors are waiting for results since"),
        (31, Overdue(), "problem", "what was missed is not accounted for"),
    ],
)
def test_sweep(last, overdue, state, words):
    part = flow.sweep_part(NOW, pulses(sweep=last), overdue, PATIENCE)
    assert part.state == state
    assert words in "".join(said(part)[1])


@pytest.mark.parametrize(("last", "state"), [(1, "well"), (959, "well"), (961, "warning"), (None, "warning")])
def test_background_work(last, state):
    part = flow.work_part(NOW, pulses(purge=last), [Entry("uptime.purge", 300, "work")], 0)
    assert part.state == state
    if state == "warning":
        assert "Purge (" in part.problems[0].sentence


# Regions --------------------------------------------------------------------------------------------------------------
HEALTHY = {
    "name": "EU West",
    "slug": "eu-west",
    "watched": True,
    "offline": False,
    "heard_at": ago(2),
    "workers": 1,
    "in_flight": 3,
    "lag_ms": 2.0,
    "clock_ms": 12.0,
    "versions": frozenset({VERSION}),
}


@pytest.mark.parametrize(
    ("facts", "waiting", "state", "words"),
    [
        ({}, 0, "well", ""),
        ({}, None, "well", ""),
        ({}, queues.BACKLOG, "well", ""),
        ({}, queues.BACKLOG + 1, "problem", "more than they can do"),
        ({"offline": True, "workers": 0}, 0, "problem", "has been heard since 01 Mar 11:59:58 UTC"),
        ({"offline": True, "workers": 0, "heard_at": None}, 0, "problem", "has ever been heard"),
        ({"offline": True, "workers": 0, "heard_at": None, "watched": False}, 0, "warning", "has ever been heard"),
        ({"workers": 0, "versions": frozenset()}, 0, "unknown", ""),
        ({"clock_ms": 1500.0}, 0, "warning", "1.5 s ahead of ours"),
        ({"clock_ms": -1500.0}, 0, "warning", "1.5 s behind ours"),
        ({"clock_ms": -900.0}, 0, "well", ""),
        ({"lag_ms": 700.0}, 0, "warning", "700 ms behind itself"),
        ({"versions": frozenset({VERSION, "0.0.1"})}, 0, "warning", f"run 0.0.1 and {VERSION}, the centre {VERSION}"),
        (
            {"troubles": (("Canaries fail", "2 of 3", ago(60)),)},
            0,
            "problem",
            "Canaries fail since 01 Mar 11:59:00 UTC",
        ),
    ],
)
def test_a_region(facts, waiting, state, words):
    part = flow.region_part(Place(**{**HEALTHY, **facts}), waiting)
    assert part.state == state
    assert words in "".join(said(part)[1])


@pytest.mark.parametrize(
    "facts",
    [
        {"troubles": (("Offline", "", ago(60)),), "offline": True, "workers": 0},
        {"troubles": (("Clock is off", "", ago(60)),), "clock_ms": 60_000.0},
    ],
)
def test_a_trouble_that_is_written_down_is_told_once(facts):
    assert len(flow.region_part(Place(**{**HEALTHY, **facts}), 0).problems) == 1


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 3), (0.99, 4), (1, 4)])
def test_quantiles(share, value):
    assert flow.quantile([1, 2, 3, 4], share) == value
    assert flow.quantile([], share) is None
