"""When a job is expected; on the nights the clock changes, too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.heartbeat import Settings, next_times
from monitors.judged import schedules
from monitors.times import from_ms, to_ms

BERLIN = ZoneInfo("Europe/Berlin")
YEAR = (to_ms(datetime(2026, 1, 1, tzinfo=UTC)), to_ms(datetime(2027, 1, 1, tzinfo=UTC)))


def options(schedule, expression="", period=3_600, time_zone="Europe/Berlin"):
    return {"schedule": schedule, "expression": expression, "period": period, "time_zone": time_zone, "grace": 600}


def times(start, count, *given, **more):
    """The next times after a moment in Berlin, as people there write them, with the offset."""
    settings = Settings(schedules.following(options(*given, **more)), 0)
    after = to_ms(datetime.fromisoformat(start).replace(tzinfo=BERLIN))
    return [from_ms(ms).astimezone(BERLIN).strftime("%m-%d %H:%M %z") for ms in next_times(settings, after, count)]


SPRING, AUTUMN = "2026-03-28T12:00", "2026-10-24T12:00"  # 02:00 is skipped, and 02:00 to 03:00 comes twice
NIGHTS = {
    "cron, at a time that is skipped": (
        (SPRING, 2, "cron", "30 2 * * *"),
        ["03-29 03:00 +0200", "03-30 02:30 +0200"],
    ),
    "cron, at a time that comes twice": (
        (AUTUMN, 2, "cron", "30 2 * * *"),
        ["10-25 02:30 +0200", "10-26 02:30 +0100"],
    ),
    "cron, every twenty minutes through the skipped hour": (
        ("2026-03-29T01:30", 3, "cron", "*/20 * * * *"),
        ["03-29 01:40 +0100", "03-29 03:00 +0200", "03-29 03:20 +0200"],
    ),
    "cron, every twenty minutes through the hour that comes twice": (
        ("2026-10-25T01:50", 7, "cron", "*/20 * * * *"),
        [
            "10-25 02:00 +0200", "10-25 02:20 +0200", "10-25 02:40 +0200",
            "10-25 02:00 +0100", "10-25 02:20 +0100", "10-25 02:40 +0100", "10-25 03:00 +0100",
        ],
    ),
    "systemd, at a time that is skipped": (
        (SPRING, 1, "oncalendar", "*-*-* 02:30"),
        ["03-30 02:30 +0200"],
    ),
    "systemd, at a time that comes twice": (
        (AUTUMN, 2, "oncalendar", "*-*-* 02:30"),
        ["10-25 02:30 +0200", "10-26 02:30 +0100"],
    ),
    "a period, which knows no clock": (
        ("2026-03-29T01:30", 2, "period"),
        ["03-29 03:30 +0200", "03-29 04:30 +0200"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), NIGHTS.values(), ids=NIGHTS)
def test_the_night_the_clock_changes(asked, expected):
    assert times(*asked) == expected


EXPRESSIONS = st.sampled_from(
    [("cron", "*/7 * * * *"), ("cron", "30 2 * * *"), ("cron", "0 0 1 * *"), ("cron", "@daily"),
     ("oncalendar", "*:0/20"), ("oncalendar", "Mon..Fri 02:30"), ("oncalendar", "hourly"), ("period", "")]
)  # fmt: skip


@given(EXPRESSIONS, st.integers(*YEAR), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]))
def test_the_next_time_is_always_later_and_always_the_same(expression, after, zone):
    following = schedules.following(options(*expression, time_zone=zone))
    first = following(after)
    assert first > after
    assert following(first) > first
    if expression[0] != "period":
        assert following(first - 1) == first


WORDS = {
    ("period", ""): "Every hour",
    ("cron", "30 2 * * 1-5"): "At 02:30 on Monday through Friday (Europe/Berlin)",
    ("cron", "@daily"): "At 00:00 every day (Europe/Berlin)",
    ("oncalendar", "Mon..Fri 02:30"): "Mon..Fri 02:30 (Europe/Berlin)",
}


@pytest.mark.parametrize(("asked", "text"), WORDS.items())
def test_it_is_told_in_words(asked, text):
    assert schedules.in_words(options(*asked)) == text


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        ("cron", "61 * * * *"), ("cron", "every day"), ("cron", "0 0 31 2 *"), ("cron", ""),
        ("oncalendar", "whenever"), ("oncalendar", "*-02-31 00:00"), ("oncalendar", "30 2 * * *"), ("oncalendar", ""),
    ],
)  # fmt: skip
def test_what_never_comes_or_cannot_be_read_is_told_with_the_way_out(schedule, expression):
    with pytest.raises(ValueError, match=r"Write|Correct"):
        schedules.check_expression(schedule, expression)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    {("period", ""): 3_600, ("cron", "*/5 * * * *"): 300, ("cron", "30 2 * * *"): 86_400}.items(),
)
def test_its_rhythm_is_about_the_time_between_two(asked, seconds):
    chosen = options(*asked)
    assert (chosen["period"] if asked[0] == "period" else schedules.rhythm(chosen)) == seconds
