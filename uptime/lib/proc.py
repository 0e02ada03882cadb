"""Child processes that are restarted when they die, stopped in order, and never outlive us.

Each child leads its own session, so that Ctrl-C reaches only us and a stop reaches all its descendants. The kernel
ends a child whose parent vanished (prctl PR_SET_PDEATHSIG, prctl(2)); elsewhere than on Linux that guard is absent.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)  # opened here: a forked child must take no lock
LINUX = sys.platform == "linux"
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
STEADY_S = 30.0  # a child that ran this long starts again without delay
LOG_BYTES = 5 * 1024 * 1024
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Spec:
    """How to run one process. `rank`: lower ranks are stopped first; `grace_s`: seconds from stop signal to SIGKILL.

    `before` runs in us ahead of every start, `become` in the child ahead of exec (it may change the user).
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    rank: int = 0
    grace_s: float = 5.0
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL
    before: Callable[[], None] | None = field(default=None, compare=False)
    become: Callable[[], None] | None = field(default=None, compare=False)


def die_with_parent(parent: int, number: int) -> None:
    """Run in a child: ask the kernel for signal `number` when the process `parent` ends."""
    if LINUX:
        LIBC.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(1)


def spawn(spec: Spec) -> subprocess.Popen[bytes]:
    """Start the process, its output appended to its log. Raises OSError when the program cannot be run."""
    if spec.before:
        spec.before()
    parent = os.getpid()

    def in_child() -> None:
        if spec.become:
            spec.become()
        die_with_parent(parent, spec.orphan_signal)

    with open_log(spec.log) as log:
        return subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=spec.env,
            cwd=spec.cwd,
            start_new_session=True,
            preexec_fn=in_child,  # noqa: PLW1509 - whoever starts processes here runs a single thread
        )


def open_log(path: Path) -> IO[bytes]:
    """Opened to append, so that `rotate` may cut the file under a running writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def rotate(path: Path, above: int = LOG_BYTES) -> None:
    """Keep one older file beside the log; the running writer goes on at the start of the emptied one."""
    try:
        if path.stat().st_size > above:
            shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
            os.truncate(path, 0)
    except OSError:
        return  # no log yet, or no space left for a second one: the log goes on growing


def tail(path: Path, lines: int = 12) -> list[str]:
    """The last lines of a log."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def how_it_ended(code: int) -> str:
    """`code` as subprocess gives it: negative for a signal."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def signal_group(pid: int, number: int) -> None:
    """Signal a child and all its descendants that stayed in its session's first group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # gone; macOS answers EPERM for a group of zombies
        return


class Child:
    """One line of the crew: a spec and the process that currently runs it."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.start_at = 0.0  # when to start (again), monotonic seconds
        self.kill_at: float | None = None  # set once it was asked to stop

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, now: float) -> None:
        self.started_at = now
        self.process = spawn(self.spec)

    def ask_to_stop(self, now: float) -> None:
        if self.kill_at is None:
            self.kill_at = now + self.spec.grace_s
            if self.process is not None and self.alive:
                self.process.send_signal(self.spec.stop_signal)

    def gone(self, now: float) -> bool:
        """After `ask_to_stop`: whether nothing of it is left; past its grace it is killed."""
        if self.process is None:
            return True
        if self.alive:
            if self.kill_at is not None and now >= self.kill_at:
                signal_group(self.process.pid, signal.SIGKILL)
            return False
        signal_group(self.process.pid, signal.SIGKILL)  # what it left behind
        return True

    def schedule_restart(self, now: float) -> float:
        """Seconds until the next start, longer with every failure in a row."""
        self.failures = 0 if now - self.started_at >= STEADY_S else self.failures + 1
        delay = BACKOFF_S[min(max(self.failures - 1, 0), len(BACKOFF_S) - 1)]
        self.start_at, self.process = now + delay, None
        return delay


class Crew:
    """A set of processes kept running. Not thread-safe: one thread starts, tends and stops them.

    `report(name, text, log_lines)` hears of every unexpected end.
    """

    def __init__(self, report: Callable[[str, str, list[str]], None]) -> None:
        self.report = report
        self.children: dict[str, Child] = {}
        self._leaving: list[Child] = []

    def start(self, spec: Spec) -> Child:
        """Start now. Raises OSError when the program cannot be run at all."""
        child = self.children[spec.name] = Child(spec)
        rotate(spec.log, above=0)
        child.start(time.monotonic())
        return child

    def assign(self, wanted: Iterable[Spec], current: Iterable[str]) -> None:
        """Make the processes called `current` be exactly `wanted`: stop the others, restart the changed."""
        specs = {spec.name: spec for spec in wanted}
        for name in current:
            if name in self.children and self.children[name].spec != specs.get(name):
                child = self.children.pop(name)
                child.ask_to_stop(time.monotonic())
                self._leaving.append(child)
        for name, spec in specs.items():
            self.children.setdefault(name, Child(spec))

    def tend(self) -> None:
        """Call about once a second: restart what ended, finish what is leaving, keep logs small."""
        now = time.monotonic()
        self._leaving = [child for child in self._leaving if not child.gone(now)]
        for name, child in self.children.items():
            if child.process is None:
                self._start_when_due(child, now)
            elif not child.alive:
                self._note_end(name, child, child.process, now)
            rotate(child.spec.log)

    def _start_when_due(self, child: Child, now: float) -> None:
        busy = any(other.spec.name == child.spec.name for other in self._leaving)
        if now < child.start_at or busy:
            return
        try:
            child.start(now)
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            delay = child.schedule_restart(now)
            self.report(child.spec.name, f"cannot be started ({error}); next try in {delay:g} s", [])

    def _note_end(self, name: str, child: Child, process: subprocess.Popen[bytes], now: float) -> None:
        code = process.returncode
        signal_group(process.pid, signal.SIGKILL)
        delay = child.schedule_restart(now)
        self.report(name, f"{how_it_ended(code)}; starting again in {delay:g} s", tail(child.spec.log))

    def stop(self, hurry: Callable[[], bool] = lambda: False, tick_s: float = 0.02) -> None:
        """Stop everything, rank by rank. Once `hurry()` is true the graces are over."""
        everyone = [*self.children.values(), *self._leaving]
        self.children, self._leaving = {}, []
        for rank in sorted({child.spec.rank for child in everyone}):
            group = [child for child in everyone if child.spec.rank == rank]
            for child in group:
                child.ask_to_stop(time.monotonic())
            while group:
                group = [child for child in group if not child.gone(float("inf") if hurry() else time.monotonic())]
                if group:
                    time.sleep(tick_s)
