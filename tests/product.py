"""The whole product, started the way `make run` starts it, for stories and faults."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import requests

from tests.helpers import free_port, wait_until
from tests.prepared import CLUSTER, put_database_into
from uptime import environment

ROOT = Path(__file__).resolve().parent.parent
START_S = 180.0


class Product:
    """One running installation with a folder and a port of its own; a context manager. `fresh`: started for the first
    time on its machine, else it finds a database that is up to date."""

    def __init__(self, folder: Path, fresh: bool = False, **knobs: str) -> None:
        self.folder, self.port = folder, free_port()
        self._fresh = fresh or "DATABASE_URL" in knobs
        ours = {**dict.fromkeys(environment.KNOBS, ""), "DJANGO_SETTINGS_MODULE": ""}
        self.env = {name: value for name, value in os.environ.items() if name not in ours}
        self.env |= {"DATA_DIR": str(folder), "PORT": str(self.port), **knobs}
        self.log = folder / "supervisor.log"
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not (self._fresh or (self.folder / CLUSTER).exists()):
            put_database_into(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uptime.supervisor"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._ready, START_S, 0.2, f"the product is ready: {self.log}")

    def _ready(self) -> bool:
        text = self.log.read_text(errors="replace")
        assert self.process.poll() is None, text
        return "Uptime is ready" in text.rpartition("Starting Uptime")[2]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    # Through the front door
    def sign_up(self, username: str = "alice", password: str = "correct horse battery") -> None:
        who = {"username": username, "password": password}
        assert self.session.post(f"{self.url}/user/signup", json=who).status_code == 200
        token = self.session.post(f"{self.url}/user/signin", json=who).json()["token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def add(self, url: str, **attributes: Any) -> int:
        answer = self.session.post(f"{self.url}/api/v2/monitors", json={"url": url, **attributes})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["data"]["id"])

    def monitor(self, pk: int) -> dict[str, Any]:
        return self.session.get(f"{self.url}/api/v2/monitors/{pk}").json()["data"]["attributes"]

    def wait_for_status(self, pk: int, status: str, seconds: float = 60.0) -> dict[str, Any]:
        return wait_until(
            lambda: (found := self.monitor(pk))["status"] == status and found, seconds, 0.2, f"{pk} is {status}"
        )

    # Behind the scenes
    @property
    def database_url(self) -> str:
        return environment.published(self.folder)["DATABASE_URL"]

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def pids(self, *words: str) -> list[int]:
        """Processes the supervisor has started (and theirs) whose command line has all the words."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = " ".join(process.cmdline())
                if all(word in command for word in words):
                    found.append(process.pid)
        return found

    def kill(self, *words: str) -> float:
        """SIGKILL these processes; returns the time of it."""
        pids = self.pids(*words)
        assert pids, f"no process with {words}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return time.time()
