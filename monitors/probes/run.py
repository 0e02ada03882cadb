"""One check from its slot to its outcome.

The run owns what every kind needs and none may forget: lateness, one deadline over everything, look-up, guard, retry
and timing. Whatever goes wrong in here ends this check as NODATA and disturbs no other.
"""

import logging
import math
import time

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from monitors.probes.aside import Job
from monitors.probes.base import Check, Outcome, Phases
from monitors.probes.evidence import Seen, gather, told
from monitors.probes.failures import denied_address, explain, explain_name, explain_silence, explain_timeout, told_of
from monitors.probes.kinds import KINDS, Compute, Connect, Finding, Request, Steps, TalkError, Talking, is_probed
from monitors.probes.reasons import Reason
from monitors.probes.route import of_family, usable
from monitors.probes.talk import Talk
from monitors.probes.thresholds import weighed
from monitors.probes.tools import Tools, accounted, excused
from monitors.probes.transfer import Result, Transfer
from uptime.lib.loop import Timer
from uptime.lib.net import BlockedAddressError, UrlError, is_address
from uptime.lib.registry import UnknownKindError
from uptime.lib.resolver import Lookup, Resolution

log = logging.getLogger(__name__)

MAX_AHEAD_MS = 60_000  # dispatch sends a second ahead; more means that our clock is wrong
START_STEP_S = 0.005  # checks that are due within it start together: to wake up for each costs a third of it
RETRY_PAUSE_S = 1.0
RETRY_LEAST_S = 1.0  # must remain after the pause
MAX_ATTEMPTS = 2
FINAL = frozenset(
    {Reason.RATE_LIMITED, Reason.BLOCKED, Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK}
)  # another attempt is no use


