"""Work that may take long, done in processes beside the engine.

A thread would not do: whatever computes in Python takes the interpreter from the engine's thread, and cannot be ended.
A process can. Each does one job at a time within CPU_LIMIT_S of computing and MEMORY bytes, which the kernel enforces
(see aside_worker), and is replaced when it dies of one. They are started when first needed, know no secret of ours, and
end with us: at the end of what they read.
"""

import json
import logging
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitors.probes.aside_worker import CPU_LIMIT_S, HEAD
from monitors.probes.kinds import Compute, Finding, TalkError
from monitors.probes.reasons import Reason
from uptime.lib.loop import READ, WRITE, Loop

log = logging.getLogger(__name__)

PROCESSES = 2
MAX_WAITING = 64 * 1024 * 1024  # bytes of the bodies of jobs that wait for their turn
MAX_REPLY = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
REPLY = struct.Struct("!I")

Done = Callable[[object], None]  # what the job returned, or the TalkError to throw


class Job:
    """One piece of work, until `done` has been called or it is cancelled."""

    __slots__ = ("compute", "done", "helper")

    def __init__(self, compute: Compute, done: Done) -> None:
        self.compute, self.done = compute, done
        self.helper: Helper | None = None  # who is at it

    @property
    def begun(self) -> bool:
        return self.helper is not None


class Aside:
    """Belongs to the loop's thread."""

    def __init__(self, loop: Loop, processes: int = PROCESSES) -> None:
        self._loop, self._processes = loop, processes
        self._helpers: list[Helper] = []
        self._ended: list[subprocess.Popen[bytes]] = []
        self._waiting: deque[Job] = deque()
        self._bytes = 0

    def start(self, compute: Compute, done: Done) -> Job:
        """Have it done. `done` is called later, and once, unless the job is cancelled."""
        job = Job(compute, done)
        if self._bytes + len(compute.blob) > MAX_WAITING:
            self._loop.soon(lambda: self._tell(job, _broken(Reason.LOCAL_ERROR, "Too much waits to be looked into")))
            return job
        self._bytes += len(compute.blob)
        self._waiting.append(job)
        self._hand_out()
        return job

    def cancel(self, job: Job) -> None:
        """Forget a job; a process that is at it is ended, since nothing else stops it."""
        if job in self._waiting:
            self._waiting.remove(job)
            self._bytes -= len(job.compute.blob)
        elif job.helper:
            self._drop(job.helper)
            job.helper = None
        self._hand_out()

    def close(self) -> None:
        self._waiting.clear()
        for helper in list(self._helpers):
            self._drop(helper)

    def finished(self, helper: "Helper", reply: object) -> None:
        job, helper.job = helper.job, None
        if helper.is_spent:
            self._drop(helper)
        if job:
            self._tell(job, reply)
        self._hand_out()

    def died(self, helper: "Helper") -> None:
        """Of a limit, most likely: what it was at was too much."""
        job, helper.job = helper.job, None
        status = self._drop(helper)
        if job and status in (-signal.SIGPROF, -signal.SIGKILL):
            much = f"took more than {CPU_LIMIT_S:g} s of computing: simplify the settings"
            self._tell(job, _broken(Reason.BAD_CHECK, f"{job.compute.what} {much}"))
        elif job:
            self._tell(job, _broken(Reason.LOCAL_ERROR, f"{job.compute.what} failed in this region"))
        self._hand_out()

    def _tell(self, job: Job, reply: object) -> None:
        job.helper = None
        try:
            job.done(reply)
        except Exception:
            log.exception("the result of a job was not taken")

    def _hand_out(self) -> None:
        self._ended = [each for each in self._ended if each.poll() is None]
        while self._waiting:
            helper = next((each for each in self._helpers if each.job is None), None)
            if helper is None and len(self._helpers) >= self._processes:
                return
            job = self._waiting.popleft()
            self._bytes -= len(job.compute.blob)
            try:
                helper = helper or self._new()
                helper.take(job)
            except OSError as error:
                reason = f"This region cannot start another process: {error}"
                self._loop.soon(lambda job=job, reason=reason: self._tell(job, _broken(Reason.LOCAL_ERROR, reason)))  # type: ignore[misc]

    def _new(self) -> "Helper":
        helper = Helper(self._loop, self)
        self._helpers.append(helper)
        return helper

    def _drop(self, helper: "Helper") -> int | None:
        """End a process; returns how it ended by itself, where it had."""
        self._helpers.remove(helper)
        process = helper.process
        helper.close()
        try:
            return process.wait(0 if helper.is_alive else 1)
        except subprocess.TimeoutExpired:
            process.kill()
            self._ended.append(process)
            return None


class Helper:
    """One process, and the conversation with it."""

    def __init__(self, loop: Loop, owner: Aside) -> None:
        self._loop, self._owner = loop, owner
        self.job: Job | None = None
        self.is_alive = True
        self.is_spent = False  # it will end after this job
        self._unsent = memoryview(b"")
        self._heard = bytearray()
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitors.probes.aside_worker"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "random", "LANG": "C.UTF-8"},
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        ours.setblocking(False)
        self._socket = ours
        self._loop.watch(ours.fileno(), READ, self._ready)

    def take(self, job: Job) -> None:
        self.job, job.helper = job, self
        compute = job.compute
        name = f"{compute.function.__module__}:{compute.function.__qualname__}"
        words = json.dumps([name, list(compute.arguments)]).encode()
        self._unsent = memoryview(b"".join((HEAD.pack(len(words), len(compute.blob)), words, compute.blob)))
        self._write()

    def close(self) -> None:
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()

    def _ready(self, _fd: int, mask: int) -> None:
        if mask & WRITE:
            self._write()
        if mask & READ:
            self._read()

    def _write(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = memoryview(b"")  # that it is gone is read in a moment
        self._loop.watch(self._socket.fileno(), READ | WRITE if self._unsent else READ, self._ready)

    def _read(self) -> None:
        try:
            heard = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        self._heard += heard
        if not heard or len(self._heard) > MAX_REPLY:
            self.is_alive = bool(heard)
            self._owner.died(self)
            return
        if len(self._heard) >= REPLY.size:
            (size,) = REPLY.unpack_from(self._heard)
            if len(self._heard) == REPLY.size + size:
                reply = json.loads(self._heard[REPLY.size :])
                self._heard.clear()
                self._owner.finished(self, self._meaning(reply))

    def _meaning(self, reply: list[Any]) -> object:
        done, result = reply
        if done or self.job is None:
            return result
        if result == "MemoryError":
            self.is_spent = True
            return _broken(Reason.BAD_CHECK, f"{self.job.compute.what} took too much memory: simplify the settings")
        return _broken(Reason.BAD_CHECK, f"{self.job.compute.what} failed: {result}")


def _broken(reason: Reason, detail: str) -> TalkError:
    return TalkError(Finding(reason, detail))
