"""Who hears of an incident, when and why: a pure function of policy, incident and clock.

The same function plans what is sent and shows the preview. It answers with the whole course of an incident up to a
moment; what of it was planned before is told by the keys. Standard library only; times are aware datetimes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

REMINDERS = 200  # of one incident; whoever let that many pass does not read them


class Severity(StrEnum):
    LOW = "low"
    HIGH = "high"
    CRITICAL = "critical"


ORDER = list(Severity)


class WhomKind(StrEnum):
    CHANNEL = "channel"
    MEMBER = "member"  # by the channels they chose for themselves
    OWNERS = "owners"
    TEAM = "team"  # every member


@dataclass(frozen=True, order=True)
class Whom:
    """Somebody to tell; `id` names the channel or the member."""

    kind: WhomKind
    id: str = ""


@dataclass(frozen=True)
class Step:
    """Tell `whom`, `after` the alert began. `severities`: empty means any."""

    whom: Whom
    after: timedelta = timedelta()
    severities: frozenset[Severity] = frozenset()

    def takes(self, severity: Severity) -> bool:
        return not self.severities or severity in self.severities


@dataclass(frozen=True)
class QuietHours:
    """A time of day in which what is at most as severe as `up_to` waits until it is over.

    `starts` and `ends` are wall-clock times in `zone`; an end before the start is on the next day. `days`: on which it
    starts, Monday is 0."""

    zone: str
    starts: time
    ends: time
    days: frozenset[int] = frozenset(range(7))
    up_to: Severity = Severity.LOW

    def over(self, severity: Severity, moment: datetime) -> datetime:
        """`moment`, or when the quiet hours it lies in are over."""
        if ORDER.index(severity) > ORDER.index(self.up_to) or self.starts == self.ends:
            return moment
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            starts, ends = self._on(day, zone)
            if day.weekday() in self.days and starts <= moment < ends:
                return ends
        return moment

    def _on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """In UTC. A time that a change of clocks leaves out or repeats is taken as the offset before the change says
        (PEP 495, fold 0)."""
        last = day if self.ends > self.starts else day + timedelta(days=1)
        starts, ends = datetime.combine(day, self.starts, zone), datetime.combine(last, self.ends, zone)
        return starts.astimezone(UTC), ends.astimezone(UTC)


@dataclass(frozen=True)
class Policy:
    """`repeats`: how often all steps are taken once more, `repeat_every` apart, until somebody acknowledges.
    `remind_every`: how often those who were told hear that it lasts, until it is resolved; none when zero."""

    steps: tuple[Step, ...] = ()
    repeats: int = 0
    repeat_every: timedelta = timedelta(minutes=30)
    remind_every: timedelta = timedelta()
    tell_recovery: bool = True
    tell_expiry: bool = True
    quiet: QuietHours | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of an incident. `begun_at`: when telling people began, from which on steps are counted."""

    begun_at: datetime
    severity: Severity = Severity.HIGH
    expiry: bool = False  # a certificate or a domain
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None


class Turn(StrEnum):
    """What a planned message is in the course of an incident."""

    STEP = "step"
    REMINDER = "reminder"


@dataclass(frozen=True)
class Planned:
    """One message to be. `due`: by the policy; `at`: with the quiet hours. `whom` empty: all who were told before."""

    key: str
    turn: Turn
    due: datetime
    at: datetime
    why: str
    whom: Whom | None = None
    first: bool = True  # of the first step, which no acknowledgement stops once it is due


def plan(policy: Policy, facts: Facts, until: datetime) -> list[Planned]:
    """Everything that is to be said of an incident from its beginning to `until`, in order, as things stand."""
    if facts.expiry and not policy.tell_expiry:
        return []
    course = [*_rounds(policy, facts, until), *_reminders(policy, facts, until)]
    return sorted(course, key=lambda each: (each.due, each.turn != Turn.STEP))


def next_due(policy: Policy, facts: Facts, now: datetime) -> datetime | None:
    """When there is something to plan after `now`; None when nothing will be, as things stand."""
    horizon = now + timedelta(days=400)
    return min((each.due for each in plan(policy, facts, horizon) if each.due > now), default=None)


def _end(*moments: datetime | None) -> datetime | None:
    return min((each for each in moments if each), default=None)


def _rounds(policy: Policy, facts: Facts, until: datetime) -> Iterator[Planned]:
    """Every step, and every step once more for each repetition."""
    taken = [(number, step) for number, step in enumerate(policy.steps, 1) if step.takes(facts.severity)]
    if not taken:
        return
    over = _end(facts.acknowledged_at, facts.resolved_at)
    beginning = min(step.after for _, step in taken)
    length = max(step.after for _, step in taken) + max(policy.repeat_every, timedelta(minutes=1))
    for turn in range(policy.repeats + 1):
        for number, step in taken:
            due = facts.begun_at + turn * length + step.after
            first = turn == 0 and step.after == beginning
            stops = facts.resolved_at if first else over
            if due > until or (stops is not None and due >= stops and due > facts.begun_at):
                continue
            yield Planned(
                f"step:{number}" if turn == 0 else f"step:{number}:{turn}",
                Turn.STEP,
                due,
                _quiet(policy, facts, due),
                _why(number, step.after, turn),
                step.whom,
                first,
            )


def _reminders(policy: Policy, facts: Facts, until: datetime) -> Iterator[Planned]:
    if not policy.remind_every or not any(step.takes(facts.severity) for step in policy.steps):
        return
    every = max(policy.remind_every, timedelta(minutes=1))
    for count in range(1, REMINDERS + 1):
        due = facts.begun_at + count * every
        if due > until or (facts.resolved_at is not None and due >= facts.resolved_at):
            return
        why = f"Reminder {count}: it has lasted {words(count * every)}"
        yield Planned(f"reminder:{count}", Turn.REMINDER, due, _quiet(policy, facts, due), why, None, False)


def _quiet(policy: Policy, facts: Facts, moment: datetime) -> datetime:
    return policy.quiet.over(facts.severity, moment) if policy.quiet else moment


def _why(number: int, after: timedelta, turn: int) -> str:
    when = "at once" if not after else f"after {words(after)}"
    return f"Step {number}, {when}" + (f", repeated for the {_nth(turn)} time: nobody acknowledged" if turn else "")


def _nth(count: int) -> str:
    ending = "th" if 10 < count % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def words(length: timedelta) -> str:
    """A length of time in its largest units: 1 h 30 min."""
    rest, parts = int(length.total_seconds()), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
