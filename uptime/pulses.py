"""Every periodic task marks its pulse when its work is done, and not when it failed.

Celery's own signals do it, but for the jobs of every second: whatever goes wrong in here is logged, and the work stays
done. Workers import this module beside the tasks (`imports` in uptime/celery.py).
"""

import time
from collections import deque
from contextlib import suppress
from datetime import timedelta

from celery import signals

from monitors.services import pulses
from monitors.services.pulses import Mark
from uptime.celery import PERIODIC, Entry

LONGEST_PAUSE = 5  # seconds at least until a task counts as begun anew
_unwritten: deque[Mark] = deque()  # of jobs that share a message


@signals.task_prerun.connect
def begin(task, **kwargs) -> None:
    task.request.update(begun=time.monotonic())


@signals.task_success.connect
def mark(sender, **kwargs) -> None:
    entry = next((entry for entry in PERIODIC if entry.task == sender.name), None)
    if entry is not None:
        pulses.write([_mark(entry, sender.request.begun)], _pause(entry.every))


def succeeded(entry: Entry, begun: float) -> None:
    """A job of every second did, that began at `begun` of time.monotonic(); it is written with those of the others."""
    _unwritten.append(_mark(entry, begun))


def write() -> None:
    """Write down which jobs of every second have succeeded meanwhile, in all runs: one may be at a slow job."""
    marks = []
    with suppress(IndexError):  # two runs may be here at once, and share what there is
        while True:
            marks.append(_unwritten.popleft())
    if marks:
        pulses.write(marks, _pause(1))


def _mark(entry: Entry, begun: float) -> Mark:
    return Mark(entry.task.removeprefix("uptime."), (time.monotonic() - begun) * 1000)


def _pause(every: int) -> timedelta:
    return timedelta(seconds=max(LONGEST_PAUSE, 3 * every))
