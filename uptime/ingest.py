"""Where jobs report in: in front of Django's handler, ahead of sessions, authentication and every other middleware.

A ping is answered once it is in the database, and with 503 and a time to come again while it cannot be. While the cache
is away nobody is held up: pings are then not limited, and open pages are drawn again a little later.
"""

import http.client
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import django.db
import psycopg
from django.conf import settings
from django.db import close_old_connections, connections, transaction

from incidents import services as incidents
from monitors import live
from monitors.services import ingest, pings
from monitors.services.pings import Arrival, Key, Taken
from uptime import actions
from uptime.pinglimit import BLIND_S, PER_MINUTE, PingLimit
from uptime.pingwire import NOT_FOUND, READERS, Answer, Call, read, same_name

log = logging.getLogger(__name__)

Environ = dict[str, Any]
Respond = Callable[[str, list[tuple[str, str]]], Any]
Wsgi = Callable[..., Iterable[bytes]]

TOO_LARGE = 10_000_000  # bytes of a body nobody reads
PATIENCE_S = 2.0  # how long a ping waits for a connection to the database
PIECE = 65_536
PREFIXES = tuple(prefix for prefix, _ in READERS)

AWAY = Answer(503, "The database is away. Try again.", headers=(("Retry-After", "5"),))
TOO_OFTEN = Answer(429, f"More than {PER_MINUTE} pings in a minute.", headers=(("Retry-After", "60"),))
MUCH = Answer(413, "The body is larger than 10 MB.")
SELF = f"/ping/{uuid4()}"  # what we ping ourselves by; workers are forked from the process that chose it


class Ingest:
    """The WSGI application: pings are taken here, everything else is handed on."""

    def __init__(self, site: Wsgi) -> None:
        self.site = site

    def __call__(self, environ: Environ, respond: Respond) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIXES):
            return self.site(environ, respond)
        at = datetime.now(UTC)
        if path == SELF:
            return _send(_heard_ourselves(environ, at), environ, respond)
        call = read(
            path.encode("latin-1", "replace").decode(errors="replace"),
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_AUTHORIZATION", ""),
        )
        if call is None:
            return self.site(environ, respond)
        answer = call if isinstance(call, Answer) else _answer(call, environ, at)
        return _send(answer, environ, respond, tells_limit=isinstance(call, Call) and call.dialect.tells_limit)

    def watch_itself(self, host: str, port: int) -> None:
        """Ping ourselves through the front door from now on, in a thread of its own."""
        arguments = (host, port)
        threading.Thread(target=_ping_ourselves, args=arguments, name="self-ping", daemon=True).start()


def _answer(call: Call, environ: Environ, at: datetime) -> Answer:
    method = environ["REQUEST_METHOD"]
    if method == "OPTIONS":
        return Answer(204, headers=(("Access-Control-Allow-Methods", "GET, HEAD, POST"),))
    if call.dialect.methods and method not in call.dialect.methods:
        allowed = ", ".join(sorted(call.dialect.methods))
        return Answer(405, "method not allowed", headers=(("Allow", allowed),))
    body, size = _body(environ)
    if size > TOO_LARGE:
        _hang_up(environ)
        return MUCH
    if not _limit.allows(str(call.key.uuid or call.key.token or f"{call.key.ping_key}/{call.key.slug}")):
        return TOO_OFTEN
    if call.said:
        body = call.said.encode("utf-8", "replace")[: settings.PING_BODY_LIMIT]
        size = len(body)
    ping = Arrival(
        call.kind, at, method[:10], call.exit_code, call.duration_ms, call.run, _address(environ),
        _text(environ.get("HTTP_USER_AGENT", ""), 200), body, size,
    )  # fmt: skip
    try:
        return _store(call, ping)
    except (django.db.Error, psycopg.Error):
        log.warning("A ping could not be stored", exc_info=True)
        return AWAY
    finally:
        close_old_connections()


def _store(call: Call, ping: Arrival) -> Answer:
    taken, answer = None if call.named else _put_off(call.key, ping), call.dialect.done
    if taken is None:
        try:
            taken, answer = _judge(call, ping)
        except pings.AmbiguousError:
            return Answer(409, "ambiguous slug")
        except pings.InactiveError:
            return call.dialect.unknown
    if taken:
        _redraw(taken.team)
    return answer


