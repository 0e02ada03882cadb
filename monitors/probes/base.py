"""The messages of probing: Check (the order), Outcome (what was seen) and Reason (why it was not UP).

Checks and outcomes travel between centre and regions as compact JSON lists. `from_wire` trusts nobody: it raises
ValueError for whatever is missing, of another type, out of range or contradictory.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeVar, cast

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from uptime.lib.version import VERSION

MAX_DETAIL = 300  # characters
MAX_TIMEOUT_MS = 60_000  # no monitor may ask for more
MAX_BIGINT = 2**63 - 1
MAX_TIME: Ms = 253_402_300_799_999  # the end of the year 9999, the last moment everybody can write down
MAX_DURATION_MS = 3_600_000.0
MAX_RETRY_AFTER_S = 86_400  # whoever asks for more is asked again after a day
MAX_EVIDENCE = 16 * 1024  # characters of a bundle as JSON

DOWN, NODATA = Vote.DOWN, Vote.NODATA
T = TypeVar("T")


class Reason(StrEnum):
    """Why a check did not end UP, from a closed list; each implies its vote.

    DOWN is something the target did, NODATA something we failed to do. `label` goes on a badge, `explanation` is
    one sentence for the person who asks."""

    vote: Vote
    label: str
    explanation: str

    def __new__(cls, value: str, vote: Vote, label: str, explanation: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.vote, member.label, member.explanation = vote, label, explanation
        return member

    # The connection
    REFUSED = "refused", DOWN, "Connection refused", "The server is there, but nothing listens on this port."
    RESET = "reset", DOWN, "Connection reset", "The server broke the connection off."
    CLOSED = "closed", DOWN, "Connection closed", "The server hung up before its answer was complete."
    UNREACHABLE = "unreachable", DOWN, "Unreachable", "The network reports that the server cannot be reached."

    # Timeouts, by what was waited for
    TIMEOUT_DNS = "timeout_dns", DOWN, "DNS timeout", "The name servers did not answer in time."
    TIMEOUT_CONNECT = "timeout_connect", DOWN, "Connect timeout", "The server accepted no connection in time."
    TIMEOUT_TLS = "timeout_tls", DOWN, "TLS timeout", "The server did not finish the TLS handshake in time."
    TIMEOUT_FIRST_BYTE = (
        "timeout_first_byte",
        DOWN,
        "No answer in time",
        "The server took the request and did not begin to answer in time.",
    )
    TIMEOUT_TRANSFER = (
        "timeout_transfer",
        DOWN,
        "Answer too slow",
        "The server began to answer and did not finish in time.",
    )

    # TLS
    TLS_UNTRUSTED = (
        "tls_untrusted",
        DOWN,
        "Certificate not trusted",
        "The certificate is self-signed, or its chain is incomplete or of an unknown authority.",
    )
    TLS_EXPIRED = "tls_expired", DOWN, "Certificate expired", "A certificate is outside its period of validity."
    TLS_NAME_MISMATCH = (
        "tls_name_mismatch",
        DOWN,
        "Certificate for another name",
        "The certificate does not cover the name that was asked for.",
    )
    TLS_EXPIRING = (
        "tls_expiring",
        DOWN,
        "Certificate expires soon",
        "A certificate is closer to its end than the monitor allows.",
    )
    TLS_ERROR = "tls_error", DOWN, "TLS failure", "The TLS handshake failed."

    # The answer
    STATUS = "status", DOWN, "Unexpected status", "The server answered with a status that is not expected."
    KEYWORD_MISSING = "keyword_missing", DOWN, "Keyword missing", "The answer does not contain the keyword."
    KEYWORD_PRESENT = "keyword_present", DOWN, "Keyword found", "The answer contains the unwanted keyword."
    ASSERTION = "assertion", DOWN, "Assertion failed", "The answer is not what the monitor asserts."
    TOO_SLOW = "too_slow", DOWN, "Too slow", "The answer was right, and took longer than the monitor allows."
    UPSIDE_DOWN = (
        "upside_down",
        DOWN,
        "Answers",
        "The target answers, and this upside-down monitor expects that it does not.",
    )
    NO_TOKEN = (
        "no_token",
        DOWN,
        "No access token",
        "The token endpoint gave no access token, so the target could not be asked.",
    )
    PROXY = "proxy", DOWN, "Proxy failed", "The proxy of this monitor did not lead to the target."
    TOO_MANY_REDIRECTS = "too_many_redirects", DOWN, "Too many redirects", "The redirects come to no end."
    BAD_REDIRECT = "bad_redirect", DOWN, "Bad redirect", "The server redirects to no usable address."
    BLOCKED_REDIRECT = (
        "blocked_redirect",
        DOWN,
        "Redirect to a private address",
        "The server redirects into a private network, where checks do not follow.",
    )
    RATE_LIMITED = (
        "rate_limited",
        DOWN,
        "Rate limited",
        "The server says it is asked too often: choose a longer interval or exempt our checks.",
    )
    BLOCKED = (
        "blocked",
        DOWN,
        "Blocked by a firewall",
        "A web application firewall challenges our checks: allow them by User-Agent or address.",
    )
    PROTOCOL_ERROR = "protocol_error", DOWN, "Invalid answer", "The answer breaks the rules of the protocol."
    BODY_TOO_LARGE = (
        "body_too_large",
        DOWN,
        "Page too large",
        "What was to be found is not in the first megabyte, and no more of a page is read.",
    )
    HEADER_TOO_LARGE = (
        "header_too_large",
        DOWN,
        "Headers too large",
        "The headers of the answer are larger than 64 kB.",
    )

    # Names
    DNS_NOT_FOUND = "dns_not_found", DOWN, "Name not found", "The name does not exist or has no such record."
    DNS_FAILED = "dns_failed", DOWN, "DNS failure", "The name servers of this name give no proper answer."

    DNS_MISMATCH = "dns_mismatch", DOWN, "Unexpected DNS answer", "The records are not the expected ones."

    # Domains
    DOMAIN_EXPIRED = "domain_expired", DOWN, "Domain expired", "The registration of the domain has ended."
    DOMAIN_SUSPENDED = (
        "domain_suspended",
        DOWN,
        "Domain suspended",
        "The registry keeps the domain out of DNS: it is on hold, or about to be deleted.",
    )
    DOMAIN_UNREGISTERED = "domain_unregistered", DOWN, "Domain not registered", "The registry knows no such domain."

    # Pings
    PACKET_LOSS = "packet_loss", DOWN, "Packets lost", "Fewer pings were answered than the monitor asks for."
    # Jobs that report in
    NO_PING = "no_ping", DOWN, "No ping", "The job did not report in when it was due, nor in its time of grace."
    NOT_FINISHED = (
        "not_finished",
        DOWN,
        "Not finished",
        "The job said that it started, and not within its time of grace that it ended.",
    )
    JOB_FAILED = "job_failed", DOWN, "Job failed", "The job itself said that it failed."
    # Monitors of monitors
    MEMBERS_DOWN = "members_down", DOWN, "Members down", "Too few of the group's monitors are up."

    # What we failed to see
    MISSED_WINDOW = "missed_window", NODATA, "Too late", "The check came to its turn too late and was left out."
    REGION_OFFLINE = "region_offline", NODATA, "Region offline", "The region gave no sign of life."
    REGION_SICK = "region_sick", NODATA, "Region not trusted", "The region had trouble of its own."
    LOST = "lost", NODATA, "Result lost", "The check was sent, and no result came back."
    NOT_DISPATCHED = "not_dispatched", NODATA, "Not sent", "The check was never sent to the region."
    WORKER_STOPPING = "worker_stopping", NODATA, "Worker stopped", "The worker was stopped during the check."
    BLOCKED_ADDRESS = (
        "blocked_address",
        NODATA,
        "Private address",
        "The name leads into a private network, where this region does not look.",
    )
    RESOLVER_SICK = "resolver_sick", NODATA, "Our DNS failed", "The region's own name servers did not answer."
    REGISTRY_SILENT = (
        "registry_silent",
        NODATA,
        "Registry silent",
        "The registry of the domain gave no answer, or does not answer us at present.",
    )
    LOCAL_ERROR = "local_error", NODATA, "Trouble on our side", "The region could not carry out the check."
    STALE_CONFIG = "stale_config", NODATA, "Older settings", "The monitor was changed during the check."
    THROTTLED = "throttled", NODATA, "Held back", "Too many checks go to this domain; this one was left out."
    BAD_CHECK = "bad_check", NODATA, "Settings not usable", "The region cannot make sense of the settings."

    @property
    def is_timeout(self) -> bool:
        return self.value.startswith("timeout_")


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
        return cls(*(_optional(item, _duration) for item in _items(wire, 5)))

    def __add__(self, other: "Phases") -> "Phases":
        pairs = zip(self.to_wire(), other.to_wire(), strict=True)
        return Phases(*(b if a is None else a if b is None else round(a + b, 2) for a, b in pairs))


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
            started_at=_optional(started_at, lambda item: _whole(item, "started_at", 0, MAX_TIME)),
            response_ms=_optional(response_ms, _duration),
            phases=Phases.from_wire(phases),
            attempts=_whole(attempts, "attempts", 0, 10),
            status_code=_optional(status_code, lambda item: _whole(item, "status_code", 0, 999)),
            address=_text(address, "address", 64),
            detail=_text(detail, "detail", MAX_DETAIL),
            degraded=bool(_whole(degraded, "degraded", 0, 1)),
            expires_at=_optional(expires_at, lambda item: _whole(item, "expires_at", 0, MAX_TIME)),
            retry_after_s=_optional(retry_after_s, lambda item: _whole(item, "retry_after_s", 0, MAX_RETRY_AFTER_S)),
            evidence=_optional(evidence, _bundle),
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


def _optional(item: object, read: Callable[[object], T]) -> T | None:
    return None if item is None else read(item)
