"""When maintenance is: once, or again and again by the clock of a place.

A rule is the part of RFC 5545 that people plan maintenance with: FREQ=DAILY, WEEKLY or MONTHLY, INTERVAL, BYDAY (with
an ordinal, such as 1SU or -1FR, where it is monthly), BYMONTHDAY, COUNT, UNTIL. It is expanded in local time: 02:00
stays 02:00 when the clocks change. What falls into the hour that is left out in spring begins that much later; what
falls into the hour that comes twice in autumn begins the first time (RFC 5545, section 3.3.5). The length is real time.
Standard library only; moments are aware datetimes.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FURTHEST = timedelta(days=366 * 10)  # a rule that has nothing for so long has nothing
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
MOST_COUNTED = 10_000
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True, slots=True)
class Rule:
    """How something recurs."""

    freq: str  # DAILY, WEEKLY or MONTHLY
    interval: int = 1
    days: tuple[tuple[int, int], ...] = ()  # (ordinal in its month or 0, weekday from Monday = 0)
    month_days: tuple[int, ...] = ()  # from the end where negative
    count: int | None = None
    until: datetime | date | None = None  # a date: by the local clock, that day included


@dataclass(frozen=True, slots=True)
class Plan:
    """All there is to know of one maintenance. `ended_at`: what began before this moment is over."""

    starts_at: datetime
    length: timedelta
    rule: Rule | None = None
    zone: str = "UTC"
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    start: datetime
    end: datetime


def parse(text: str) -> Rule | None:
    """The rule that `text` (an RRULE, with or without that word) means; None for none. Raises ValueError with a
    sentence for whoever wrote it."""
    text = text.strip().upper().removeprefix("RRULE:")
    if not text:
        return None
    parts = {}
    for part in text.rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or name in parts:
            raise ValueError(f"“{part[:40]}” is not understood. Write it as in FREQ=WEEKLY;BYDAY=SU.")
        parts[name] = value
    unknown = parts.keys() - {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL", "WKST"}
    if unknown:
        raise ValueError(f"{min(unknown)[:20]} is not known here. Use FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT, UNTIL.")
    if parts.get("WKST", "MO") != "MO":
        raise ValueError("Weeks begin on Monday here: leave WKST out.")
    return _checked(parts)


def _checked(parts: dict[str, str]) -> Rule:
    freq = parts.get("FREQ", "")
    if freq not in {"DAILY", "WEEKLY", "MONTHLY"}:
        raise ValueError("FREQ must be DAILY, WEEKLY or MONTHLY.")
    days = tuple(sorted({_day(each, freq) for each in parts["BYDAY"].split(",")})) if "BYDAY" in parts else ()
    month_days: tuple[int, ...] = ()
    if "BYMONTHDAY" in parts:
        if freq == "WEEKLY":
            raise ValueError("BYMONTHDAY has no meaning in a week. Use BYDAY.")
        month_days = tuple(sorted({_whole(each, "BYMONTHDAY", -31, 31) for each in parts["BYMONTHDAY"].split(",")}))
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("Use COUNT or UNTIL, not both.")
    count = _whole(parts["COUNT"], "COUNT", 1, MOST_COUNTED) if "COUNT" in parts else None
    until = _until(parts["UNTIL"]) if "UNTIL" in parts else None
    return Rule(freq, _whole(parts.get("INTERVAL", "1"), "INTERVAL", 1, 366), days, month_days, count, until)


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,5}", text, re.ASCII) or not least <= int(text) <= most or not int(text):
        raise ValueError(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _day(text: str, freq: str) -> tuple[int, int]:
    found = _DAY.fullmatch(text)
    if not found:
        raise ValueError(f"“{text[:10]}” is no day. Use MO, TU, WE, TH, FR, SA, SU.")
    nth = int(found[1] or 0)
    if found[1] and (freq != "MONTHLY" or not 1 <= abs(nth) <= 5):
        raise ValueError(f"“{text[:10]}” needs FREQ=MONTHLY, and a number from 1 to 5 or from -1 to -5.")
    return nth, DAYS.index(found[2])


def _until(text: str) -> datetime | date:
    for form in ("%Y%m%dT%H%M%SZ", "%Y%m%d"):
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment if "T" in text else moment.date()
    raise ValueError("UNTIL must be a day such as 20271231, or a moment such as 20271231T235900Z.")


def following(plan: Plan, after: datetime) -> Iterator[Occurrence]:
    """Every occurrence that is not over at `after`, in order; the one under way is the first."""
    for start in _starts(plan, after):
        end = start + plan.length
        if end > after and not (plan.ended_at and start < plan.ended_at):
            yield Occurrence(start, end)


def _starts(plan: Plan, after: datetime) -> Iterator[datetime]:
    """Starts in order, from some time before `after` on."""
    if plan.rule is None:
        yield plan.starts_at
        return
    rule, zone = plan.rule, ZoneInfo(plan.zone)
    first = plan.starts_at.astimezone(zone)
    begin, counted = first.date(), 0
    if rule.count is None:  # nothing has to be counted from the beginning
        begin = max(begin, (after - plan.length).astimezone(zone).date() - timedelta(days=2))
    last = max(begin, after.astimezone(zone).date()) + FURTHEST
    day = begin
    while day <= last:
        if _falls_on(rule, first.date(), day):
            start = datetime.combine(day, first.time(), zone).astimezone(UTC)
            counted += 1
            if _past(rule, start, day) or (rule.count is not None and counted > rule.count):
                return
            yield start
        day += timedelta(days=1)


def _past(rule: Rule, start: datetime, day: date) -> bool:
    if isinstance(rule.until, datetime):
        return start > rule.until
    return rule.until is not None and day > rule.until


def _falls_on(rule: Rule, first: date, day: date) -> bool:
    if day < first or not _in_step(rule, first, day):
        return False
    if rule.month_days and not {day.day, day.day - _month_length(day) - 1} & set(rule.month_days):
        return False
    if rule.days:
        return any(day.weekday() == weekday and _nth_fits(nth, day) for nth, weekday in rule.days)
    if rule.freq == "WEEKLY":
        return day.weekday() == first.weekday()
    return rule.freq == "DAILY" or bool(rule.month_days) or day.day == first.day


def _in_step(rule: Rule, first: date, day: date) -> bool:
    """Whether as many days, weeks (from Monday) or months have passed as the interval asks for."""
    if rule.freq == "DAILY":
        passed = (day - first).days
    elif rule.freq == "WEEKLY":
        passed = ((day - timedelta(days=day.weekday())) - (first - timedelta(days=first.weekday()))).days // 7
    else:
        passed = 12 * (day.year - first.year) + day.month - first.month
    return passed % rule.interval == 0


def _nth_fits(nth: int, day: date) -> bool:
    if nth == 0:
        return True
    return nth == (day.day - 1) // 7 + 1 if nth > 0 else -nth == (_month_length(day) - day.day) // 7 + 1


def _month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
