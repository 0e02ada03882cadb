"""One fault, tried: what runs meanwhile, what is checked afterwards, and the line it leaves.

def test_the_results_worker_is_killed(stack, trial):
    with trial("R1", "results worker killed") as t:
        stack.product.kill("uptime.results", "worker")
        stack.sleep()
    assert t.lost == {}

Two targets break when the trial begins and heal once the fault is over: these outages must be noticed, each with one
incident, and told to each sink once; nothing else may be. The body of the `with` is the fault; leaving it means that it
is over.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults.invariants import CONFIRM, Window
from tests.faults.stack import Stack
from tests.helpers import wait_until

VICTIMS = 2
PATIENCE_S = 120.0
# A young process still grows a little, and its pool of ten connections to the broker may not have been full before.
GROWTH, GROWTH_BYTES, GROWTH_FDS = 1.2, 32 * 2**20, 24
FINAL_LINE = re.compile(
    r"^(?:\S+: )?([A-Za-z_][\w.]*(?:Error|Exception|Exit|Timeout|Refused|Empty)\w*)\b", re.MULTILINE
)


@dataclass
class Line:
    """What the table says of one fault."""

    fault: str
    what: str
    due: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    false: int = 0
    recovery_s: float = 0.0
    passed: bool = False

    def cells(self) -> tuple[str, ...]:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(self.lost.items()))
        end = "ok" if self.passed else "FAILED"
        lost = f"{sum(self.lost.values())}/{self.due}"
        return self.fault, self.what, lost, str(self.doubled), str(self.false), f"{self.recovery_s:.1f}", end, why


class Trial:
    """Use as a context manager, once. `logs`: exceptions the fault may leave in logs, by the start of their names.
    `crashes`: of the worker that sends alerts."""

    def __init__(
        self,
        stack: Stack,
        fault: str,
        what: str,
        recovers_in: float = 15.0,
        logs: Iterable[str] = (),
        doubles: bool = False,
        crashes: int = 0,
    ) -> None:
        self.stack, self.line, self._crashes = stack, Line(fault, what), crashes
        self._recovers_in, self._logs, self._doubles = recovers_in + stack.size.slack_s, tuple(logs), doubles

    @property
    def lost(self) -> dict[str, int]:
        """Slots that were not measured because of the fault, by reason."""
        return {reason: count for reason, count in self.line.lost.items() if reason not in self.stack.size.starved}

    def __enter__(self) -> "Trial":
        self.stack.wait_until_calm(time.time() - self.stack.size.interval)
        self._processes = self._sizes()
        self._offsets = {path: path.stat().st_size for path in self._log_files()}
        self.start = time.time()
        self._victims = self._choose_victims()
        self.stack.farm.breaks(*self._victims)
        return self

    def __exit__(self, kind, error, _) -> None:
        if kind:
            self.stack.heal()
            return
        over = time.time()
        self._see_the_outages_through(over)
        self.stack.wait_until_calm(over, self._recovers_in + PATIENCE_S)
        wait_until(self.stack.all_told, PATIENCE_S, 0.2, "everybody is told")
        self.window = Window(self.stack, self.start, over, time.time())
        self._wait_until_accounted()
        self.window.load()
        self._judge()

    def _choose_victims(self) -> list[int]:
        """Others than those of the trial before, whose quick second looks may still be under way."""
        count = len(self.stack.targets)
        first = len(self.stack.farm.outages) % count
        return [(first + n) % count for n in range(VICTIMS)]

    def _see_the_outages_through(self, over: float) -> None:
        """They heal when they were down long enough for anybody to be sure, counted from the fault's end."""
        size = self.stack.size
        left = max(self.start, over) + CONFIRM * size.interval + size.lateness + size.timeout - time.time()
        time.sleep(max(0, left))
        wait_until(lambda: self._open() == VICTIMS, PATIENCE_S, 0.2, "the outages were noticed")
        self.stack.farm.heals(*self._victims)
        wait_until(lambda: self._open() == 0, PATIENCE_S, 0.2, "the outages were resolved")

    def _open(self) -> int:
        monitors = [monitor for monitor, target in self.stack.targets.items() if target in self._victims]
        query = "SELECT count(*) FROM incidents_incident WHERE resolved_at IS NULL AND monitor_id = ANY(%s)"
        return self.stack.sql(query, monitors)[0][0]

    def _wait_until_accounted(self) -> None:
        query = "SELECT count(*) FROM monitors_state WHERE accounted_until < to_timestamp(%s) AND monitor_id = ANY(%s)"
        until, monitors = self.window.end - self.stack.size.interval, [*self.stack.targets]
        self.window.end = until
        wait_until(
            lambda: self.stack.sql(query, until - self.stack.size.interval, monitors) == [(0,)],
            PATIENCE_S,
            0.3,
            "every slot is accounted for",
        )
        self.window.end = until - self.stack.size.interval

    # Afterwards
    def _judge(self) -> None:
        window, farm, line = self.window, self.stack.farm, self.line
        wrong, twice = window.false_verdicts(farm), window.doubled_probes(farm)
        outages = [outage for outage in farm.outages if outage.start >= self.start]
        line.due, line.lost = len(window.due()), dict(window.lost())
        line.doubled, line.false = window.doubled_ticks() + twice, len(wrong)
        line.recovery_s = window.recovery_s()
        found = {
            "G1: ticks that are there twice": window.doubled_ticks(),
            "G1: slots for which targets were asked twice": 0 if self._doubles else twice,
            "G3: slots nobody accounts for": sorted(window.unaccounted()),
            "G4: verdicts that were not true": wrong,
            "G5: outages": [problem for outage in outages for problem in window.problems_with(outage)],
            "G6: incidents without their one outbox row": window.incidents_without_outbox_row(),
            "G6: what people were told": window.alert_problems(self._crashes),
            "G7: checks that began after their time": window.started_late(),
            "G7: seconds until everything was as before": line.recovery_s * (line.recovery_s > self._recovers_in),
            "G8: processes that grew": self._grown(),
            "G8: exceptions in logs": self._unexpected_exceptions(),
        }
        broken = [f"{what}: {value}" for what, value in found.items() if value]
        line.passed = not broken
        assert not broken, "\n".join(broken)

    def _sizes(self) -> dict[tuple[int, float], tuple[int, int, str]]:
        found = {}
        for pid in self.stack.pids():
            try:
                process = psutil.Process(pid)
                key = pid, process.create_time()
                found[key] = process.memory_info().rss, process.num_fds(), " ".join(process.cmdline())[-80:]
            except psutil.NoSuchProcess:
                continue
        return found

    def _grown(self) -> list[str]:
        """Processes that were there all the time and now hold more than a fifth more memory or files."""
        grown, now = [], self._sizes()
        for key in self._processes.keys() & now.keys():
            (memory, files, name), (memory_now, files_now, _) = self._processes[key], now[key]
            if memory_now > memory * GROWTH + GROWTH_BYTES or files_now > files * GROWTH + GROWTH_FDS:
                grown.append(f"{name}: {memory >> 20} to {memory_now >> 20} MB, {files} to {files_now} files")
        return grown

    def _log_files(self) -> list[Path]:
        return sorted((self.stack.folder / "data" / "log").glob("*.log"))

    def _unexpected_exceptions(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for path in self._log_files():
            with path.open(errors="replace") as log:
                log.seek(self._offsets.get(path, 0))
                text = log.read()
            if "Traceback (most recent call last)" in text:
                names = FINAL_LINE.findall(text)
                found.update(f"{path.name}: {n}" for n in names if not n.startswith(self._logs))
        return dict(found)
