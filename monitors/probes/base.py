"""The messages of probing: Check (the order), Outcome (what was seen) and Reason (why it was not UP).

Checks and outcomes travel between centre and regions as compact JSON lists. `from_wire` trusts nobody: it raises
ValueError for whatever is missing, of another type, out of range or contradictory.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, Self, cast

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from uptime.lib.version import VERSION

MAX_DETAIL = 300  # characters
MAX_TIMEOUT_MS = 60_000  # no monitor may ask for more
MAX_BIGINT = 2**63 - 1
MAX_TIME: Ms = 253_402_300_799_999  # the end of the year 9999, the last moment everybody can write down
MAX_DURATION_MS = 3_600_000.0
MAX_RETRY_AFTER_S = 86_400  # whoever asks for more is asked again after a day
MAX_EVIDENCE = 16 * 1024  # characters of a bundle as JSON


@dataclass(slots=True)
class Check:
    """The order to probe one monitor from one region for one slot.

    `target`: the URL, or what the kind takes instead. `options`: the kind's cleaned options, secrets included,
    and therefore never printed. `offset_ms`: how long after its slot it starts, so that a domain is not asked by all
    its monitors at once."""

    monitor: int
    slot: Ms
    version: int
    kind: str
    target: str
    timeout_ms: int
    lateness_ms: int
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    offset_ms: int = 0

    def to_wire(self) -> list[Any]:
        return [
            self.monitor,
            self.slot,
            self.version,
            self.kind,
            self.target,
            self.timeout_ms,
            self.lateness_ms,
            self.options,
            self.offset_ms,
        ]

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        monitor, slot, version, kind, target, timeout_ms, lateness_ms, options, offset_ms = _items(wire, 9)
        if not isinstance(options, dict):
            raise ValueError("options are not an object")  # noqa: TRY004 - from_wire promises ValueError
        return cls(
            monitor=_whole(monitor, "monitor", 1, MAX_BIGINT),
            slot=_whole(slot, "slot", 0, MAX_TIME),
            version=_whole(version, "version", 0, MAX_BIGINT),
            kind=_text(kind, "kind", 50),
            target=_text(target, "target", 2048),
            timeout_ms=_whole(timeout_ms, "timeout_ms", 1, MAX_TIMEOUT_MS),
            lateness_ms=_whole(lateness_ms, "lateness_ms", 0, MAX_TIMEOUT_MS),
            options=options,
            offset_ms=_whole(offset_ms, "offset_ms", 0, MAX_TIMEOUT_MS),
        )


@dataclass(slots=True)
class Phases:
    """Where the time of an attempt went, in milliseconds, summed over redirects; None: it never came so far."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    transfer: float | None = None

    def to_wire(self) -> list[float | None]:
        return [self.dns, self.connect, self.tls, self.first_byte, self.transfer]

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        return cls(*[None if item is None else _duration(item) for item in _items(wire, 5)])

    def __add__(self, other: "Phases") -> "Phases":
        if self == NOTHING_YET:
            return other
        pairs = zip(self.to_wire(), other.to_wire(), strict=True)
        return Phases(*(b if a is None else a if b is None else round(a + b, 2) for a, b in pairs))


NOTHING_YET = Phases()


