"""The life of a heartbeat: made, expected anew, stopped, and judged when time alone has changed something.

Locks are taken in the order of services/edit.py: the heartbeat, then its state. The rules are those of
monitors.domain.heartbeat; here is only their storage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitors.domain import heartbeat as rules
from monitors.domain.heartbeat import Cause, Memory, Move, Outlook
from monitors.domain.slots import Ms
from monitors.domain.verdict import Status, Vote
from monitors.judged import heartbeat as kind
from monitors.judged import sentences
from monitors.models import Heartbeat, Monitor, State
from monitors.services import ingest
from monitors.services.changes import StatusChange, move
from monitors.services.record import Recorded
from monitors.times import from_ms, to_ms

SETTLE = timedelta(seconds=2)  # a ping that arrived in time may still be on its way into the table
AT_ONCE = 200  # heartbeats judged in one transaction


@dataclass
class Case:
    """A heartbeat with all that judging it reads and writes; its rows are locked."""

    heartbeat: Heartbeat
    monitor: Monitor
    state: State

    @property
    def settings(self) -> rules.Settings:
        return kind.settings(self.monitor.options, to_ms(self.heartbeat.expected_from))

    @property
    def memory(self) -> Memory:
        last = self.heartbeat.last_ping_at
        return Memory(Status(self.state.verdict), to_ms(last) if last else None, self.heartbeat.runs)

    @property
    def oldest(self) -> datetime:
        """The moment nothing is counted from before."""
        begun = [from_ms(start) for start in self.heartbeat.runs.values()]
        return min([self.heartbeat.last_ping_at or self.heartbeat.expected_from, *begun])


def make(monitor: Monitor, now: datetime) -> Heartbeat:
    return Heartbeat.objects.create(monitor=monitor, expected_from=now)


def lock(monitor: Monitor) -> Heartbeat:
    """Whoever changes a heartbeat begins with this."""
    return Heartbeat.objects.select_for_update().get(pk=monitor.pk)


def expect_anew(monitor: Monitor, now: datetime) -> None:
    """It begins, or its settings have changed: what was expected is forgotten, what is expected counts from now."""
    case = Case(lock(monitor), monitor, State.objects.select_for_update().get(pk=monitor.pk))
    case.heartbeat.expected_from, case.heartbeat.runs = now, {}
    if case.state.status == Status.MAINTENANCE:
        case.heartbeat.save()
        return  # nothing is expected before that is over
    write(case, rules.look(case.memory, case.settings, (), to_ms(now)))
    save(case)


def stop(monitor: Monitor) -> None:
    """Nothing is expected while it is paused or deleted."""
    Heartbeat.objects.filter(pk=monitor.pk).update(
        last_ping_at=None, runs={}, due_at=None, look_at=None, quick_period=None, quick_grace=None
    )


def judge(now: datetime, most: int = AT_ONCE) -> tuple[Recorded, bool]:
    """Look at up to `most` heartbeats that are due; also returns whether more are waiting. Runs in a transaction."""
    due = Heartbeat.objects.select_for_update(skip_locked=True).filter(look_at__lte=now - SETTLE)
    heartbeats = list(due.order_by("look_at")[:most])
    cases, done, at = _cases(heartbeats), Recorded(), now - SETTLE
    gaps = ingest.gaps(min(case.oldest for case in cases), at) if cases else []
    for case in cases:
        outlook = rules.look(case.memory, case.settings, gaps, to_ms(at))
        done.changes += write(case, outlook)
        save(case)
        done.teams.add(case.monitor.team_id)
    return done, len(heartbeats) == most


def _cases(heartbeats: Sequence[Heartbeat]) -> list[Case]:
    """Those that are alive and not paused; of the others nothing is expected any more."""
    ids = [each.pk for each in heartbeats]
    states = {state.pk: state for state in State.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    monitors = Monitor.objects.alive().in_bulk(ids)
    return [Case(each, monitors[each.pk], states[each.pk]) for each in heartbeats if each.pk in monitors]


def write(case: Case, outlook: Outlook) -> list[StatusChange]:
    """Put an outlook into the rows of a case, and its moves into the intervals. `save` follows."""
    changes = [_move(case, each) for each in outlook.moves]
    heartbeat, state, memory = case.heartbeat, case.state, outlook.memory
    heartbeat.last_ping_at, heartbeat.runs = _moment(memory.last_ping), dict(memory.runs)
    heartbeat.due_at, heartbeat.look_at = _moment(outlook.due), _moment(outlook.look_at)
    quick = memory.verdict is Status.UP and not outlook.late and not memory.runs
    quick = quick and kind.is_plain(case.monitor.options)
    heartbeat.quick_period = case.monitor.options["period"] if quick else None
    heartbeat.quick_grace = case.monitor.options["grace"] if quick else None
    state.verdict, state.late = memory.verdict, outlook.late
    return changes


def save(case: Case) -> None:
    case.heartbeat.save()
    case.state.save()


def _move(case: Case, moved: Move) -> StatusChange:
    state, first = case.state, case.state.verdict == Status.PENDING
    state.verdict, why = moved.after, {}
    if moved.after is Status.DOWN:
        said = sentences.why_down(case.monitor.options, moved)
        why = {"cause": moved.cause, "sentence": said}
        state.last_vote, state.last_reason, state.last_detail = Vote.DOWN, str(moved.cause), said
        if moved.cause is not Cause.JOB_FAILED:  # which is a bar of its own, being a ping
            state.recent = [*state.recent, -1][-State.RECENT :]
    else:
        state.last_vote, state.last_reason, state.last_detail = Vote.UP, "", ""
    silent = moved.after is Status.UP and first
    return move(case.monitor, state, moved.after, from_ms(moved.at), silent=silent, why=why)


def _moment(ms: Ms | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
