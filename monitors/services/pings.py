"""Taking pings: written down before they are answered, and judged at once where they change anything.

Most pings say that all is well, as before: they are one statement (`put_off`). Every other one is judged (`take`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from monitors.domain import heartbeat as rules
from monitors.domain.heartbeat import PingKind
from monitors.domain.verdict import Status
from monitors.judged import heartbeat as kind
from monitors.models import Heartbeat, Monitor, Ping, State
from monitors.services import edit, ingest
from monitors.services.changes import StatusChange
from monitors.services.heartbeats import Case, save, write
from monitors.times import to_ms

LONGEST_BAR = 32_000  # what a bar can say, in ms


class AmbiguousError(Exception):
    """Several heartbeats have this short name."""


class InactiveError(Exception):
    """The heartbeat is paused, and this kind of ping means nothing to one that is."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which heartbeat is meant: by its uuid, its token, or the key of a team and its short name."""

    uuid: UUID | None = None
    token: str = ""
    ping_key: str = ""
    slug: str = ""


@dataclass(slots=True)
class Arrival:
    """A ping as it came in."""

    kind: PingKind
    at: datetime
    method: str = "GET"
    exit_code: int | None = None
    duration_ms: float | None = None
    run: str = ""
    address: str = ""
    user_agent: str = ""
    body: bytes = b""
    body_size: int = 0


@dataclass
class Taken:
    """What became of a ping."""

    team: int
    changes: list[StatusChange] = field(default_factory=list)


# Everything a ping does that only puts the next one off. `quick_period` says that this one may (see Heartbeat); a
# ping that comes late, or after a later one, is judged instead.
_PUT_OFF = """
WITH hit AS (
    UPDATE monitors_heartbeat SET pings = pings + 1, last_ping_at = %(at)s,
        due_at = %(at)s + make_interval(secs => quick_period),
        look_at = %(at)s + make_interval(secs => quick_period)
    WHERE {column} = %(key)s AND quick_period IS NOT NULL AND look_at > %(at)s AND last_ping_at <= %(at)s
    RETURNING monitor_id, pings
), stored AS (
    INSERT INTO monitors_ping (heartbeat_id, n, kind, received_at, exit_code, duration_ms, run, method, address,
        user_agent, body, body_size)
    SELECT monitor_id, pings, 'success', %(at)s, %(exit_code)s::smallint, %(duration)s::float8, %(run)s, %(method)s,
        %(address)s, %(user_agent)s, %(body)s::bytea, %(body_size)s
    FROM hit
), shown AS (
    UPDATE monitors_state SET last_checked_at = %(at)s, last_response_ms = %(duration)s::float8,
        recent = (recent || %(bar)s::smallint)[greatest(1, cardinality(recent) + 2 - %(bars)s::int):]
    FROM hit WHERE monitors_state.monitor_id = hit.monitor_id
)
SELECT team_id FROM monitors_monitor, hit WHERE id = hit.monitor_id
"""
_BY_UUID, _BY_TOKEN = _PUT_OFF.format(column="uuid"), _PUT_OFF.format(column="token")


def put_off(connection: psycopg.Connection[Any], key: Key, ping: Arrival) -> Taken | None:
    """Write down a ping that says that all is well, as before. None when it takes more than that.

    The statement is prepared: PostgreSQL would need as long to plan it as to carry it out.
    """
    if ping.kind is not PingKind.SUCCESS or key.slug:
        return None
    values = {
        "key": key.uuid or key.token,
        "at": ping.at,
        "exit_code": ping.exit_code,
        "duration": ping.duration_ms,
        "run": ping.run,
        "method": ping.method,
        "address": ping.address,
        "user_agent": ping.user_agent,
        "body": ping.body or None,
        "body_size": ping.body_size,
        "bar": _bar(ping.kind, ping.duration_ms),
        "bars": State.RECENT,
    }
    connection.prepare_threshold = 0
    row = psycopg.Cursor(connection).execute(_BY_UUID if key.uuid else _BY_TOKEN, values).fetchone()
    return Taken(row[0]) if row else None


