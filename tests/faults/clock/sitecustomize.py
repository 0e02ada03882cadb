"""Gives a process a wrong clock: with this folder on PYTHONPATH it is ahead by the seconds in the file CLOCK_AHEAD.

Python imports a module of this name before anything else. The file is read ten times a second, so the clock can be set
while the process runs; monotonic time stays what it is.
"""

import os
import threading
from pathlib import Path

import time_machine

REAL = time_machine.escape_hatch.time
FILE = Path(os.environ["CLOCK_AHEAD"])


def set_clock(ahead: float) -> None:
    time_machine.travel(REAL.time() + ahead, tick=True).start()


def follow(current: float) -> None:
    while True:
        REAL.sleep(0.1)
        ahead = float(FILE.read_text() or current)
        if ahead != current:
            set_clock(ahead)
            current = ahead


def start() -> None:
    ahead = float(FILE.read_text())
    set_clock(ahead)
    threading.Thread(target=follow, args=[ahead], name="clock", daemon=True).start()


start()
os.register_at_fork(after_in_child=start)
