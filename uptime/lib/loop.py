"""One thread that waits for many sockets and moments at once.

Small on purpose: the probing engine and the resolver share one loop, so that a check costs no hand-over between
threads. Callbacks must be quick; one that raises is logged and the loop goes on.
"""

import logging
import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

log = logging.getLogger(__name__)

READ, WRITE = 1, 2
_EVENTS = {READ: select.EPOLLIN, WRITE: select.EPOLLOUT, READ | WRITE: select.EPOLLIN | select.EPOLLOUT}
BEAT_S = 0.25  # how often the loop looks at its own punctuality when nothing else is due
LAG_MEMORY = 0.9  # a bad moment is half forgotten after seven timers
FEW = 200  # cancelled timers that are not worth looking for

Callback = Callable[[], None]
OnReady = Callable[[int, int], None]  # (file descriptor, READ | WRITE)


class Timer:
    """A moment to come. `cancel` is safe at any time, also when it is past."""

    __slots__ = ("_loop", "callback")

    def __init__(self, loop: "Loop", callback: Callback) -> None:
        self._loop = loop
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self._loop.forgets_one()


class Loop:
    """All methods but `post`, `stop` and `lag_ms` belong to the thread that calls `run`. Times are seconds of
    time.monotonic()."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._watched: dict[int, tuple[int, OnReady]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._cancelled = 0  # of these
        self._alarm: Callback | None = None
        self._alarm_at = math.inf
        self._order = count()
        self._soon: deque[Callback] = deque()
        self._ears, self._mouth = socket.socketpair()
        self._awake = False
        self._stopping = False
        self._lag_s = 0.0
        self._next_beat = time.monotonic() + BEAT_S
        for end in (self._ears, self._mouth):
            end.setblocking(False)
        self.watch(self._ears.fileno(), READ, self._woken)

    def watch(self, fd: int, mask: int, on_ready: OnReady) -> None:
        """Call `on_ready` whenever `fd` is ready for `mask`; replaces what was watched there before."""
        before = self._watched.get(fd)
        if before is None:
            self._poll.register(fd, _EVENTS[mask])
        elif before[0] != mask:
            self._poll.modify(fd, _EVENTS[mask])
        self._watched[fd] = mask, on_ready

    def unwatch(self, fd: int) -> None:
        """Must be called before `fd` is closed."""
        if self._watched.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, when: float, callback: Callback) -> Timer:
        timer = Timer(self, callback)
        heappush(self._timers, (when, next(self._order), timer))
        return timer

    def alarm(self, when: float, callback: Callback | None) -> None:
        """One moment that is often moved, and cheaply so; the last call counts. None: no more."""
        self._alarm, self._alarm_at = callback, when if callback else math.inf

    def forgets_one(self) -> None:
        """A timer was cancelled. Nearly all are, long before their moment: they must not pile up until then."""
        self._cancelled += 1
        if self._cancelled > max(FEW, len(self._timers) // 2):
            self._timers = [each for each in self._timers if each[2].callback is not None]
            heapify(self._timers)
            self._cancelled = 0

    def soon(self, callback: Callback) -> None:
        """After what is going on now, before waiting again."""
        self._soon.append(callback)

    def post(self, callback: Callback) -> None:
        """`soon`, from any thread."""
        self._soon.append(callback)
        if not self._awake:
            self._awake = True
            self._wake()

    def stop(self) -> None:
        """Let `run` return after the callbacks that are due; from any thread."""
        self._stopping = True
        self._wake()

    @property
    def lag_ms(self) -> float:
        """How late this loop has recently been for its own timers; grows at once while a callback blocks it."""
        overdue = time.monotonic() - self._next_beat
        return round(max(self._lag_s, overdue, 0.0) * 1000, 1)

    def run(self) -> None:
        self._next_beat = time.monotonic() + BEAT_S
        self.at(self._next_beat, self._beat)
        try:
            while not self._stopping:
                for fd, events in self._poll.poll(self._patience()):
                    self._ready(fd, events)
                self._sound_alarm()
                self._run_timers()
                self._run_soon()
            self._run_soon()  # what was posted ahead of `stop`
        finally:
            self._poll.close()
            self._ears.close()
            self._mouth.close()

    def _ready(self, fd: int, events: int) -> None:
        watched = self._watched.get(fd)
        if watched is None:  # one that was ready together with it has ended it
            return
        # Errors and hang-ups are told to whoever waits for either.
        mask = (READ if events & ~select.EPOLLOUT else 0) | (WRITE if events & ~select.EPOLLIN else 0)
        self._call(watched[1], fd, mask & watched[0])

    def _patience(self) -> float:
        if self._soon:
            return 0.0
        first = self._timers[0][0] if self._timers else self._next_beat
        return max(0.0, min(first, self._alarm_at) - time.monotonic())

    def _sound_alarm(self) -> None:
        now = time.monotonic()
        if self._alarm_at <= now and self._alarm is not None:
            self._lag_s = max(now - self._alarm_at, self._lag_s * LAG_MEMORY)
            alarm, self._alarm, self._alarm_at = self._alarm, None, math.inf
            self._call(alarm)

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            when, _, timer = heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled -= 1
            else:
                self._lag_s = max(now - when, self._lag_s * LAG_MEMORY)
                self._call(callback)

    def _run_soon(self) -> None:
        for _ in range(len(self._soon)):  # what they add waits for the next round: sockets are not starved
            self._call(self._soon.popleft())

    def _beat(self) -> None:
        self._next_beat = time.monotonic() + BEAT_S
        self.at(self._next_beat, self._beat)

    def _woken(self, _fd: int, _mask: int) -> None:
        self._ears.recv(4096)
        self._awake = False  # before the callbacks are run: a post after this line wakes again

    def _wake(self) -> None:
        try:
            self._mouth.send(b"\0")
        except OSError:
            log.debug("the loop is awake already, or over")

    def _call(self, callback: Callable[..., None], *arguments: int) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("a callback failed; the loop goes on")
