"""Dispatch stands still for a minute: how soon all is as before, with everything that was missed accounted for."""

import time
from dataclasses import dataclass

from bench.installation import ROLES, Installation, command_of

MOST_S = 300.0
# How many monitors have a slot that is overdue, and by how much what was stored last is old.
LOOK = """
SELECT (SELECT count(*) FROM monitors_state WHERE sweep_at < now() - interval '5 seconds'),
       (SELECT extract(epoch FROM now() - max(slot)) FROM monitors_tick WHERE attempts > 0)
"""
SINCE = """
SELECT count(*) FILTER (WHERE attempts > 0), count(*) FILTER (WHERE attempts = 0),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - slot) * 1000)
FROM monitors_tick WHERE slot >= to_timestamp(%s) AND slot < to_timestamp(%s)
"""


@dataclass(frozen=True)
class Recovery:
    """`left`: monitors with something overdue after `MOST_S`, when waiting ended. `seconds`: from the end of the
    standstill until nothing was overdue; `behind`: by how many seconds results were late at most meanwhile. The rest is
    of the slots meanwhile: checked, not measured, p99 of the delay in ms."""

    not_sent: int
    left: int
    seconds: float
    behind: float
    checks: int
    missed: int
    p99: float


def watch(installation: Installation, stall_s: float) -> Recovery:
    control = [each for each in installation.processes() if ROLES["dispatch"] in command_of(each)]
    stopped = time.time()
    for process in control:
        process.suspend()
    time.sleep(stall_s)
    for process in control:
        process.resume()
    resumed, behind = time.time() + 1, 0.0  # a second for what is due at that very moment
    overdue = 1
    time.sleep(3)
    while overdue and time.time() - resumed < MOST_S:
        time.sleep(1)
        overdue, late = installation.sql(LOOK)[0]
        behind = max(behind, float(late))
    end = time.time()
    installation.rest()
    checks, missed, p99 = installation.sql(SINCE, resumed, end)[0]
    not_sent = installation.sql(SINCE, stopped, resumed)[0][1]
    return Recovery(not_sent, overdue, end - resumed, behind, checks, missed, float(p99 or 0))
