"""What a kind is: one module with `KIND`, found by its name, in this package (probed) or in monitors.judged.

A judged kind has nothing to probe: no regions, no checks, no votes. Of a probed one the engine owns deadline, retry,
look-up, guard and timing; the kind owns the protocol. Its `probe` is a generator: it yields what it wants done and is
sent what came of it, so the whole conversation reads from top to bottom.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeGuard, cast

from monitors.domain.slots import Ms
from monitors.probes.base import Check
from monitors.probes.options import OptionsForm
from monitors.probes.reasons import Reason
from monitors.probes.route import Proxy, Route
from uptime.lib.net import URL, Guard
from uptime.lib.registry import Registry


class Finding(NamedTuple):
    """The end of an attempt: `reason` None is UP. `detail` may quote the target; the engine escapes it.

    `response_ms`: what counts as the response time where it is not the whole conversation. `degraded`, `expires_at`,
    `retry_after_s`, `evidence`: as in Outcome, which gets them from here."""

    reason: Reason | None
    detail: str = ""
    response_ms: float | None = None
    degraded: bool = False
    expires_at: Ms | None = None
    retry_after_s: int | None = None
    evidence: dict[str, Any] | None = None


@dataclass(slots=True)
class Request:
    """One HTTP exchange: one connection to `url.host`, one request, one answer.

    `keep_body`: hand the body over; otherwise it is only read and counted. `redirected`: somebody else chose this
    URL, so a private address is a blocked redirect (their doing), not a blocked address (ours). `http2`: spoken from
    the start, without asking first; the headers behind the body are kept too. `route`: see there. `aside`: somebody
    else is asked, not the target, whose certificate this is therefore not. `in_full`: the engine wants the whole answer
    as evidence.

    `said_of` is put in front of what goes wrong with it, and `counts_as` replaces its reason: for a request that only
    prepares the one that matters."""

    url: URL
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    verify_tls: bool = True
    keep_body: bool = False
    redirected: bool = False
    http2: bool = False
    route: Route | None = None
    said_of: str = ""
    counts_as: Reason | None = None
    aside: bool = False
    in_full: bool = False

    @property
    def proxy(self) -> Proxy | None:
        return self.route.proxy if self.route else None

    @property
    def host(self) -> str:
        return self.url.host


Headers = Sequence[tuple[str, str]]


class Answer:
    """A whole answer. Header names are lower case; `body` is decoded (gzip, br, ...), at most MAX_BODY bytes long,
    and `truncated` when the server had more. `version`: of HTTP, as in "2"; told only of a request with a route.

    `headers` may be a function that reads them: of most answers nobody asks for more than the status."""

    __slots__ = ("_headers", "body", "status", "truncated", "version")

    def __init__(
        self, status: int, headers: Headers | Callable[[], Headers], body: bytes = b"", truncated: bool = False
    ) -> None:
        self.status, self.body, self.truncated, self.version = status, body, truncated, ""
        self._headers = headers

    @property
    def headers(self) -> Headers:
        if callable(self._headers):
            self._headers = self._headers()
        return self._headers

    def header(self, name: str) -> str:
        """The first value of a header, or ""."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(slots=True)
class Connect:
    """Open a connection for a conversation of the kind's own, instead of one opened before. Sent back: the address
    it leads to.

    `nameserver`: not a place a tenant chose, but this region's n-th name server (they take turns)."""

    host: str
    port: int = 0
    transport: Literal["tcp", "udp", "icmp"] = "tcp"
    nameserver: int | None = None
    redirected: ClassVar[bool] = False
    route: ClassVar[None] = None


@dataclass(slots=True)
class Send:
    """Send all of `data`; over udp and icmp it is one datagram. Sent back: None."""

    data: bytes


@dataclass(slots=True)
class Receive:
    """Wait for what the other side says. Sent back: the part that was asked for; what came after it is kept.

    `enough` is shown everything heard and not yet taken, and says how many bytes of it are the answer, 0 while it is
    not complete. A datagram is shown by itself, and one of which nothing is wanted is forgotten. `what` completes the
    sentence "waiting for". After `patience_s` of waiting b"" is sent back."""

    enough: Callable[[bytearray], int]
    what: str = "its answer"
    patience_s: float | None = None


