"""From pings to verdicts: what a job that reports in is, and when time alone will change that.

`take` says what a ping means, `look` what has become due meanwhile. Both are pure, and `take` looks first: however
often somebody looks in between, the same pings give the same verdicts at the same moments. What was lost in an ingest
gap (a time in which we could not take pings) is never held against the job: due times start again from its end.
Times are UTC milliseconds (`Ms`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from monitors.domain.slots import Ms
from monitors.domain.verdict import Status

LONGEST_RUN_MS = 72 * 3_600_000  # what ends later than this was not begun by the start we remember
MOST_RUNS = 20  # remembered at once; older ones are forgotten


class PingKind(StrEnum):
    """What a ping says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"  # is written down and changes nothing
    IGNORED = "ignored"  # the rules of the heartbeat do not count it


class Cause(StrEnum):
    """Why a heartbeat went down."""

    NO_PING = "no_ping"
    NOT_FINISHED = "not_finished"
    JOB_FAILED = "job_failed"


class Gap(NamedTuple):
    """From `start` up to `end` pings may have been lost by our own fault."""

    start: Ms
    end: Ms


@dataclass(frozen=True, slots=True)
class Settings:
    """What is expected. `following`: the first moment after a given one at which a ping is due, None for never.

    `since`: expectations count from here at the earliest, because the settings are no older.
    """

    following: Callable[[Ms], Ms | None]
    grace: Ms
    since: Ms = 0


@dataclass(frozen=True, slots=True)
class Ping:
    at: Ms
    kind: PingKind
    run: str = ""  # pairs a start with its end
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of the pings so far. `verdict` is PENDING, UP or DOWN; `runs`: started and not ended."""

    verdict: Status = Status.PENDING
    last_ping: Ms | None = None  # the last success or failure
    runs: Mapping[str, Ms] = field(default_factory=dict)


class Move(NamedTuple):
    """A change of verdict. `cause` and the facts are for DOWN alone."""

    after: Status
    at: Ms
    cause: Cause | None = None
    due: Ms | None = None  # NO_PING: when it was due; NOT_FINISHED: when it began
    last_ping: Ms | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What holds now. `look_at`: the next moment at which time alone changes something."""

    memory: Memory
    moves: tuple[Move, ...] = ()
    due: Ms | None = None
    late: bool = False
    look_at: Ms | None = None
    duration: Ms | None = None  # of the run that this ping ended


def look(memory: Memory, settings: Settings, gaps: Sequence[Gap], now: Ms) -> Outlook:
    """What has become of it by `now`, without a further ping."""
    memory = replace(memory, runs=_believed(memory.runs, settings.grace, gaps, now))
    move = _overdue(memory, settings, gaps, now)
    if move or memory.verdict is Status.DOWN:
        # A run that is over its time is not waited for any more: what ends it is a success or failure like another.
        open_runs = {run: start for run, start in memory.runs.items() if start + settings.grace > now}
        memory = replace(memory, verdict=Status.DOWN, runs=open_runs)
    return _outlook(memory, settings, gaps, now, (move,) if move else ())


def take(memory: Memory, ping: Ping, settings: Settings, gaps: Sequence[Gap]) -> Outlook:
    """What holds after a ping."""
    before = look(memory, settings, gaps, ping.at)
    memory, duration, moves = before.memory, None, before.moves
    if ping.kind is PingKind.START:
        memory = replace(memory, runs=_newest({**memory.runs, ping.run: ping.at}))
    elif ping.kind in {PingKind.SUCCESS, PingKind.FAIL} and ping.at >= (memory.last_ping or 0):
        duration = _duration(memory.runs.get(ping.run), ping.at)
        verdict = Status.UP if ping.kind is PingKind.SUCCESS else Status.DOWN
        if verdict != memory.verdict:
            cause = None if verdict is Status.UP else Cause.JOB_FAILED
            moves = (*moves, Move(verdict, ping.at, cause, last_ping=memory.last_ping, exit_code=ping.exit_code))
        runs = {run: start for run, start in memory.runs.items() if run != ping.run}
        memory = Memory(verdict, ping.at, runs)
    return replace(_outlook(memory, settings, gaps, ping.at, moves), duration=duration)


def due_after(settings: Settings, last_ping: Ms, gaps: Sequence[Gap]) -> Ms | None:
    """When the ping after `last_ping` is due.

    A ping we could not take may have been the one that was expected: from the end of such a gap on, the next one is.
    """
    base = max(last_ping, settings.since)
    due = settings.following(base)
    for gap in sorted(gaps):
        if due is not None and base < gap.end and gap.start < due + settings.grace:
            base = gap.end
            due = settings.following(base)
    return due


def next_times(settings: Settings, after: Ms, count: int) -> list[Ms]:
    """The next moments at which a ping is due, if each comes on time."""
    found: list[Ms] = []
    while len(found) < count and (due := settings.following(found[-1] if found else after)) is not None:
        found.append(due)
    return found


def _believed(runs: Mapping[str, Ms], grace: Ms, gaps: Sequence[Gap], now: Ms) -> dict[str, Ms]:
    """The runs whose end cannot have been lost in a gap."""
    return {
        run: start
        for run, start in runs.items()
        if not any(gap.start < min(now, start + grace) and start < gap.end for gap in gaps)
    }


def _overdue(memory: Memory, settings: Settings, gaps: Sequence[Gap], now: Ms) -> Move | None:
    """The first deadline that has passed, as the change it means; None for what is down already."""
    if memory.verdict is Status.DOWN:
        return None
    missed: list[tuple[Ms, Cause, Ms]] = [
        (start + settings.grace, Cause.NOT_FINISHED, start) for start in memory.runs.values()
    ]
    if memory.verdict is Status.UP and memory.last_ping is not None:
        due = due_after(settings, memory.last_ping, gaps)
        if due is not None:
            missed.append((due + settings.grace, Cause.NO_PING, due))
    deadline, cause, due = min(missed, key=lambda each: each[0], default=(now + 1, Cause.NO_PING, now))
    return Move(Status.DOWN, deadline, cause, due, memory.last_ping) if deadline <= now else None


def _outlook(memory: Memory, settings: Settings, gaps: Sequence[Gap], now: Ms, moves: tuple[Move, ...]) -> Outlook:
    due, moments = None, []
    if memory.verdict is Status.UP and memory.last_ping is not None:
        due = due_after(settings, memory.last_ping, gaps)
        if due is not None:
            moments += [due, due + settings.grace]
    if memory.verdict is not Status.DOWN:
        moments += [start + settings.grace for start in memory.runs.values()]
    look_at = min((moment for moment in moments if moment > now), default=None)
    return Outlook(memory, moves, due, late=due is not None and due <= now, look_at=look_at)


def _newest(runs: Mapping[str, Ms]) -> dict[str, Ms]:
    return dict(sorted(runs.items(), key=lambda each: each[1])[-MOST_RUNS:])


def _duration(start: Ms | None, end: Ms) -> Ms | None:
    return end - start if start is not None and 0 <= end - start <= LONGEST_RUN_MS else None
