"""The real product, started by the very supervisor `make run` uses, in a folder of its own; and a look at its costs."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.target import free_port
from uptime import environment

ROOT = Path(__file__).resolve().parent.parent
START_S = 180.0
# What a process does, by a word of its command line; the order decides, and children go with their parent.
ROLES = {
    "dispatch": "control@",
    "record": "results@",
    "work": "work@",
    "beat": "uptime.celery beat",
    "probe": "uptime.region worker",
    "web": "gunicorn",
    "postgres": "bin/postgres -D",
    "redis": "valkey",
}
OTHER = "other"  # the supervisor itself, and the practice website
COLUMNS = ("dispatch", "probe", "record", "postgres", "redis", "web", "beat", "work", OTHER)


class Installation:
    """A context manager. `knobs`: environment variables of the product."""

    def __init__(self, **knobs: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="up-bench-"))
        self.folder.chmod(0o711)  # PostgreSQL may run as another user
        ours = {**dict.fromkeys(environment.KNOBS), "DJANGO_SETTINGS_MODULE": None}
        self.env = {name: value for name, value in os.environ.items() if name not in ours}
        self.env |= {"DATA_DIR": str(self.folder), "PORT": str(free_port()), "LOG_LEVEL": "WARNING", **knobs}
        self.log = self.folder / "supervisor.log"
        self._helpers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Installation":
        with self.log.open("wb") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "uptime.supervisor"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
            self.database = psycopg.connect(environment.published(self.folder)["DATABASE_URL"], autocommit=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            self._end(helper)
        self._end(self.supervisor)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while "Uptime is ready" not in (text := self.log.read_text()):
            if self.supervisor.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the product does not start:\n{text}")
            time.sleep(0.1)

    # What it is given to do
    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.database.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def load(self, targets: dict[str, int], interval: int) -> None:
        """Make monitors of these addresses (base to how many) and put them on their grid."""
        self.run("bench.load", json.dumps(targets), str(interval))

    def run(self, module: str, *words: str) -> None:
        """Run a program that fills the database."""
        subprocess.run([sys.executable, "-m", module, *words], cwd=ROOT, env=self.env, check=True)
        self.sql("VACUUM ANALYZE")  # what autovacuum would do a little later, in the middle of what is measured

    def rest(self, most_s: float = 60.0) -> None:
        """Let nothing become due any more, and wait until all that was sent has been stored."""
        self.sql("UPDATE monitors_schedule SET next_slot_at = NULL")
        before, deadline = -1, time.monotonic() + most_s
        while (count := self.ticks()) != before and time.monotonic() < deadline:
            before = count
            time.sleep(2.0)

    def unload(self) -> None:
        """Take every monitor away, and what is known of them."""
        self.rest()
        while True:
            try:
                self.sql("TRUNCATE monitors_monitor, monitors_tick, monitors_round CASCADE")
            except psycopg.errors.DeadlockDetected:  # a job that looks at monitors all the time was in between
                continue
            return

    def ticks(self) -> int:
        return self.sql("SELECT count(*) FROM monitors_tick")[0][0]

    def add_worker(self) -> subprocess.Popen[bytes]:
        """A second worker for the region `local`, with the command line of the first."""
        first = next(process for process in self.processes() if ROLES["probe"] in command_of(process))
        words = ["local-2@%h" if word == "local@%h" else word for word in first.cmdline()]
        with (self.folder / "log" / "region-local-2.log").open("wb") as log:
            helper = subprocess.Popen(words, cwd=ROOT, env=first.environ(), stdout=log, stderr=log)
        self._helpers.append(helper)
        self._wait_for_workers(2)
        return helper

    def drop_worker(self, helper: subprocess.Popen[bytes]) -> None:
        self._helpers.remove(helper)
        self._end(helper)

    def _wait_for_workers(self, wanted: int) -> None:
        query = "SELECT count(*) FROM monitors_regionworker WHERE heard_at > now() - interval '8 seconds'"
        deadline = time.monotonic() + 30
        while self.sql(query)[0][0] < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError("the second worker gives no sign of life")
            time.sleep(0.2)

    # What it costs
    def processes(self) -> list[psutil.Process]:
        parents = [self.supervisor.pid, *(helper.pid for helper in self._helpers)]
        found = []
        for pid in parents:
            parent = psutil.Process(pid)
            found += [parent, *parent.children(recursive=True)]
        return found

    def cpu(self) -> Counter[str]:
        """CPU seconds so far, by role; those of children that have ended are in their parents'."""
        spent: Counter[str] = Counter()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                own = times.user + times.system
                reaped = times.children_user + times.children_system
                spent[role_of(process)] += own + (reaped if process.pid != self.supervisor.pid else 0.0)
        return spent

    def memory(self) -> Counter[str]:
        """PSS in MB, by role: what is shared counts once."""
        used: Counter[str] = Counter()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                used[role_of(process)] += process.memory_full_info().pss / 2**20
        return used


def command_of(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def role_of(process: psutil.Process) -> str:
    """The role of a process, or of the nearest ancestor that has one (a PostgreSQL backend renames itself)."""
    for each in [process, *process.parents()]:
        command = command_of(each)
        for role, word in ROLES.items():
            if word in command:
                return role
    return OTHER
