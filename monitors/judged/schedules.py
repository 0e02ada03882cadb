"""When a job is expected: every so often, by a cron expression, or by one of systemd's OnCalendar, in a time zone.

Both libraries do what their daemons do on the nights the clock changes: a time that is skipped runs when the clock has
moved on (cron) or is left out (systemd), one that comes twice runs once.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import BaseIterator, OnCalendarError

from monitors.domain.slots import Ms
from monitors.times import to_ms
from uptime.lib.durations import words

PERIOD, CRON, ON_CALENDAR = "period", "cron", "oncalendar"
CHOICES = [(PERIOD, "Every so often"), (CRON, "By a cron expression"), (ON_CALENDAR, "By systemd's OnCalendar")]
A_MONDAY = datetime(2024, 1, 1, 12, tzinfo=UTC)  # a start like any other, for what has no beginning of its own
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def check_expression(schedule: str, expression: str) -> None:
    """Raises ValueError with a sentence for the person who typed the expression."""
    try:
        next(_moments(schedule, expression, A_MONDAY))
    except (CronSimError, OnCalendarError) as error:
        raise ValueError(f"{_EXAMPLES[schedule]} ({error}.)") from error
    except StopIteration:
        raise ValueError("This never comes. Correct the day or the month.") from None


_EXAMPLES = {
    CRON: "This is no cron expression. Write five fields, as in “30 2 * * 1-5”: minute, hour, day, month, weekday.",
    ON_CALENDAR: "This is no OnCalendar expression. Write it as in “Mon..Fri 02:30” or “*-*-01 04:00”.",
}


def following(options: Mapping[str, Any]) -> Callable[[Ms], Ms | None]:
    """The function that tells when the job is expected after a given moment."""
    if options["schedule"] == PERIOD:
        period = options["period"] * 1000
        return lambda after: after + period
    zone = zone_of(options)

    def following_one(after: Ms) -> Ms | None:
        start = datetime.fromtimestamp(after / 1000, zone)
        # In the hour that comes twice, a library may name its first time from within the second.
        times = (int(each.timestamp()) * 1000 for each in _moments(options["schedule"], options["expression"], start))
        return next((each for each in times if each > after), None)

    return following_one


_SINGLE = {60: "minute", 3_600: "hour", 86_400: "day"}


def rhythm(options: Mapping[str, Any]) -> int:
    """About how many seconds lie between two times of an expression."""
    first = following(options)(to_ms(A_MONDAY))
    second = first and following(options)(first)
    return max(1, (second - first) // 1000) if first and second else 365 * 86_400


def zone_of(options: Mapping[str, Any]) -> ZoneInfo:
    return ZoneInfo(options.get("time_zone") or "UTC")


def in_words(options: Mapping[str, Any]) -> str:
    """The schedule as a sentence without its full stop."""
    if options["schedule"] == PERIOD:
        return f"Every {_SINGLE.get(options['period']) or words(options['period'])}"
    zone, expression = options.get("time_zone") or "UTC", options["expression"]
    if options["schedule"] == CRON:
        return f"{CronSim(_plain(expression), A_MONDAY).explain()} ({zone})"
    return f"{expression} ({zone})"


def _moments(schedule: str, expression: str, start: datetime) -> Iterator[datetime]:
    if schedule == CRON:
        return CronSim(_plain(expression), start)
    return BaseIterator(expression, start)


def _plain(expression: str) -> str:
    return MACROS.get(expression.strip().lower(), expression)
