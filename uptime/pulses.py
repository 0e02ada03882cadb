"""Every periodic task marks its pulse when its work is done, and not when it failed.

Celery's own signals do it, but for the jobs of every second: whatever goes wrong in here is logged, and the work stays
done. Workers import this module beside the tasks (`imports` in uptime/celery.py).
"""

import time
from datetime import timedelta

from celery import signals

from monitors.services import pulses
from uptime.celery import PERIODIC, Entry

LONGEST_PAUSE = 5  # seconds at least until a task counts as begun anew


@signals.task_prerun.connect
def begin(task, **kwargs) -> None:
    task.request.update(begun=time.monotonic())


@signals.task_success.connect
def mark(sender, **kwargs) -> None:
    entry = next((entry for entry in PERIODIC if entry.task == sender.name), None)
    if entry is not None:
        succeeded(entry, sender.request.begun)


def succeeded(entry: Entry, begun: float) -> None:
    """`begun`: when it did, of time.monotonic()."""
    took_ms = (time.monotonic() - begun) * 1000
    pause = timedelta(seconds=max(LONGEST_PAUSE, 3 * entry.every))
    pulses.mark(entry.task.removeprefix("uptime."), took_ms=took_ms, pause=pause)
