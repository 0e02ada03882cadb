"""Who hears of an incident, when and why: tables, properties, and the nights on which clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.escalation import (
    Facts,
    Policy,
    QuietHours,
    Severity,
    Step,
    Turn,
    Whom,
    WhomKind,
    next_due,
    plan,
    words,
)

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
OWNERS, TEAM = Whom(WhomKind.OWNERS), Whom(WhomKind.TEAM)
CHAT = Whom(WhomKind.CHANNEL, "7")


def minutes(count):
    return timedelta(minutes=count)


def told(policy, until=600, **facts):
    """(minute, key) of everything planned in the first `until` minutes."""
    found = plan(policy, Facts(begun_at=NOON, **facts), NOON + minutes(until))
    return [((each.at - NOON) / minutes(1), each.key) for each in found]


def at(minute):
    return NOON + minutes(minute)


TWO = Policy(steps=(Step(OWNERS), Step(CHAT, minutes(5))))


@pytest.mark.parametrize(
    ("policy", "facts", "expected"),
    [
        (Policy(), {}, []),
        (TWO, {}, [(0, "step:1"), (5, "step:2")]),
        (TWO, {"acknowledged_at": at(3)}, [(0, "step:1")]),
        (TWO, {"acknowledged_at": at(7)}, [(0, "step:1"), (5, "step:2")]),
        (TWO, {"resolved_at": at(3)}, [(0, "step:1")]),
        (TWO, {"resolved_at": at(-3)}, [(0, "step:1")]),  # it was over before telling began
        (TWO, {"acknowledged_at": at(0)}, [(0, "step:1")]),
        (Policy(steps=(Step(OWNERS, minutes(10)),)), {"resolved_at": at(9)}, []),
        (Policy(steps=(Step(OWNERS, severities=frozenset({Severity.CRITICAL})),)), {}, []),
        (Policy(steps=(Step(OWNERS),), tell_expiry=False), {"expiry": True}, []),
        (
            Policy(steps=(Step(OWNERS), Step(CHAT, minutes(5))), repeats=1, repeat_every=minutes(10)),
            {},
            [(0, "step:1"), (5, "step:2"), (15, "step:1:1"), (20, "step:2:1")],
        ),
        (
            Policy(steps=(Step(OWNERS),), repeats=3, repeat_every=minutes(10)),
            {"acknowledged_at": at(15)},
            [(0, "step:1"), (10, "step:1:1")],
        ),
        (
            Policy(steps=(Step(OWNERS),), remind_every=minutes(60)),
            {"acknowledged_at": at(5), "resolved_at": at(150)},
            [(0, "step:1"), (60, "reminder:1"), (120, "reminder:2")],
        ),
    ],
)
def test_who_is_told_when(policy, facts, expected):
    assert told(policy, **facts) == expected


def test_every_planned_message_says_why():
    policy = Policy(steps=(Step(OWNERS), Step(TEAM, minutes(90))), repeats=2, remind_every=minutes(60))
    said = {each.key: each.why for each in plan(policy, Facts(begun_at=NOON), NOON + minutes(400))}
    assert said["step:1"] == "Step 1, at once"
    assert said["step:2"] == "Step 2, after 1 h 30 min"
    assert said["step:1:2"] == "Step 1, at once, repeated for the 2nd time: nobody acknowledged"
    assert said["reminder:1"] == "Reminder 1: it has lasted 1 h"


def test_the_next_look_is_at_the_next_thing_due():
    facts = Facts(begun_at=NOON)
    assert next_due(TWO, facts, NOON) == at(5)
    assert next_due(TWO, facts, at(5)) is None
    assert next_due(TWO, Facts(begun_at=NOON, acknowledged_at=at(1)), at(2)) is None


NIGHT = QuietHours("Europe/Berlin", time(22), time(7))


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        ("2026-11-27 21:59", "2026-11-27 21:59"),
        ("2026-11-27 22:00", "2026-11-28 07:00"),
        ("2026-11-28 03:00", "2026-11-28 07:00"),
        ("2026-11-28 07:00", "2026-11-28 07:00"),
        # The night of 29 March 2026 lacks the hour from 2 to 3, that of 25 October 2026 has it twice.
        ("2026-03-28 23:00", "2026-03-29 07:00"),
        ("2026-03-29 03:30", "2026-03-29 07:00"),
        ("2026-10-25 01:00", "2026-10-25 07:00"),
    ],
)
def test_what_is_said_in_quiet_hours_waits_until_they_are_over(moment, over):
    berlin = ZoneInfo("Europe/Berlin")
    said, expected = (datetime.fromisoformat(each).replace(tzinfo=berlin) for each in (moment, over))
    assert NIGHT.over(Severity.LOW, said.astimezone(UTC)) == expected.astimezone(UTC)


def test_the_night_without_two_o_clock_is_an_hour_shorter_and_the_one_with_two_an_hour_longer():
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((28, 8), (27, 9)):
        start = datetime(2026, 3, day, 22, tzinfo=berlin).astimezone(UTC)
        assert NIGHT.over(Severity.LOW, start) - start == timedelta(hours=hours)
    start = datetime(2026, 10, 24, 22, tzinfo=berlin).astimezone(UTC)
    assert NIGHT.over(Severity.LOW, start) - start == timedelta(hours=10)


def test_quiet_hours_that_end_in_the_hour_that_is_left_out_end_all_the_same():
    quiet = QuietHours("Europe/Berlin", time(22), time(2, 30))
    start = datetime(2026, 3, 28, 22, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert quiet.over(Severity.LOW, start) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_what_is_more_severe_does_not_wait_and_neither_does_a_day_without_quiet_hours():
    midnight = datetime(2026, 11, 27, 23, tzinfo=UTC)  # a Friday
    assert NIGHT.over(Severity.HIGH, midnight) == midnight
    weekend = QuietHours("UTC", time(22), time(7), frozenset({5, 6}))
    assert weekend.over(Severity.LOW, midnight) == midnight
    assert weekend.over(Severity.LOW, midnight + timedelta(days=1)) > midnight + timedelta(days=1)
    assert weekend.over(Severity.LOW, datetime(2026, 11, 30, 6, tzinfo=UTC)) == datetime(2026, 11, 30, 7, tzinfo=UTC)


def test_a_message_put_off_by_quiet_hours_stays_due_when_it_was():
    policy = Policy(steps=(Step(OWNERS),), quiet=QuietHours("UTC", time(11), time(13)))
    [planned] = plan(policy, Facts(begun_at=NOON, severity=Severity.LOW), NOON)
    assert (planned.due, planned.at) == (NOON, NOON + minutes(60))


steps = st.builds(
    Step,
    st.sampled_from([OWNERS, TEAM, CHAT]),
    st.integers(0, 600).map(lambda s: timedelta(seconds=s)),
    st.frozensets(st.sampled_from(Severity)),
)
quiets = st.builds(
    QuietHours,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.times(timezones=st.none()).map(lambda t: t.replace(second=0, microsecond=0)),
    st.times(timezones=st.none()).map(lambda t: t.replace(second=0, microsecond=0)),
    st.frozensets(st.integers(0, 6)),
    st.sampled_from(Severity),
)
rules = st.builds(
    Policy,
    st.lists(steps, max_size=4).map(tuple),
    st.integers(0, 3),
    st.integers(60, 3600).map(lambda s: timedelta(seconds=s)),
    st.sampled_from([timedelta(), minutes(20), minutes(60)]),
    quiet=st.none() | quiets,
)
moments = st.datetimes(
    datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-01-01"), timezones=st.just(UTC)
)
spans = st.integers(0, 20_000).map(lambda s: timedelta(seconds=s))


@given(rules, moments, spans, st.none() | spans, st.none() | spans, st.sampled_from(Severity))
def test_a_plan_grows_with_time_and_never_changes_what_is_past(policy, begun, later, acknowledged, resolved, severity):
    facts = Facts(
        begun,
        severity,
        acknowledged_at=None if acknowledged is None else begun + acknowledged,
        resolved_at=None if resolved is None else begun + resolved,
    )
    early, late = plan(policy, facts, begun + later), plan(policy, facts, begun + 2 * later)
    assert early == [each for each in late if each.due <= begun + later]
    assert len({each.key for each in late}) == len(late)
    assert all(each.at >= each.due >= begun for each in late)
    following = next_due(policy, facts, begun + later)
    assert following is None or following > begun + later


@given(rules, moments, spans, st.sampled_from(Severity))
def test_after_an_acknowledgement_nobody_new_is_told(policy, begun, acknowledged, severity):
    moment = begun + acknowledged
    facts = Facts(begun, severity, acknowledged_at=moment)
    for each in plan(policy, facts, begun + timedelta(days=1)):
        assert each.turn is Turn.REMINDER or each.first or each.due < moment or each.due == begun


@given(quiets, moments, st.sampled_from(Severity))
def test_when_quiet_hours_are_over_they_are_over_within_a_day_and_a_bit(quiet, moment, severity):
    over = quiet.over(severity, moment)
    assert moment <= over <= moment + timedelta(hours=26)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h"), (61, "1 min 1 s")]
)
def test_lengths_in_words(seconds, text):
    assert words(timedelta(seconds=seconds)) == text