def take(key: Key, ping: Arrival, resumes: bool = True) -> Taken | None:
    """Write a ping down and judge it, in the caller's transaction. None when there is no such heartbeat.

    `resumes` off: a paused heartbeat raises InactiveError. AmbiguousError: several have this short name.
    """
    heartbeat = _find(key)
    monitor = Monitor.objects.alive().filter(pk=heartbeat.pk).first() if heartbeat else None
    if heartbeat is None or monitor is None:
        return None
    if monitor.paused and not resumes:
        raise InactiveError
    ping.kind = kind.counts_as(monitor.options, ping.kind, ping.method, ping.body)
    done = Taken(monitor.team_id)
    if monitor.paused and _ends_pause(monitor, ping):
        changed = edit.resume(monitor)
        done.changes += [changed] if changed else []
        heartbeat.refresh_from_db()
    _judge(Case(heartbeat, monitor, State.objects.select_for_update().get(pk=monitor.pk)), ping, done)
    return done


def find_by_token(token: str) -> Monitor | None:
    """The monitor whose heartbeat has this token."""
    return Monitor.objects.alive().filter(heartbeat__token=token).first()


def _find(key: Key) -> Heartbeat | None:
    """The heartbeat, locked. What is deleted is not even that: it takes no longer than what never was."""
    rows = Heartbeat.objects.select_for_update(of=("self",)).filter(monitor__deleted_at=None)
    if key.uuid:
        return rows.filter(uuid=key.uuid).first()
    if key.token:
        return rows.filter(token=key.token).first()
    named = Monitor.objects.alive().filter(team__ping_key=key.ping_key, kind=kind.KIND.name, target=key.slug)
    ids = list(named.values_list("pk", flat=True)[:2])
    if len(ids) > 1:
        raise AmbiguousError
    return rows.filter(pk__in=ids).first()


def _ends_pause(monitor: Monitor, ping: Arrival) -> bool:
    counts = ping.kind in {PingKind.SUCCESS, PingKind.FAIL, PingKind.START}
    if counts and monitor.options.get("manual_resume", True):
        ping.kind = PingKind.IGNORED
        return False
    return counts


def _judge(case: Case, ping: Arrival, done: Taken) -> None:
    heartbeat, state = case.heartbeat, case.state
    if not case.monitor.paused and state.status == Status.MAINTENANCE:
        _show(state, ping)  # and nothing follows: what is expected counts from the end of maintenance
    elif not case.monitor.paused:
        said = rules.Ping(to_ms(ping.at), ping.kind, ping.run, ping.exit_code)
        outlook = rules.take(case.memory, said, case.settings, ingest.gaps(case.oldest, ping.at))
        if outlook.duration is not None:
            ping.duration_ms = float(outlook.duration)
        done.changes += write(case, outlook)
        _show(state, ping)
    heartbeat.pings += 1
    _log(heartbeat, ping).save(force_insert=True)
    save(case)


def _show(state: State, ping: Arrival) -> None:
    """What lists show of the newest ping."""
    if ping.kind is PingKind.IGNORED:
        return
    state.last_checked_at = ping.at
    if ping.kind in {PingKind.SUCCESS, PingKind.FAIL}:
        state.recent = [*state.recent, _bar(ping.kind, ping.duration_ms)][-State.RECENT :]
        state.last_response_ms = ping.duration_ms


def _log(heartbeat: Heartbeat, ping: Arrival) -> Ping:
    return Ping(
        heartbeat=heartbeat,
        n=heartbeat.pings,
        kind=ping.kind,
        received_at=ping.at,
        exit_code=ping.exit_code,
        duration_ms=ping.duration_ms,
        run=ping.run,
        method=ping.method,
        address=ping.address,
        user_agent=ping.user_agent,
        body=ping.body or None,
        body_size=ping.body_size,
    )


def _bar(kind: PingKind, duration_ms: float | None) -> int:
    return -1 if kind is PingKind.FAIL else min(LONGEST_BAR, round(duration_ms or 0))
