"""One thread that waits for many sockets and moments at once.

Small on purpose: the probing engine and the resolver share one loop, so that a check costs no hand-over between
threads. Callbacks must be quick; one that raises is logged and the loop goes on.
"""

import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

log = logging.getLogger(__name__)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
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
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._cancelled = 0  # of these
        self._order = count()
        self._soon: deque[Callback] = deque()
        self._ears, self._mouth = socket.socketpair()
        self._awake = False
        self._stopping = False
        self._lag_s = 0.0
        self._next_beat = time.monotonic() + BEAT_S
        for end in (self._ears, self._mouth):
            end.setblocking(False)
        self._selector.register(self._ears, READ, self._woken)

    def watch(self, fd: int, mask: int, on_ready: OnReady) -> None:
        """Call `on_ready` whenever `fd` is ready for `mask`; replaces what was watched there before."""
        if fd not in self._watched:
            self._selector.register(fd, mask, on_ready)
        elif self._watched[fd] != mask:
            self._selector.modify(fd, mask, on_ready)
        self._watched[fd] = mask

    def unwatch(self, fd: int) -> None:
        """Must be called before `fd` is closed."""
        if self._watched.pop(fd, None) is not None:
            self._selector.unregister(fd)

    def at(self, when: float, callback: Callback) -> Timer:
        timer = Timer(self, callback)
        heappush(self._timers, (when, next(self._order), timer))
        return timer

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
                for key, mask in self._selector.select(self._patience()):
                    self._call(key.data, key.fd, mask)
                self._run_timers()
                self._run_soon()
            self._run_soon()  # what was posted ahead of `stop`
        finally:
            self._selector.close()
            self._ears.close()
            self._mouth.close()

    def _patience(self) -> float:
        if self._soon or not self._timers:
            return 0.0
        return max(0.0, self._timers[0][0] - time.monotonic())

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
