"""When a region is believed: each rule by its table, and what holds whatever is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.region_health import (
    CLEAN,
    OPEN_ROUND_MS,
    UNKNOWN,
    Canary,
    Case,
    Comparison,
    Finding,
    Impairment,
    Limits,
    Seen,
    Trouble,
    examine,
    follow,
)
from monitors.domain.slots import lateness, max_timeout
from tests.monitors.domain.worlds import START, examples

LIMITS = Limits()
WRONG = Finding(True, "It is wrong")


def wrong(kind, **seen):
    return examine(Seen(**seen), LIMITS)[kind].wrong


# What is wrong --------------------------------------------------------------------------------------------------------
def test_nothing_is_wrong_with_a_region_that_is_heard_and_agrees():
    assert set(examine(Seen(clocks=[12]), LIMITS).values()) == {CLEAN}


def test_of_a_silent_region_nothing_but_its_silence_can_be_told():
    found = examine(Seen(offline=True, clocks=[90_000], canaries=[[up(wrong=9)]]), LIMITS)
    assert found.pop(Trouble.OFFLINE).wrong is True
    assert set(found.values()) == {UNKNOWN}


@pytest.mark.parametrize(
    ("clocks", "found"),
    [
        ([], None),
        ([None], None),
        ([0], False),
        ([2_000], False),
        ([-2_000], False),
        ([2_001], True),
        ([-2_001], True),
        ([0, 0, 60_000], True),
        ([None, 5], False),
        ([None, -5_000], True),
    ],
)
def test_a_clock_may_be_off_by_two_seconds(clocks, found):
    assert wrong(Trouble.SKEWED, clocks=clocks) is found


def test_the_words_say_which_way_a_clock_is_off():
    assert examine(Seen(clocks=[3_240]), LIMITS)[Trouble.SKEWED].detail == "Its clock is 3.2 s ahead"
    assert examine(Seen(clocks=[1, -9_000]), LIMITS)[Trouble.SKEWED].detail == "Its clock is 9.0 s behind"


def up(wrong=0, detail=""):
    return Canary("http://up.example/", True, wrong, detail)


def down(wrong=0):
    return Canary("http://down.example/", False, wrong)


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        ([], False),
        ([[up()]], False),
        ([[up(1)]], False),
        ([[up(2)]], True),
        ([[up(2), up()]], False),
        ([[up(2), up(2)]], True),
        ([[up(2), up(7), up()]], True),
        ([[up(2), up(1), up()]], False),
        ([[down()]], False),
        ([[down(1)]], True),
        ([[up(), up(), down(1)]], True),
        ([[up()], [up(2)]], True),
        ([[up(2), up()], [up(), up(2)]], False),
    ],
)
def test_canaries_tell_a_region_that_sees_nothing_or_only_itself(workers, found):
    assert wrong(Trouble.CANARY, canaries=workers) is found


def test_the_words_name_the_canary():
    sick = examine(Seen(canaries=[[up(3, "Connection refused"), up(2), up()]]), LIMITS)[Trouble.CANARY]
    assert sick.detail == "2 of 3 sites known to be up fail from there (http://up.example/: Connection refused)"
    fooled = examine(Seen(canaries=[[down(1)]]), LIMITS)[Trouble.CANARY]
    assert fooled.detail == "http://down.example/, known to be down, seems up from there"


@pytest.mark.parametrize(
    ("comparison", "found"),
    [
        (None, None),
        (Comparison(), False),
        (Comparison(compared=20, teams=3, alone=10, alone_teams=3), True),
        (Comparison(compared=19, teams=3, alone=19, alone_teams=3), False),
        (Comparison(compared=20, teams=3, alone=9, alone_teams=3), False),
        (Comparison(compared=100, teams=9, alone=20, alone_teams=3), True),
        (Comparison(compared=100, teams=9, alone=19, alone_teams=3), False),
        (Comparison(compared=100, teams=9, alone=50, alone_teams=2), False),
        (Comparison(compared=100, teams=2, alone=50, alone_teams=2), True),
        (Comparison(compared=100, teams=1, alone=50, alone_teams=1), True),
    ],
)
def test_a_region_disagrees_when_it_alone_sees_many_down(comparison, found):
    assert wrong(Trouble.DISAGREES, comparison=comparison) is found


@pytest.mark.parametrize(
    ("failed", "of", "found"),
    [(0, 100, False), (9, 9, False), (10, 10, True), (10, 50, True), (10, 51, False), (200, 1000, True)],
)
def test_a_region_is_impaired_when_it_cannot_look_at_many_of_its_monitors(failed, of, found):
    assert wrong(Trouble.IMPAIRED, impairment=Impairment(failed, of, "Too many open files")) is found


def test_what_an_impaired_region_did_see_is_believed():
    case = follow(None, Trouble.IMPAIRED, WRONG, START, LIMITS)
    assert case.doubted_from is None


# How a trouble goes on ------------------------------------------------------------------------------------------------
SICK = Case(Trouble.CANARY, START, START - OPEN_ROUND_MS, "It was wrong")
CLEAR = Case(Trouble.CANARY, START, START - OPEN_ROUND_MS, "It was wrong", clean_since=START + 1_000)
OFFLINE = Case(Trouble.OFFLINE, START, None, "Silent")


@pytest.mark.parametrize(
    ("case", "finding", "after_s", "then"),
    [
        (None, CLEAN, 0, None),
        (None, UNKNOWN, 0, None),
        (SICK, WRONG, 60, (None, None)),
        (SICK, CLEAN, 60, (60, None)),
        (SICK, UNKNOWN, 60, (None, None)),
        (CLEAR, CLEAN, 180, (1, None)),
        (CLEAR, CLEAN, 181, (1, 181)),
        (CLEAR, WRONG, 181, (None, None)),
        (CLEAR, UNKNOWN, 181, (None, None)),
        (OFFLINE, CLEAN, 5, (5, 5)),
        (OFFLINE, WRONG, 5, (None, None)),
    ],
)
def test_a_trouble_goes_on_until_three_clean_minutes_have_passed(case, finding, after_s, then):
    def seconds(ms):
        return None if ms is None else (ms - START) // 1000

    kind = case.kind if case else Trouble.CANARY
    found = follow(case, kind, finding, START + after_s * 1000, LIMITS)
    assert (found and (seconds(found.clean_since), seconds(found.end))) == then


def test_a_doubt_reaches_back_over_every_round_that_can_still_be_open():
    begun = follow(None, Trouble.SKEWED, WRONG, START, LIMITS)
    assert (begun.start, begun.detail) == (START, WRONG.detail)
    longest = max(max_timeout(each) + lateness(each) for each in range(1, 86_400, 7))
    assert begun.doubted_from < START - longest


def test_a_region_that_was_only_silent_is_not_doubted():
    assert follow(None, Trouble.OFFLINE, WRONG, START, LIMITS).doubted_from is None


findings = st.sampled_from([WRONG, CLEAN, UNKNOWN])


@examples
@given(st.sampled_from(list(Trouble)), st.lists(st.tuples(findings, st.integers(1, 100_000)), max_size=40))
def test_whatever_is_found_a_sick_region_is_trusted_only_after_an_unbroken_clean_time(kind, course):
    """An open trouble is never forgotten, and never ends with anything but clean findings behind it."""
    case, now, clean_from = None, START, None
    for finding, pause in course:
        now += pause
        clean_from = (clean_from or now) if finding.wrong is False else None
        before, case = case, follow(case, kind, finding, now, LIMITS)
        if finding.wrong:
            assert case is not None
            assert case.end is None
        if before is not None:
            assert case is not None
            assert (case.start, case.doubted_from) == (before.start, before.doubted_from)
        if case is not None and case.end is not None:
            assert finding == CLEAN
            assert kind in {Trouble.OFFLINE, Trouble.IMPAIRED} or now - clean_from >= LIMITS.clean_ms
            case = None


@examples
@given(
    st.builds(Comparison, st.integers(0, 100), st.integers(0, 5), st.integers(0, 100), st.integers(0, 5)),
    st.lists(st.none() | st.integers(-5_000, 5_000), max_size=3),
)
def test_a_trouble_always_says_what_it_is(comparison, clocks):
    for finding in examine(Seen(comparison=comparison, clocks=clocks), LIMITS).values():
        assert bool(finding.detail) == (finding.wrong is True)
