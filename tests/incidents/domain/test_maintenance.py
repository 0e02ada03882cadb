"""When maintenance is, against a table and against dateutil on random rules."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.domain.maintenance import Plan, following, parse

BERLIN = "Europe/Berlin"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(start, rule, zone=BERLIN, after=None, count=3, minutes=60, ended_at=None):
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    plan = Plan(begin, timedelta(minutes=minutes), parse(rule), zone, ended_at)
    found = islice(following(plan, after or begin), count)
    return [f"{each.start:%m-%d %H:%M}" for each in found]


@pytest.mark.parametrize(
    ("start", "rule", "expected"),
    [
        ("2026-11-02 22:00", "", ["11-02 21:00"]),
        ("2026-11-02 22:00", "FREQ=DAILY", ["11-02 21:00", "11-03 21:00", "11-04 21:00"]),
        ("2026-11-02 22:00", "FREQ=DAILY;INTERVAL=3", ["11-02 21:00", "11-05 21:00", "11-08 21:00"]),
        ("2026-11-02 22:00", "FREQ=WEEKLY", ["11-02 21:00", "11-09 21:00", "11-16 21:00"]),
        ("2026-11-02 22:00", "RRULE:FREQ=WEEKLY;BYDAY=SU,WE", ["11-04 21:00", "11-08 21:00", "11-11 21:00"]),
        ("2026-11-08 22:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", ["11-16 21:00", "11-30 21:00", "12-14 21:00"]),
        ("2026-01-31 12:00", "FREQ=MONTHLY", ["01-31 11:00", "03-31 10:00", "05-31 10:00"]),
        ("2026-01-01 12:00", "FREQ=MONTHLY;BYMONTHDAY=-1", ["01-31 11:00", "02-28 11:00", "03-31 10:00"]),
        ("2026-01-01 12:00", "FREQ=MONTHLY;BYDAY=1SU", ["01-04 11:00", "02-01 11:00", "03-01 11:00"]),
        ("2026-01-01 12:00", "FREQ=MONTHLY;BYDAY=-1FR", ["01-30 11:00", "02-27 11:00", "03-27 11:00"]),
        ("2026-01-01 12:00", "FREQ=DAILY;COUNT=2", ["01-01 11:00", "01-02 11:00"]),
        ("2026-01-01 12:00", "FREQ=DAILY;UNTIL=20260102", ["01-01 11:00", "01-02 11:00"]),
        ("2026-01-01 12:00", "FREQ=DAILY;UNTIL=20260102T105959Z", ["01-01 11:00"]),
        # The night the clocks go forward: 02:30 does not exist, and it begins an hour later on the clock.
        ("2026-03-28 02:30", "FREQ=DAILY", ["03-28 01:30", "03-29 01:30", "03-30 00:30"]),
        # The night they go back: 02:30 comes twice, and it begins the first time.
        ("2026-10-24 02:30", "FREQ=DAILY", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
    ],
)
def test_it_recurs_by_the_local_clock(start, rule, expected):
    assert starts(start, rule) == expected


def test_an_hour_is_an_hour_in_the_nights_the_clocks_change():
    for night in ("2026-03-29 01:30", "2026-10-25 01:30"):
        begin = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo(BERLIN))
        found = next(following(Plan(begin, timedelta(hours=2), None, BERLIN), begin))
        assert found.end - found.start == timedelta(hours=2)


def test_the_one_under_way_comes_first_and_one_that_is_over_not_at_all():
    during, after = utc("2026-11-04 21:59:59"), utc("2026-11-04 22:00")
    assert starts("2026-11-02 22:00", "FREQ=DAILY", after=during, count=1) == ["11-04 21:00"]
    assert starts("2026-11-02 22:00", "FREQ=DAILY", after=after, count=1) == ["11-05 21:00"]


def test_what_began_before_it_was_ended_is_over():
    ended = utc("2026-11-04 21:30")
    assert starts("2026-11-02 22:00", "FREQ=DAILY", after=ended, count=1, ended_at=ended) == ["11-05 21:00"]
    assert starts("2026-11-04 22:00", "", after=ended, ended_at=ended) == []


def test_a_rule_that_never_comes_true_ends():
    assert starts("2026-11-02 22:00", "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31") == []


def test_days_with_and_without_a_number_are_all_meant():
    every, both = ("FREQ=MONTHLY;BYDAY=MO", "FREQ=MONTHLY;BYDAY=MO,1MO")
    assert starts("2026-11-02 22:00", both) == starts("2026-11-02 22:00", every) != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FREQ=YEARLY", "FREQ must be"),
        ("WEEKLY", "not understood"),
        ("FREQ=DAILY;FREQ=DAILY", "not understood"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR is not known"),
        ("FREQ=WEEKLY;BYDAY=1SU", "FREQ=MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=6SU", "from 1 to 5"),
        ("FREQ=WEEKLY;BYDAY=XX", "is no day"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "no meaning"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "whole number"),
        ("FREQ=DAILY;INTERVAL=0", "whole number"),
        ("FREQ=DAILY;INTERVAL=٣", "whole number"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "not both"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL must be"),
        ("FREQ=DAILY;WKST=SU", "Monday"),
    ],
)
def test_a_rule_that_is_not_understood_says_what_to_write(text, said):
    with pytest.raises(ValueError, match=said):
        parse(text)


@st.composite
def rules(draw):
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}"]
    # All with a number or none: of "MO,1MO" dateutil takes what is both, RFC 5545 (3.3.10) what is either.
    ordinal = st.sampled_from(["1", "2", "-1", "5"]) if freq == "MONTHLY" and draw(st.booleans()) else st.just("")
    day = st.tuples(ordinal, st.sampled_from(["MO", "WE", "SU"])).map("".join)
    if draw(st.booleans()):
        parts.append("BYDAY=" + ",".join(draw(st.lists(day, min_size=1, max_size=3))))
    elif freq != "WEEKLY" and draw(st.booleans()):
        parts.append("BYMONTHDAY=" + draw(st.sampled_from(["1", "15", "31", "-1", "-2,10"])))
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 6))}")
    return ";".join(parts)


@settings(max_examples=150, deadline=None)
@given(
    rules(),
    st.integers(0, 700 * 1440).map(lambda minutes: datetime.fromisoformat("2026-01-01") + timedelta(minutes=minutes)),
    st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 400),
)
def test_random_rules_mean_what_dateutil_says(text, local, zone, days):
    local = local.replace(microsecond=0)
    begin = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    local = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None)  # as it is kept: a time that exists
    after = begin + timedelta(days=days)
    end = after + timedelta(days=700)  # dateutil looks for what never comes true up to the year 9999
    plain, _, count = text.partition(";COUNT=")
    mine = following(Plan(begin, timedelta(minutes=5), parse(text), zone), after)
    until = (end + timedelta(days=2)).replace(tzinfo=None)
    whole = islice(rrule.rrulestr(plain, dtstart=local).replace(until=until), int(count) if count else None)
    theirs = [each.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for each in whole]
    expected = [each for each in theirs if after - timedelta(minutes=5) < each < end]
    assert [each.start for each in islice(mine, 4) if each.start < end] == expected[:4]
