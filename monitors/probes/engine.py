"""The prober of one worker process: one thread that has hundreds of checks under way.

Batches are handed over with `submit`, outcomes come back one by one through `on_outcome`. A target that hangs costs a
handle until its timeout, never a thread, and never another check's time.
"""

import logging
import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import certifi

from monitors.probes.aside import Aside
from monitors.probes.base import Check, Outcome, user_agent
from monitors.probes.evidence import Memory
from monitors.probes.reasons import Reason
from monitors.probes.run import Run
from monitors.probes.talk import Talks
from monitors.probes.tools import Tools
from monitors.probes.transfer import Transfers
from uptime.lib.loop import Loop
from uptime.lib.net import Guard, Network
from uptime.lib.resolver import Names, Resolver

log = logging.getLogger(__name__)

FILES_PER_CHECK = 8  # connections to two families, and a few name servers
TELL_AFTER_S = 0.02  # how long room may go unused while others wait for it
STOP_LEEWAY_S = 5.0  # for handing over the outcomes of what was broken off


class Engine:
    """`on_outcome` is called from the engine's thread, exactly once per submitted check, and must be quick.

    `handles`: checks under way at once, waiting ones included. `allow_private`, `allowed`: see uptime.lib.net.Guard.
    `link`: put into the User-Agent, so that whoever finds us in a log learns who asks. `names`, `ca_file`: where names
    and trusted authorities come from, the system's and Mozilla's unless said otherwise."""

    def __init__(
        self,
        on_outcome: Callable[[Outcome], None],
        handles: int = 1000,
        allow_private: bool = False,
        *,
        allowed: tuple[Network, ...] = (),
        link: str = "",
        names: Names = Names(),  # noqa: B008 - frozen
        ca_file: str = "",
    ) -> None:
        self._on_outcome, self._handles = on_outcome, handles
        self._loop = Loop()
        guard = Guard(allow_private, allowed)
        self._transfers = Transfers(self._loop, guard, user_agent(link), ca_file or certifi.where())
        talks = Talks(self._loop, guard, ca_file or certifi.where())
        self._aside = Aside(self._loop)
        self._tools = Tools(
            self._loop,
            Resolver(self._loop, names),
            self._transfers,
            talks,
            self._aside,
            guard,
            Memory(),
            self._finished,
        )
        self._thread = threading.Thread(target=self._loop.run, name="prober", daemon=True)
        self._runs: set[Run] = set()
        self._lock = threading.Lock()  # taken by itself where nobody is to wait: a condition takes it in Python
        self._gate = threading.Condition(self._lock)
        # Guarded by the gate:
        self._in_flight = 0
        self._submitting = 0
        self._stopping = False
        self._stopped = False
        self._told = True  # nobody waits at the gate for room they were not told of

    def start(self) -> None:
        raise_file_limit(256 + self._handles * FILES_PER_CHECK)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        """Checks admitted and not yet finished."""
        return self._in_flight

    @property
    def lag_ms(self) -> float:
        """How late the engine recently was for its own appointments: response times are inflated by as much."""
        return self._loop.lag_ms

    def submit(self, checks: Iterable[Check]) -> None:
        """Admit checks, the earliest start first; waits while `handles` are under way. Not from `on_outcome`.

        While the engine is stopping they are NODATA `worker_stopping`; afterwards this raises RuntimeError."""
        waiting = deque(sorted(checks, key=lambda check: check.slot + check.offset_ms))
        with self._gate:
            if self._stopped or not self._thread.is_alive():
                raise RuntimeError("the engine is not running")
            self._submitting += 1
        try:
            while waiting:
                self._loop.post(partial(self._admit, self._next_batch(waiting)))
        finally:
            with self._gate:
                self._submitting -= 1
                self._gate.notify_all()

    def stop(self, grace_s: float = 10) -> None:
        """Let what is under way finish for `grace_s` seconds; the rest is NODATA `worker_stopping`."""
        with self._gate:
            self._stopping = True
            self._gate.notify_all()
            if self._thread.is_alive():
                self._gate.wait_for(self._is_empty, grace_s)
        if self._thread.is_alive():
            self._loop.post(self._abort_all)
            with self._gate:
                if not self._gate.wait_for(self._is_empty, STOP_LEEWAY_S):
                    log.error("%s checks are left behind by the stopping engine", self._in_flight)
                self._stopped = True
            self._loop.post(self._transfers.close)
            self._loop.post(self._aside.close)
            self._loop.stop()
            self._thread.join(STOP_LEEWAY_S)

    def _is_empty(self) -> bool:
        return self._in_flight == 0 and self._submitting == 0

    def _next_batch(self, waiting: "deque[Check]") -> list[Check]:
        with self._gate:
            self._gate.wait_for(lambda: self._in_flight < self._handles or self._stopping)
            room = len(waiting) if self._stopping else min(len(waiting), self._handles - self._in_flight)
            self._in_flight += room
        return [waiting.popleft() for _ in range(room)]

    def _admit(self, checks: list[Check]) -> None:
        for check in checks:
            run = Run(self._tools, check)
            self._runs.add(run)
            if self._stopping:
                run.abort(Reason.WORKER_STOPPING)
            else:
                run.schedule()

    def _abort_all(self) -> None:
        for run in list(self._runs):
            run.abort(Reason.WORKER_STOPPING)

    def _finished(self, run: Run, outcome: Outcome) -> None:
        self._runs.discard(run)
        try:
            self._on_outcome(outcome)
        except Exception:
            log.exception("the outcome of monitor %s was not taken", outcome.monitor)
        with self._lock:
            self._in_flight -= 1
            tell, self._told = self._told, False
        if tell:  # now and then, not once per check: waking threads costs more than a check
            self._loop.at(time.monotonic() + TELL_AFTER_S, self._tell)

    def _tell(self) -> None:
        with self._gate:
            self._told = True
            self._gate.notify_all()


def raise_file_limit(wanted: int) -> None:
    """Raise the soft limit of open files (often 1,024) to `wanted`, as far as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
