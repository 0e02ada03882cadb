"""A prober in a process of its own: its memory and its time are its own, and so is its environment.

with ProberProcess(allow_private=True) as prober:
    prober.submit(check, ...)
    wait_until(lambda: prober.heard(1))
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

from monitors.probes.base import Check, Outcome
from monitors.probes.engine import Engine
from tests.helpers import wait_until
from uptime.lib.net import networks
from uptime.lib.resolver import Names

ROOT = Path(__file__).resolve().parent.parent
MB = 1024  # kB


class Heard(NamedTuple):
    """`took_ms`: from the start of the check until its outcome was told."""

    outcome: Outcome
    took_ms: float


class ProberProcess:
    """`settings`: the engine's own; `names`: addresses of name servers; `environment`: added to ours."""

    def __init__(self, *, names: Any = (), environment: dict[str, str] | None = None, **settings: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.prober_process"],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say({"settings": settings, "names": names})
        self._heard: dict[int, Heard] = {}
        self.order: list[int] = []
        self._reports: list[dict[str, float]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def submit(self, *checks: Check) -> None:
        self._say([check.to_wire() for check in checks])

    def heard(self, monitor: int) -> Heard | None:
        return self._heard.get(monitor)

    def report(self) -> dict[str, float]:
        """`grown_mb`: by how much its memory was larger at most than before the first check; `lag_ms`,
        `in_flight`: of its engine now."""
        before = len(self._reports)
        self._say("report")
        return wait_until(lambda: self._reports[before:], timeout=30, what="a report")[0]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, what: Any) -> None:
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                self._reports.append(said)
            else:
                outcome = Outcome.from_wire(said[1])
                self._heard[outcome.monitor] = Heard(outcome, said[0] - (outcome.started_at or said[0]))
                self.order.append(outcome.monitor)


# The other side -------------------------------------------------------------------------------------------------------
def memory_kb(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def main() -> None:
    told = json.loads(sys.stdin.readline())
    settings = told["settings"]
    if "allowed" in settings:
        settings["allowed"] = networks(settings["allowed"])
    if told["names"]:
        settings["names"] = Names(tuple((host, port) for host, port in told["names"]))

    def tell(outcome: Outcome) -> None:
        print(json.dumps([time.time() * 1000, outcome.to_wire()]), flush=True)

    engine = Engine(tell, **settings)
    engine.start()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here
    before = memory_kb("VmRSS")
    for line in sys.stdin:
        said = json.loads(line)
        if said == "report":
            grown = (memory_kb("VmHWM") - before) / MB
            print(json.dumps({"grown_mb": grown, "lag_ms": engine.lag_ms, "in_flight": engine.in_flight}), flush=True)
        else:
            engine.submit([Check.from_wire(wire) for wire in said])
    engine.stop(0)


if __name__ == "__main__":
    main()
