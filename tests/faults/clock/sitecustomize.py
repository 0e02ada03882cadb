"""Gives a process a wrong clock: with this folder on PYTHONPATH it is ahead by the seconds in the file CLOCK_AHEAD.

Python imports a module of this name before anything else. The file is read ten times a second, so the clock can be set
while the process runs; monotonic time stays what it is.
"""

import os
import threading
import time
from pathlib import Path

import time_machine

REAL = time_machine.escape_hatch.time
FILE = Path(os.environ["CLOCK_AHEAD"])


def set_clock(ahead: float) -> None:
    now = REAL.time() if time_machine.escape_hatch.is_travelling() else time.time()
    time_machine.travel(now + ahead, tick=True).start()
    time.time()  # its time begins to run when it is first asked for


def follow(current: float) -> None:
    while True:
        time.sleep(0.1)
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
