"""One check from its slot to its outcome.

The run owns what every kind needs and none may forget: lateness, one deadline over everything, look-up, guard, retry
and timing. Whatever goes wrong in here ends this check as NODATA and disturbs no other.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from monitors.probes.base import Check, Outcome, Phases, Reason, printable
from monitors.probes.failures import denied_address, explain, explain_name, explain_silence, explain_timeout
from monitors.probes.kinds import KINDS, Connect, Finding, Request, Steps, TalkError, Talking, is_probed
from monitors.probes.talk import Talk, Talks
from monitors.probes.transfer import MAX_ADDRESSES, Result, Transfer, Transfers
from uptime.lib.loop import Loop, Timer
from uptime.lib.net import BlockedAddressError, Guard, UrlError, has_route, is_address
from uptime.lib.registry import UnknownKindError
from uptime.lib.resolver import Lookup, Resolution, Resolver

log = logging.getLogger(__name__)

MAX_AHEAD_MS = 60_000  # dispatch sends a second ahead; more means that our clock is wrong
START_STEP_S = 0.005  # checks that are due within it start together: to wake up for each costs a third of it
RETRY_PAUSE_S = 1.0
RETRY_LEAST_S = 1.0  # must remain after the pause
MAX_ATTEMPTS = 2
STANDSTILL_S = 1.0  # past a deadline; an engine that is merely busy is later by some hundredths
FINAL = frozenset(
    {Reason.RATE_LIMITED, Reason.BLOCKED, Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK}
)  # another attempt is no use

F = TypeVar("F", bound=Callable[..., None])


@dataclass(slots=True)
class Tools:
    """What all runs of an engine share."""

    loop: Loop
    resolver: Resolver
    transfers: Transfers
    talks: Talks
    guard: Guard
    finished: "Callable[[Run, Outcome], None]"


def accounted(method: F) -> F:
    """An exception must not leave a check without an outcome."""

    @wraps(method)
    def wrapped(run: "Run", *arguments: Any) -> None:
        try:
            method(run, *arguments)
        except Exception as error:
            log.exception("the check of monitor %s failed in %s", run.check.monitor, method.__name__)
            run.finish(Finding(Reason.LOCAL_ERROR, f"Internal error: {type(error).__name__}"))
            run._drop()

    return wrapped  # type: ignore[return-value]


class Run:
    """Belongs to the loop's thread. Calls `tools.finished` exactly once."""

    __slots__ = (
        "_address",
        "_attempt_began",
        "_attempts",
        "_began",
        "_deadline",
        "_lookup",
        "_over",
        "_phases",
        "_request",
        "_response_ms",
        "_started_at",
        "_status",
        "_step_began",
        "_steps",
        "_talk",
        "_timer",
        "_tools",
        "_transfer",
        "check",
    )

    def __init__(self, tools: Tools, check: Check) -> None:
        self.check = check
        self._tools = tools
        self._over = False
        self._timer: Timer | None = None  # the start, then the deadline
        self._started_at: Ms | None = None
        self._deadline = 0.0
        self._attempts = 0
        self._attempt_began = 0.0
        self._step_began = 0.0
        self._steps: Steps | None = None
        self._request: Request | Connect | None = None
        self._lookup: Lookup | None = None
        self._transfer: Transfer | None = None
        self._talk: Talk | None = None
        self._phases = Phases()
        self._address = ""
        self._status: int | None = None
        self._response_ms: float | None = None

    @accounted
    def schedule(self) -> None:
        """Start at the slot, or as long after it as the check says, or now when that is past."""
        ahead = self.check.slot + self.check.offset_ms - _now_ms()
        if ahead > MAX_AHEAD_MS:
            self.finish(Finding(Reason.LOCAL_ERROR, f"The slot lies {ahead / 1000:.0f} s ahead of this region's clock"))
        elif ahead > 0:
            self._timer = self._tools.loop.at(_step_after(time.monotonic() + ahead / 1000), self.start)
        else:
            self.start()

    @accounted
    def start(self) -> None:
        now = _now_ms()
        late = now - self.check.slot
        if late > self.check.lateness_ms:
            self.finish(Finding(Reason.MISSED_WINDOW, f"Came to its turn {late / 1000:.1f} s after its slot"))
            return
        self._started_at = now
        self._deadline = time.monotonic() + self.check.timeout_ms / 1000
        self._timer = self._tools.loop.at(self._deadline, self._expire)
        self._attempt()

    def abort(self, reason: Reason) -> None:
        """End the check now, whatever it is at."""
        self._drop()
        self.finish(Finding(reason))

    @accounted
    def _attempt(self) -> None:
        if self._over:
            return
        self._attempts += 1
        self._attempt_began = time.monotonic()
        self._phases = Phases()
        try:
            kind = KINDS.get(self.check.kind)
        except UnknownKindError as error:
            self.finish(Finding(Reason.BAD_CHECK, str(error)))
            return
        if not is_probed(kind):
            self.finish(Finding(Reason.BAD_CHECK, f"There is nothing to check about the kind “{self.check.kind}”."))
            return
        self._steps = kind.probe(self.check, self._tools.guard)
        self._step(None)

    def _step(self, answer: object) -> None:
        """Let the kind say what is next: here further types of request find their branch."""
        assert self._steps is not None  # noqa: S101 - `_attempt` set it
        try:
            step = self._steps.throw(answer) if isinstance(answer, TalkError) else self._steps.send(answer)
        except StopIteration as end:
            self._conclude(self._timed(end.value) if self._talk else end.value)
        except TalkError as broken:
            self._conclude(broken.finding)
        except BlockedAddressError as error:
            self._conclude(Finding(Reason.BLOCKED_ADDRESS, str(error)))
        except UrlError as error:
            self._conclude(Finding(Reason.BAD_CHECK, str(error)))
        except Exception as error:
            log.exception("the kind %s cannot make sense of monitor %s", self.check.kind, self.check.monitor)
            self._conclude(Finding(Reason.BAD_CHECK, f"The settings make no sense: {type(error).__name__}"))
        else:
            if isinstance(step, (Request, Connect)):
                self._reach(step)
            else:
                self._talk_on(step)

    def _reach(self, request: Request | Connect) -> None:
        if self._talk:
            self._hang_up()
        self._request, self._step_began = request, time.monotonic()
        self._status = self._response_ms = None  # what is said of an answer is said of the last one
        if isinstance(request, Connect) and request.nameserver is not None:
            self._connect(())
        elif is_address(request.host):
            self._connect((request.host,))
        else:
            fresh = self._attempts > 1
            self._lookup = self._tools.resolver.lookup(request.host, self._resolved, fresh)

    @accounted
    def _resolved(self, resolution: Resolution) -> None:
        self._lookup = None
        self._phases += Phases(dns=_span(self._step_began))
        if resolution.problem:
            assert self._request is not None  # noqa: S101 - it was looked up for a request
            self._conclude(explain_name(self._request.host, resolution.problem))
        else:
            self._connect(resolution.addresses)

    def _connect(self, addresses: tuple[str, ...]) -> None:
        """One denied address spoils the name: it is not for us to pick the harmless half of a trap."""
        request = self._request
        assert request is not None  # noqa: S101 - only a request is connected for
        denied = next((each for each in addresses if not self._tools.guard.permits(each)), None)
        if denied:
            self._conclude(denied_address(request, denied))
            return
        left = self._deadline - time.monotonic()
        usable = _usable(addresses, self._attempts - 1)
        if isinstance(request, Connect):
            self._talk_to(request, usable)
            return
        self._transfer = self._tools.transfers.start(request, usable, left, self._exchanged)

    @accounted
    def _exchanged(self, result: Result) -> None:
        self._transfer = None
        self._note(result)
        if result.answer:
            self._status, self._response_ms = result.answer.status, _span(self._attempt_began)
            self._step(result.answer)
        elif isinstance(self._request, Request):
            self._conclude(explain(self._request, result, self.check.timeout_ms))

    def _note(self, result: Result) -> None:
        self._phases += result.phases
        self._address = result.address or (result.tried[-1] if result.tried else self._address)

    # Conversations of the kind's own ------------------------------------------------------------------------------
    def _talk_to(self, request: Connect, addresses: tuple[str, ...]) -> None:
        if request.nameserver is None:
            places = [(address, request.port) for address in addresses]
        else:
            servers = self._tools.resolver.servers
            turn = request.nameserver + self._attempts - 1  # a second attempt is also a second opinion
            places = [servers[turn % len(servers)]]
        self._talk = self._tools.talks.start(request, places, self._told)

    def _talk_on(self, step: Talking) -> None:
        if self._talk is None:
            raise RuntimeError("the kind talks before it connects")
        self._talk.take(step)

    @accounted
    def _told(self, said: object) -> None:
        if not self._over:
            self._step(said)

    def _timed(self, finding: Finding) -> Finding:
        """A conversation that the kind brought to its end took until now, or as long as the kind says."""
        if not (finding.reason and finding.reason.is_timeout):
            self._response_ms = finding.response_ms or _span(self._attempt_began)
        return finding

    def _hang_up(self) -> None:
        if self._talk:
            self._talk.close()
            self._phases += self._talk.phases
            self._address = self._talk.address or self._address
            self._talk = None

    def _give_up(self, broken: TalkError) -> None:
        """The time is up: the kind says what it makes of what it saw so far, and cannot ask for more."""
        assert self._steps is not None  # noqa: S101 - who talks has begun
        finding = broken.finding
        try:
            self._steps.throw(broken)
        except StopIteration as end:
            finding = self._timed(end.value)
        except TalkError as uncaught:
            finding = uncaught.finding
        self.finish(finding)

    # The end ------------------------------------------------------------------------------------------------------
    def _conclude(self, finding: Finding) -> None:
        """The attempt is over: the last word, or once more from the start."""
        reason = finding.reason
        left = self._deadline - time.monotonic()
        if (
            reason is None
            or reason.is_timeout
            or reason in FINAL
            or self._attempts >= MAX_ATTEMPTS
            or (finding.retry_after_s or 0) > RETRY_PAUSE_S
            or left < RETRY_PAUSE_S + RETRY_LEAST_S
        ):
            self.finish(finding)
        else:
            self._hang_up()
            self._tools.loop.at(time.monotonic() + RETRY_PAUSE_S, self._attempt)

    @accounted
    def _expire(self) -> None:
        if self._talk:
            self._give_up(self._talk.expired(self.check.timeout_ms))
        elif self._transfer and isinstance(self._request, Request):
            result = self._tools.transfers.cancel(self._transfer)
            self._transfer = None
            self._note(result)
            self.finish(explain_timeout(self._request, result, self.check.timeout_ms))
        elif self._lookup:
            lookup = self._lookup
            self._drop()
            self._phases += Phases(dns=_span(self._step_began))
            self.finish(explain_silence(lookup.host, lookup.resolver_is_alive, self.check.timeout_ms))
        else:
            self.finish(Finding(Reason.LOCAL_ERROR, "The time was up between two steps"))

    def _drop(self) -> None:
        if self._lookup:
            self._lookup.leave(self._resolved)
            self._lookup = None
        if self._transfer:
            self._tools.transfers.cancel(self._transfer)
            self._transfer = None
        self._hang_up()

    def finish(self, finding: Finding) -> None:
        if self._over:
            return
        self._over = True
        if self._timer:
            self._timer.cancel()
        if self._talk:
            self._hang_up()
        if self._steps:
            self._steps.close()
        finding = self._excused(finding)
        check, reason = self.check, finding.reason
        outcome = Outcome(
            monitor=check.monitor,
            slot=check.slot,
            version=check.version,
            vote=reason.vote if reason else Vote.UP,
            reason=reason,
            started_at=self._started_at,
            response_ms=self._response_ms,
            phases=self._phases,
            attempts=self._attempts,
            status_code=self._status,
            address=self._address,
            detail=printable(finding.detail or (reason.explanation if reason else "")),
            degraded=finding.degraded and reason is None,
            expires_at=finding.expires_at,
            retry_after_s=finding.retry_after_s,
            evidence=finding.evidence,
        )
        self._tools.finished(self, outcome)

    def _excused(self, finding: Finding) -> Finding:
        """A failure that is found long past the deadline is ours: this process stood still, and so did nobody else."""
        over_s = time.monotonic() - self._deadline if self._deadline else 0.0
        if over_s < STANDSTILL_S or finding.reason is None or finding.reason.vote is not Vote.DOWN:
            return finding
        return Finding(Reason.LOCAL_ERROR, f"This region's worker stood still for {over_s:.0f} s")


def _usable(addresses: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """At most MAX_ADDRESSES, in another order at the second attempt. Where a name has both families, addresses this
    machine has no way to are left out, so that the other family's failure is what gets reported."""
    if len(addresses) > 1:
        addresses = addresses[: 4 * MAX_ADDRESSES]  # a name may have thousands, and each one costs a look
        routed = tuple(address for address in addresses if has_route(address))
        addresses = routed or addresses
        turn %= len(addresses)
        addresses = addresses[turn:] + addresses[:turn]
    return addresses[:MAX_ADDRESSES]


def _step_after(moment: float) -> float:
    return math.ceil(moment / START_STEP_S) * START_STEP_S


def _now_ms() -> Ms:
    return time.time_ns() // 1_000_000


def _span(since: float) -> float:
    return round((time.monotonic() - since) * 1000, 2)
