"""Loaded by `-p tests.plugin` (pyproject.toml), ahead of Django's settings: real servers for the whole run.

One embedded PostgreSQL and Valkey per run, unless DATABASE_URL and REDIS_URL name others. Each xdist worker has its own
database (pytest-django's suffix), Redis database and queue prefix. With FORBID_SKIPS=1 a test left out is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.helpers import find_chromium
from tests.rabbitmq import find_rabbitmq
from uptime import embedded, environment, secrets
from uptime.lib.brokers import broker_url
from uptime.lib.proc import Crew

# How long an example takes tells of the machine and of what else runs on it, not of what is tested.
hypothesis.settings.register_profile(
    "uptime", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("uptime")

ROOT = Path(__file__).resolve().parent.parent
KEPT = {"DATABASE_URL", "REDIS_URL", "BROKER_URL", "LOG_LEVEL"}  # what a caller may say; the rest is ours
TOGETHER = ("tests/faults/",)  # two installations under load at once are too much for two cores
LEFT_OUT = pytest.StashKey[dict[str, int]]()  # marker: how many tests
NEEDS = {  # marker: what finds what its tests need, and what to do when it is not here
    "browser": (find_chromium, "no Chromium here (apt install chromium, or set CHROMIUM=/path)"),
    "prometheus": (lambda: shutil.which("prometheus"), "no Prometheus here (apt install prometheus)"),
    "rabbitmq": (find_rabbitmq, "no RabbitMQ here (apt install rabbitmq-server, and start it)"),
}


class Servers:
    """What this run started, and its folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="up-test-"))
        self.crew = Crew(lambda name, text, log: print(name, text, *log, sep="\n"))

    def start(self) -> None:
        for name in set(environment.KNOBS) - KEPT:
            os.environ.pop(name, None)
        self.folder.chmod(0o711)  # PostgreSQL may run as another user
        os.environ["DATA_DIR"] = str(self.folder)
        environment.fill(secrets.new() | {"SETUP_TOKEN": ""})
        environment.fill({"ALLOW_PRIVATE_TARGETS": "1", "QUEUE_PREFIX": "test.", "LOG_LEVEL": "WARNING"})
        environment.start_servers(self.crew, environment.make_data_dir(), forgetful=True)
        # Pages name their static files as in production, by the hashes that this writes down.
        subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, check=True)

    def stop(self) -> None:
        self.crew.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def with_redis_database(url: str, number: int) -> str:
    """`url` (unix://, redis:// or rediss://) with another database number."""
    if url.startswith("unix://"):
        return re.sub(r"([?&]db=)\d+", rf"\g<1>{number}", url)
    return re.sub(r"^(rediss?://[^/?]+)(/\d*)?", rf"\1/{number}", url)


def _join_as_worker(name: str) -> None:
    """An xdist worker inherits the controller's environment and takes its own share of the servers."""
    derived = os.environ["BROKER_URL"] == broker_url(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = with_redis_database(os.environ["REDIS_URL"], int(name.removeprefix("gw")) + 1)
    if derived:
        os.environ["BROKER_URL"] = broker_url(os.environ["REDIS_URL"])
    os.environ["QUEUE_PREFIX"] = f"{name}."


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _join_as_worker(worker)
        return
    servers = Servers()
    early_config.add_cleanup(servers.stop)
    try:
        servers.start()
    except embedded.EmbeddedError as error:
        raise pytest.UsageError(str(error)) from error


class ByFile(LoadFileScheduling):
    """The tests of a file run on one worker, one after the other, and so do those of a folder of TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


# What cannot run here -------------------------------------------------------------------------------------------------
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))  # what takes longest begins first
    left_out = config.stash[LEFT_OUT] = {}
    for marker, (find, _) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and not find():
            items[:] = [item for item in items if item not in marked]
            config.hook.pytest_deselected(items=marked)
            left_out[marker] = len(marked)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash.get(LEFT_OUT, {})
    elif os.environ.get("FORBID_SKIPS") == "1" and _not_run(session.config) and session.exitstatus in (0, 5):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    node.config.stash.setdefault(LEFT_OUT, {}).update(getattr(node, "workeroutput", {}).get("left_out", {}))


def _not_run(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) + sum(config.stash.get(LEFT_OUT, {}).values())


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    for marker, count in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.write_line(f"{count} {marker} tests were LEFT OUT: {NEEDS[marker][1]}.", yellow=True)
    if os.environ.get("FORBID_SKIPS") == "1" and (count := _not_run(config)):
        terminalreporter.write_line(f"FORBID_SKIPS=1: the run fails, {count} tests did not run.", red=True)
