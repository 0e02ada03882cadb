"""Generic fixtures; what a team, a user or a monitor looks like is in tests/factories.py."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from whitenoise.base import WhiteNoise

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def static_files_read_once() -> Iterator[None]:
    """Every test client makes its own chain of middleware, of which WhiteNoise would read all static files each time:
    nine tenths of what a page cost here. They do not change while tests run."""
    known: dict[tuple[str, str], dict[str, object]] = {}
    read = WhiteNoise.update_files_dictionary

    def remember(self: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in known:
            before = set(self.files)
            read(self, root, prefix)
            known[root, prefix] = {url: file for url, file in self.files.items() if url not in before}
        self.files |= known[root, prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", remember)
        yield


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DATA_DIR of this test's own."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def worker_process(tmp_path: Path):
    """Starts a regional worker in a process of its own that knows the broker and its key, and nothing else."""

    @contextmanager
    def start(region: str, key: str, **knobs: str) -> Iterator[subprocess.Popen[bytes]]:
        prefix = os.environ["QUEUE_PREFIX"]
        environment = {"PATH": os.environ["PATH"], "REGION_ID": region, "REGION_KEY": key, "QUEUE_PREFIX": prefix}
        environment |= {"BROKER_URL": os.environ["BROKER_URL"], "ALLOW_PRIVATE_TARGETS": "1", **knobs}
        command = [sys.executable, "-m", "celery", "-A", "uptime.region", "worker", "-P", "threads", "-c", "4"]
        command += ["-Q", f"{prefix}checks.{region}", "-n", f"{region}{time.monotonic_ns()}@%h"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                process.wait(20)

    return start
