"""What a probed kind is: one module in this package with `KIND`, found by its name.

The engine owns deadline, retry, look-up, guard and timing; a kind owns the protocol. Its `probe` is a generator: it
yields what it wants done and is sent what came of it, so the whole conversation reads from top to bottom.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from monitors.probes.base import Check, Reason
from monitors.probes.options import OptionsForm
from uptime.lib.net import URL, Guard
from uptime.lib.registry import Registry


class Finding(NamedTuple):
    """The end of an attempt: `reason` None is UP. `detail` may quote the target; the engine escapes it."""

    reason: Reason | None
    detail: str = ""


@dataclass(slots=True)
class Request:
    """One HTTP exchange: one connection to `url.host`, one request, one answer.

    `keep_body`: hand the body over; otherwise it is only read and counted. `redirected`: somebody else chose this
    URL, so a private address is a blocked redirect (their doing), not a blocked address (ours)."""

    url: URL
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    verify_tls: bool = True
    keep_body: bool = False
    redirected: bool = False


@dataclass(slots=True)
class Answer:
    """A whole answer. Header names are lower case; `body` is decoded (gzip, br, ...), at most MAX_BODY bytes long,
    and `truncated` when the server had more."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    truncated: bool = False

    def header(self, name: str) -> str:
        """The first value of a header, or ""."""
        return next((value for key, value in self.headers if key == name), "")


# What a kind may ask of the engine. A kind that needs threads (a blocking protocol library) gets a request type of
# its own here and a branch of its own in `Run._step`.
Steps = Generator[Request, Answer, Finding]


class Kind(Protocol):
    """`secret_fields` names the options that are stored encrypted; `target_label` heads the target's form field."""

    name: str
    label: str
    description: str
    target_label: str
    Options: type[OptionsForm]
    secret_fields: tuple[str, ...]

    def clean_target(self, text: str, allow_private: bool) -> str:
        """The target in its stored form. Raises UrlError with a sentence for the person who typed it."""

    def probe(self, check: Check, guard: Guard) -> Steps:
        """One attempt. Whatever it raises makes the check NODATA `bad_check`."""


KINDS: Registry[Kind] = Registry("monitors.probes")

__all__ = ["KINDS", "Answer", "Finding", "Kind", "Request", "Steps"]