def _put_off(key: Key, ping: Arrival) -> Taken | None:
    """The one statement most pings are, on a connection of the pool and without a transaction around it."""
    pool = connections["default"].pool  # type: ignore[attr-defined]  # PostgreSQL is all we have, and it has one
    pool.open()
    with pool.connection(timeout=PATIENCE_S) as raw:
        return pings.put_off(raw, key, ping)


@transaction.atomic
def _judge(call: Call, ping: Arrival) -> tuple[Taken | None, Answer]:
    named = pings.find_by_token(call.key.token) if call.named else None
    if named and not same_name(call.named, named.name, named.target):
        return None, NOT_FOUND
    taken, answer = pings.take(call.key, ping, call.dialect.resumes), call.dialect.done
    if taken is None and call.create and actions.create_heartbeat(call.key.ping_key, call.key.slug):
        taken, answer = pings.take(call.key, ping), Answer(201, "Created")
    if taken is None:
        return None, call.dialect.unknown
    incidents.apply(taken.changes)
    return taken, answer


def _body(environ: Environ) -> tuple[bytes, int]:
    """What is kept of the body, and its size. What is too large is not read; the rest is, so that the client may go on
    to its next request."""
    length, chunked = environ.get("CONTENT_LENGTH") or "", "HTTP_TRANSFER_ENCODING" in environ
    size = int(length) if length.isdecimal() else 0
    if size > TOO_LARGE or not (size or chunked):
        return b"", size
    stream = environ["wsgi.input"]
    kept = stream.read(min(size or TOO_LARGE, settings.PING_BODY_LIMIT)) if settings.PING_BODY_LIMIT else b""
    read = len(kept)
    while read <= TOO_LARGE and (read < size or chunked) and (more := stream.read(PIECE)):
        read += len(more)
    return kept, read


def _hang_up(environ: Environ) -> None:
    """After the answer gunicorn would wait for the rest of the body, in order to drop it: let it find the end here."""
    with suppress(KeyError, OSError):
        environ["gunicorn.socket"].shutdown(socket.SHUT_RD)


def _address(environ: Environ) -> str:
    """Where the ping comes from: as told by our own proxies, if there are any."""
    told = [each.strip() for each in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if each.strip()]
    count = settings.TRUSTED_PROXY_COUNT
    return _text(told[-count] if 0 < count <= len(told) else environ.get("REMOTE_ADDR", ""), 45)


def _text(text: str, most: int) -> str:
    """WSGI hands header values over as latin-1; what PostgreSQL or a page could stumble over is replaced."""
    decoded = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "�" for char in decoded[:most])


def _send(answer: Answer, environ: Environ, respond: Respond, tells_limit: bool = False) -> Iterable[bytes]:
    content = answer.text.encode()
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(content))),
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "no-store"),
        *answer.headers,
    ]
    if tells_limit:
        headers.append(("Ping-Body-Limit", str(settings.PING_BODY_LIMIT)))
    respond(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]


class _Redraw:
    """Has open pages drawn again. A cache that is away is left alone for a while: nobody's ping waits for it."""

    def __init__(self) -> None:
        self._blind_until = 0.0

    def __call__(self, team: int) -> None:
        if time.monotonic() >= self._blind_until and not live.bump([team]):
            self._blind_until = time.monotonic() + BLIND_S


_limit, _redraw = PingLimit(), _Redraw()


# Listening to ourselves -----------------------------------------------------------------------------------------------
def _heard_ourselves(environ: Environ, at: datetime) -> Answer:
    try:
        ingest.alive(at, starting="starting" in environ.get("QUERY_STRING", ""))
    except django.db.Error:
        return AWAY
    finally:
        close_old_connections()
    return Answer(204)


def _ping_ourselves(host: str, port: int) -> None:
    """While these arrive, jobs can report in too; where they break off is a gap."""
    path = f"{SELF}?starting"
    while True:
        try:
            with closing(http.client.HTTPConnection(host, port, timeout=10)) as there:
                there.request("GET", path)
                path = SELF if there.getresponse().status == HTTPStatus.NO_CONTENT else path
        except (OSError, http.client.HTTPException):
            log.warning("We cannot reach ourselves at %s:%s", host, port)
        time.sleep(ingest.EVERY_S)