@dataclass(slots=True)
class Secure:
    """Begin TLS on the connection. Sent back: what the handshake showed, as `Secured`."""

    server_name: str
    verify: bool = True


@dataclass(slots=True)
class Secured:
    """`chain`: the certificates the server presented (DER), its own first. `version` is "" before one was agreed on."""

    version: str
    chain: list[bytes]


@dataclass(slots=True)
class Compute:
    """Have `function(*arguments, blob)` computed in another process, because it may take long. Sent back: its result.

    `function` is one of a module's own; arguments and result are plain JSON. `what` begins the sentence that says that
    it took too long."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    blob: bytes = b""
    what: str = "What was to be computed"


class TalkError(Exception):
    """Thrown into a kind's `probe` where what it asked for cannot be had: refused, closed, out of time. Left alone, its
    finding is the attempt's; a kind that knows better catches it. `heard`: what had come of an answer until then;
    `secured`: what a failed TLS handshake showed."""

    def __init__(self, finding: Finding, heard: bytes = b"", secured: Secured | None = None) -> None:
        super().__init__(finding.detail)
        self.finding, self.heard, self.secured = finding, heard, secured


# What a kind may ask of the engine: an exchange over HTTP, one step after the other of a conversation of its own, or
# something to be computed. Nothing of it waits in a thread.
Talking = Connect | Send | Receive | Secure
Step = Request | Talking | Compute
Steps = Generator[Step, Any, Finding]


class Kind(Protocol):
    """`secret_fields` names the options that are stored encrypted; `target_label` heads the target's form field, and
    `target_example` shows how it is written; `has_port`: as a host and a port, which the API shows apart."""

    name: str
    label: str
    description: str
    target_label: str
    target_example: str
    has_port: bool
    Options: type[OptionsForm]
    secret_fields: tuple[str, ...]

    def clean_target(self, text: str, allow_private: bool) -> str:
        """The target in its stored form. Raises ValueError with a sentence for the person who typed it."""


class ProbedKind(Kind, Protocol):
    def probe(self, check: Check, guard: Guard) -> Steps:
        """One attempt. Whatever it raises makes the check NODATA `bad_check`."""


class JudgedKind(Kind, Protocol):
    """`target_help` explains its target's form field; one without `target_label` has no target. `sections` are the
    first ones of its form, title to fields. `begins` and `changed` say what follows when one is made or changed."""

    judged: bool
    target_help: str
    sections: dict[str, list[str]]
    begins: str
    changed: str

    def columns(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options with what a monitor of these has in the columns that every monitor has."""

    def expectation(self, options: dict[str, Any]) -> str:
        """What is expected, as a line."""


KINDS: Registry[Kind] = Registry("monitors.probes", "monitors.judged")


def is_probed(kind: Kind) -> TypeGuard[ProbedKind]:
    """Whether regions look at it; a judged kind says that they do not."""
    return not getattr(kind, "judged", False)


def least_interval(kind: Kind) -> int:
    """How many seconds must lie between two checks; a kind that asks somebody else's patience says more than one."""
    return getattr(kind, "least_interval", 1)


def usual_interval(kind: Kind) -> int | None:
    """Seconds between two checks where nobody chose, for a kind that has an interval of its own."""
    return getattr(kind, "usual_interval", None)


def as_judged(kind: Kind) -> JudgedKind | None:
    return None if is_probed(kind) else cast(JudgedKind, kind)


def probed_kinds() -> list[ProbedKind]:
    return [kind for kind in KINDS if is_probed(kind)]


def monitor_kinds() -> list[Kind]:
    """Those that are monitors to programs too; a kind with a resource of its own says so."""
    return [kind for kind in KINDS if not getattr(kind, "own_resource", False)]


__all__ = [
    "KINDS", "Answer", "Finding", "JudgedKind", "Kind", "ProbedKind", "Request", "Steps", "as_judged", "is_probed",
    "least_interval", "monitor_kinds", "probed_kinds", "usual_interval",
]  # fmt: skip
