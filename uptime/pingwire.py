"""The addresses that jobs ping, as the products they were set up for have them, and the answers their clients expect.

`read` turns a request line into a Call, or into the Answer that says what is wrong with it. Nothing here looks at the
database: unknown keys are found out later.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs
from uuid import UUID

from monitors.domain.heartbeat import PingKind
from monitors.services.pings import Key

MOST_KUMA_MS = 100_000_000_000
MOST_PARAMETERS = 50
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KINDS = {"start": PingKind.START, "fail": PingKind.FAIL, "log": PingKind.LOG}
_UNITS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
_GO_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
LONGEST_DURATION = 100  # characters; to look for parts in thousands of digits takes quadratic time

Query = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told."""

    status: int
    text: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def _kuma(status: int, **said: object) -> Answer:
    return Answer(status, json.dumps(said, separators=(",", ":")), "application/json; charset=utf-8")


NOT_FOUND = Answer(404, "not found")
NO_MONITOR = _kuma(404, ok=False, msg="Monitor not found or not active.")
BAD_URL = Answer(400, "invalid url format")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one product's clients speak and expect to be answered."""

    methods: frozenset[str] = frozenset()  # empty: any
    done: Answer = Answer(200, "OK")
    unknown: Answer = NOT_FOUND
    resumes: bool = True  # whether a ping may end a pause
    tells_limit: bool = False


HEALTHCHECKS = Dialect(tells_limit=True)
BETTER_STACK = Dialect(frozenset({"GET", "HEAD", "POST"}))
KUMA = Dialect(done=_kuma(200, ok=True), unknown=NO_MONITOR, resumes=False)
GATUS = Dialect(frozenset({"POST"}), done=Answer(200), unknown=Answer(401, "invalid token"))


@dataclass(frozen=True, slots=True)
class Call:
    """A ping, as far as its address tells."""

    dialect: Dialect
    key: Key
    kind: PingKind = PingKind.SUCCESS
    exit_code: int | None = None
    run: str = ""
    duration_ms: float | None = None
    said: str = ""  # in the address, in place of a body
    create: bool = False
    named: str = ""  # Gatus: the key in the address, which must be that of the heartbeat the token belongs to


def read(path: str, query: str, authorization: str = "") -> Call | Answer | None:
    """What is meant by an address, decoded as WSGI does it; None when it is none of those that jobs ping."""
    for prefix, reader in READERS:
        if path.startswith(prefix):
            try:
                asked = parse_qs(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
            except ValueError:
                return BAD_URL
            return reader(path[len(prefix) :].removesuffix("/").split("/"), asked, authorization)
    return None


def same_name(key: str, name: str, slug: str) -> bool:
    """Whether the last part of Gatus' `<group>_<name>` is what Gatus would make of this name."""
    last = key.rpartition("_")[2]
    return last in {re.sub(r"[/_,.#+& ]", "-", name.strip().lower()), slug.replace("_", "-")}


def _healthchecks(parts: list[str], query: Query, _: str) -> Call | Answer:
    run = _first(query, "rid")
    if run and not _UUID.fullmatch(run):
        return Answer(400, "invalid uuid format")
    if _UUID.fullmatch(parts[0]) and (len(parts) == 1 or _ends_well(parts[1:])):
        return _ended(HEALTHCHECKS, Key(uuid=UUID(parts[0])), parts[1:], run.lower())
    if len(parts) < 2 or not all(_WORD.fullmatch(part) for part in parts[:2]) or not _ends_well(parts[2:]):
        return NOT_FOUND
    if parts[1] != parts[1].lower():
        return BAD_URL
    key = Key(ping_key=parts[0], slug=parts[1])
    return _ended(HEALTHCHECKS, key, parts[2:], run.lower(), create=_first(query, "create") == "1")


def _better_stack(parts: list[str], query: Query, _: str) -> Call | Answer:
    if not _WORD.fullmatch(parts[0]) or not _ends_well(parts[1:], words=("fail",)):
        return NOT_FOUND
    return _ended(BETTER_STACK, Key(token=parts[0]), parts[1:], "")


def _secret(parts: list[str], query: Query, _: str) -> Call | Answer:
    if len(parts) != 1 or not _WORD.fullmatch(parts[0]):
        return NOT_FOUND
    return Call(BETTER_STACK, Key(token=parts[0]))


def _push(parts: list[str], query: Query, _: str) -> Call | Answer:
    if len(parts) != 1 or not _WORD.fullmatch(parts[0]):
        return NO_MONITOR
    duration = _number(_first(query, "ping"))
    if duration is not None and not 0 <= duration <= MOST_KUMA_MS:
        return _kuma(404, ok=False, msg="Invalid ping value. Must be between 0 and 100000000000 ms.")
    up = (_first(query, "status") or "up") == "up"
    said = _first(query, "msg") or "OK"
    return Call(
        KUMA,
        Key(token=parts[0]),
        PingKind.SUCCESS if up else PingKind.FAIL,
        duration_ms=duration or None,
        said="" if said == "OK" else said,
    )


def _gatus(parts: list[str], query: Query, authorization: str) -> Call | Answer:
    if len(parts) != 2 or parts[1] != "external":
        return NOT_FOUND
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not _WORD.fullmatch(token.strip()):
        return Answer(401, "invalid Authorization header")
    success = _first(query, "success").lower()
    if success not in {"true", "false"}:
        return Answer(400, "missing or invalid success query parameter")
    duration = _go_duration(_first(query, "duration"))
    if duration is None:
        return Answer(400, f'invalid duration: time: invalid duration "{_first(query, "duration")[:40]}"')
    kind = PingKind.SUCCESS if success == "true" else PingKind.FAIL
    key = Key(token=token.strip())
    return Call(GATUS, key, kind, duration_ms=duration or None, said=_first(query, "error"), named=parts[0])


Reader = Callable[[list[str], Query, str], Call | Answer]
READERS: list[tuple[str, Reader]] = [
    ("/ping/", _healthchecks),
    ("/api/v1/heartbeat/", _better_stack),
    ("/api/push/", _push),
    ("/push/", _push),
    ("/heartbeat/", _secret),
    ("/api/v1/endpoints/", _gatus),
]


def _ends_well(rest: list[str], words: tuple[str, ...] = tuple(_KINDS)) -> bool:
    return not rest or (len(rest) == 1 and (rest[0] in words or (rest[0].isascii() and rest[0].isdigit())))


def _ended(dialect: Dialect, key: Key, rest: list[str], run: str, create: bool = False) -> Call | Answer:
    """The call that ends in `rest`: nothing, a word, or an exit code."""
    if not rest:
        return Call(dialect, key, run=run, create=create)
    if rest[0] in _KINDS:
        return Call(dialect, key, _KINDS[rest[0]], run=run, create=create)
    if len(rest[0]) > 9 or int(rest[0]) > 255:
        return BAD_URL
    code = int(rest[0])
    return Call(dialect, key, PingKind.FAIL if code else PingKind.SUCCESS, code, run, create=create)


def _first(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def _number(text: str) -> float | None:
    """As generous as JavaScript's parseFloat with what is no number: it is none."""
    match = re.match(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", text, re.IGNORECASE)
    number = float(match[0]) if match else math.nan
    return None if math.isnan(number) else number


def _go_duration(text: str) -> float | None:
    """Milliseconds of "1m30s", 0 for nothing at all; None when it is no duration."""
    if text in {"", "0"}:
        return 0.0
    if len(text) > LONGEST_DURATION:
        return None
    parts = _GO_DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
