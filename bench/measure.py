"""One measured stretch of a running installation, and the words for it."""

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.installation import COLUMNS, Installation

# Ticks of slots inside the stretch. A check that never began has no start, and is not counted as one.
TICKS = """
SELECT count(*) FILTER (WHERE attempts > 0),
       count(*) FILTER (WHERE attempts = 0),
       count(*) FILTER (WHERE vote = 'down'),
       percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - slot) * 1000)
FROM monitors_tick WHERE slot >= to_timestamp(%s) AND slot < to_timestamp(%s)
"""


@dataclass(frozen=True)
class Stretch:
    """CPU in milliseconds per check and role; delays in milliseconds from slot to start."""

    seconds: float
    checks: int
    missed: int
    down: int
    p50: float
    p99: float
    cpu: dict[str, float]
    behind: float  # seconds by which the newest stored slot was old when it ended
    load: float  # the machine's load average when it ended: what else was going on

    @property
    def per_second(self) -> float:
        return self.checks / self.seconds

    @property
    def own(self) -> float:
        """Everything of ours together."""
        return sum(self.cpu.values())


def watch(installation: Installation, warm_s: float, seconds: float) -> Stretch:
    """Let it run in, watch it for `seconds`, let it rest until all is stored, and count."""
    time.sleep(warm_s)
    start, before = time.time(), installation.cpu()
    time.sleep(seconds)
    end, after = time.time(), installation.cpu()
    load, newest = os.getloadavg()[0], installation.sql("SELECT max(slot) FROM monitors_tick")[0][0]
    behind = end - newest.timestamp() if newest else end - start
    installation.rest()
    checks, missed, down, delays = installation.sql(TICKS, start, end)[0]
    p50, p99 = delays or (0.0, 0.0)
    spent = {role: 1000 * (after[role] - before[role]) / max(1, checks) for role in COLUMNS}
    return Stretch(end - start, checks, missed, down, float(p50), float(p99), spent, behind, load)


def median(stretches: Sequence[Stretch]) -> Stretch:
    """The stretch whose cost is the median; each figure of it belongs together."""
    return sorted(stretches, key=lambda each: each.own)[(len(stretches) - 1) // 2]


def middle(values: Iterable[float]) -> float:
    return statistics.median(values)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first one to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        return "  ".join([f"{row[0]:<{widths[0]}}", *rest]) if first else ""

    return "\n".join(line(row) for row in rows)


HEAD = ("", "checks/s", *COLUMNS, "own CPU", "x floor", "p50 ms", "p99 ms", "missed", "behind s", "load")


def row(name: str, stretch: Stretch, floor_ms: float | None) -> tuple[str, ...]:
    ratio = f"{stretch.own / floor_ms:.1f}" if floor_ms else "-"
    return (
        name,
        f"{stretch.per_second:,.0f}",
        *(f"{stretch.cpu[role]:.3f}" for role in COLUMNS),
        f"{stretch.own:.3f}",
        ratio,
        f"{stretch.p50:.0f}",
        f"{stretch.p99:.0f}",
        f"{stretch.missed:,}",
        f"{stretch.behind:.1f}",
        f"{stretch.load:.1f}",
    )


def memory_rows(used: Counter[str]) -> list[tuple[str, ...]]:
    names = [*COLUMNS, "all"]
    values = [*(used[role] for role in COLUMNS), float(sum(used.values()))]
    return [("", *names), ("MB (PSS)", *(f"{value:.0f}" for value in values))]