@dataclass(slots=True)
class Outcome:
    """What the probe saw.

    `response_ms`: from the start of the last attempt to the last byte of its answer; None where no answer came.
    `attempts`: 0 when nothing was tried. `address`: the IP address last connected to. `detail`: a sentence for
    people without control characters, at most MAX_DETAIL long. `degraded`: UP, and worse than the monitor asks for.
    `expires_at`: when what the target presented runs out, the first certificate of its chain or its domain.
    `retry_after_s`: how long the target asks us to stay away. `evidence`: what was seen in full, see evidence.py."""

    monitor: int
    slot: Ms
    version: int
    vote: Vote
    reason: Reason | None = None
    started_at: Ms | None = None
    response_ms: float | None = None
    phases: Phases = field(default_factory=Phases)
    attempts: int = 0
    status_code: int | None = None
    address: str = ""
    detail: str = ""
    degraded: bool = False
    expires_at: Ms | None = None
    retry_after_s: int | None = None
    evidence: dict[str, Any] | None = field(default=None, repr=False)

    def to_wire(self) -> list[Any]:
        return [
            self.monitor,
            self.slot,
            self.version,
            self.vote.value,
            self.reason.value if self.reason else None,
            self.started_at,
            self.response_ms,
            self.phases.to_wire(),
            self.attempts,
            self.status_code,
            self.address,
            self.detail,
            int(self.degraded),
            self.expires_at,
            self.retry_after_s,
            self.evidence,
        ]

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        monitor, slot, version, vote, reason, started_at, response_ms, phases, *rest = _items(wire, 16)
        attempts, status_code, address, detail, degraded, expires_at, retry_after_s, evidence = rest
        outcome = cls(
            monitor=_whole(monitor, "monitor", 1, MAX_BIGINT),
            slot=_whole(slot, "slot", 0, MAX_TIME),
            version=_whole(version, "version", 0, MAX_BIGINT),
            vote=Vote(_text(vote, "vote", 10)),
            reason=None if reason is None else _reason(reason),
            started_at=None if started_at is None else _whole(started_at, "started_at", 0, MAX_TIME),
            response_ms=None if response_ms is None else _duration(response_ms),
            phases=Phases.from_wire(phases),
            attempts=_whole(attempts, "attempts", 0, 10),
            status_code=None if status_code is None else _whole(status_code, "status_code", 0, 999),
            address=_text(address, "address", 64),
            detail=_text(detail, "detail", MAX_DETAIL),
            degraded=bool(_whole(degraded, "degraded", 0, 1)),
            expires_at=None if expires_at is None else _whole(expires_at, "expires_at", 0, MAX_TIME),
            retry_after_s=(
                None if retry_after_s is None else _whole(retry_after_s, "retry_after_s", 0, MAX_RETRY_AFTER_S)
            ),
            evidence=None if evidence is None else _bundle(evidence),
        )
        if outcome.degraded and outcome.vote is not Vote.UP:
            raise ValueError(f"vote {outcome.vote} contradicts degraded")
        if outcome.vote is not (outcome.reason.vote if outcome.reason else Vote.UP):
            raise ValueError(f"vote {outcome.vote} contradicts reason {outcome.reason}")
        return outcome


def user_agent(link: str) -> str:
    """How checks introduce themselves, with a link for whoever finds them in a log."""
    return f"Uptime/{VERSION} (+{link})" if link else f"Uptime/{VERSION}"


def printable(text: str, limit: int = MAX_DETAIL) -> str:
    """`text` safe to show anywhere: control, bidi and other invisible characters are escaped (\\x1b, \\u202e), and
    more than `limit` characters are cut with an ellipsis."""
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[: limit + 1]
        )
    return text if len(text) <= limit else text[: limit - 1] + "…"


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _items(wire: object, count: int) -> list[Any]:
    if not isinstance(wire, list | tuple) or len(wire) != count:
        raise ValueError(f"not a list of {count} items")
    return list(wire)


def _whole(item: object, name: str, least: int, most: int) -> int:
    if type(item) is not int or not least <= item <= most:  # bool is an int, and not meant
        raise ValueError(f"{name} is not a whole number from {least} to {most}")
    return item


def _text(item: object, name: str, most: int) -> str:
    if not isinstance(item, str) or len(item) > most or _CONTROL.search(item):
        raise ValueError(f"{name} is not clean text of at most {most} characters")
    return item


def _duration(item: object) -> float:
    number = float(item) if type(item) in (int, float) else math.nan  # type: ignore[arg-type]
    if not 0 <= number <= MAX_DURATION_MS:
        raise ValueError("a duration is not a number of milliseconds up to an hour")
    return number


def _bundle(item: object) -> dict[str, Any]:
    try:
        fits = isinstance(item, dict) and len(json.dumps(item)) <= MAX_EVIDENCE
    except RecursionError:
        fits = False
    if not fits:
        raise ValueError(f"evidence is not an object of at most {MAX_EVIDENCE} characters")
    return cast(dict[str, Any], item)


def _reason(item: object) -> Reason:
    return Reason(_text(item, "reason", 50))  # type: ignore[call-arg]