class Run:
    """Belongs to the loop's thread. Calls `tools.finished` exactly once."""

    __slots__ = (
        "_address",
        "_attempt_began",
        "_attempts",
        "_began",
        "_deadline",
        "_expires_at",
        "_job",
        "_lookup",
        "_over",
        "_phases",
        "_request",
        "_response_ms",
        "_seen",
        "_sought",
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
        self._sought = ""  # the host whose addresses are looked for
        self._lookup: Lookup | None = None
        self._transfer: Transfer | None = None
        self._talk: Talk | None = None
        self._job: Job | None = None
        self._phases = Phases()
        self._expires_at: Ms | None = None
        self._address = ""
        self._status: int | None = None
        self._response_ms: float | None = None
        self._seen = Seen(False)

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
        self.drop()
        self.finish(Finding(reason))

    @accounted
    def _attempt(self) -> None:
        if self._over:
            return
        self._attempts += 1
        self._attempt_began = time.monotonic()
        self._phases, self._expires_at = Phases(), None
        self._seen = Seen(self._tools.memory.wants(self.check))
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
            elif isinstance(step, Compute):
                self._job = self._tools.aside.start(step, self._computed)
            else:
                self._talk_on(step)

    def _reach(self, request: Request | Connect) -> None:
        if self._talk:
            self._hang_up()
        self._request = request
        self._status = self._response_ms = None  # what is said of an answer is said of the last one
        if isinstance(request, Connect) and request.nameserver is not None:
            self._connect(())
        else:
            proxy = request.route and request.route.proxy
            self._seek(proxy.host if proxy and self._tools.guard.permits_all else request.host)

    def _seek(self, host: str) -> None:
        self._sought, self._step_began = host, time.monotonic()
        if is_address(host):
            self._connect((host,))
        else:
            pending = self._tools.resolver.lookup(host, self._resolved, self._attempts > 1)
            self._lookup = pending or self._lookup  # what was known at once may have led to another look-up

    @accounted
    def _resolved(self, resolution: Resolution) -> None:
        self._lookup = None
        self._phases += Phases(dns=_span(self._step_began))
        self._seen.names.append((self._sought, resolution))
        if resolution.problem:
            self._step(TalkError(explain_name(self._sought, resolution.problem)))
        else:
            self._connect(resolution.addresses)

    def _connect(self, addresses: tuple[str, ...]) -> None:
        """One denied address spoils the name: it is not for us to pick the harmless half of a trap. What a proxy is to
        be asked for must be permitted too, although the proxy looks it up by itself."""
        request = self._request
        assert request is not None  # noqa: S101 - only a request is connected for
        denied = next((each for each in addresses if not self._tools.guard.permits(each)), None)
        if denied:
            self._step(TalkError(denied_address(request, denied, self._sought)))
            return
        if request.route:
            proxy, family = request.route.proxy, request.route.family
            if proxy and self._sought != proxy.host:
                self._seek(proxy.host)
                return
            addresses = of_family(addresses, family)
            if not addresses:
                self._step(TalkError(Finding(Reason.DNS_NOT_FOUND, f"{self._sought} has no IPv{family} address")))
                return
        left = self._deadline - time.monotonic()
        places = usable(addresses, self._attempts - 1)
        if isinstance(request, Connect):
            self._talk_to(request, places)
            return
        request.in_full = self._seen.wanted
        self._transfer = self._tools.transfers.start(request, places, left, self._exchanged)

    @accounted
    def _exchanged(self, result: Result) -> None:
        self._transfer = None
        self._note(result)
        if result.answer:
            self._status, self._response_ms = result.answer.status, _span(self._attempt_began)
            if isinstance(self._request, Request) and self._request.counts_as:  # it only prepared, and is not timed
                self._attempt_began, self._phases = time.monotonic(), Phases()
            self._step(result.answer)
        elif isinstance(self._request, Request):
            self._step(TalkError(explain(self._request, result, self.check.timeout_ms)))

    def _note(self, result: Result) -> None:
        self._phases += result.phases
        if isinstance(self._request, Request) and not (self._request.counts_as and result.answer):
            self._seen.exchanges.append((self._request, result))  # but for a token that was got: it is a secret
        self._address = result.address or (result.tried[-1] if result.tried else self._address)
        if isinstance(self._request, Request) and not self._request.aside:
            self._see_end(result.expires_at)

    def _see_end(self, end: Ms | None) -> None:
        """On the way to the answer several may present a certificate: the first one to end counts."""
        if end is not None:
            self._expires_at = end if self._expires_at is None else min(end, self._expires_at)

    @accounted
    def _computed(self, result: object) -> None:
        self._job = None
        if not self._over:
            self._step(result)

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
            self._seen.talk = self._talk
            self._phases += self._talk.phases
            self._address = self._talk.address or self._address
            self._see_end(self._talk.expires_at)
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
        if self._job:
            self.finish(self._give_up_computing(self._job))
        elif self._talk:
            self._give_up(self._talk.expired(self.check.timeout_ms))
        elif self._transfer and isinstance(self._request, Request):
            result = self._tools.transfers.cancel(self._transfer)
            self._transfer = None
            self._note(result)
            self._give_up(TalkError(explain_timeout(self._request, result, self.check.timeout_ms)))
        elif self._lookup:
            lookup = self._lookup
            self.drop()
            self._phases += Phases(dns=_span(self._step_began))
            silence = explain_silence(lookup.host, lookup.resolver_is_alive, self.check.timeout_ms)
            self._give_up(TalkError(silence))
        else:
            self.finish(Finding(Reason.LOCAL_ERROR, "The time was up between two steps"))

    def _give_up_computing(self, job: Job) -> Finding:
        """What we did not find out in time is no fault of the target, which has answered."""
        begun, what = job.begun, job.compute.what
        self.drop()
        if begun:
            return Finding(Reason.BAD_CHECK, f"{what} was not done when the time was up: simplify the settings")
        return Finding(Reason.LOCAL_ERROR, f"{what} did not come to its turn: this region has too much to compute")

    def drop(self) -> None:
        if self._job:
            self._tools.aside.cancel(self._job)
            self._job = None
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
        if isinstance(self._request, Request) and self._request.said_of:
            finding = told_of(self._request, finding)
        check, finding = self.check, weighed(self.check.options, excused(finding, self._deadline), self._response_ms)
        reason = finding.reason
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
            detail=told(check, finding.detail, reason),
            degraded=finding.degraded and reason is None,
            expires_at=self._expires_at if finding.expires_at is None else finding.expires_at,
            retry_after_s=finding.retry_after_s,
        )
        if self._tools.memory.keeps(check, outcome.vote, self._seen.wanted):
            outcome.evidence = gather(check, self._seen, outcome, self._tools.guard, finding.evidence)
        self._tools.finished(self, outcome)


def _step_after(moment: float) -> float:
    return math.ceil(moment / START_STEP_S) * START_STEP_S


def _now_ms() -> Ms:
    return time.time_ns() // 1_000_000


def _span(since: float) -> float:
    return round((time.monotonic() - since) * 1000, 2)
