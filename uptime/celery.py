"""The central Celery app: the queues `control` (every second, never behind anything slow) and `work`.

`periodic` declares a job where it is owned; `manage.py release` writes the entries into django-celery-beat's tables,
where the admin shows them, and deletes those no longer in code.
"""

import os
from dataclasses import dataclass

from celery import Celery, signals
from django.conf import settings

from uptime import queues
from uptime.lib.memory import keep_what_is_loaded
from uptime.lib.reconnecting import AMQP

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # `release` has run them; a worker need not load every page for it

CONTROL = queues.name(queues.CONTROL, settings.QUEUE_PREFIX)
WORK = queues.name(queues.WORK, settings.QUEUE_PREFIX)

ROUTES: dict[str, dict[str, str]] = {}  # task name to its queue, filled as tasks are declared

app = Celery("uptime", set_as_current=True, amqp=AMQP)
app.conf.update(
    queues.configuration(settings.BROKER_URL, "central", settings.QUEUE_PREFIX, [CONTROL, WORK]),
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    beat_scheduler="uptime.scheduler:Scheduler",
    beat_max_loop_interval=1,
    imports=["uptime.tasks", "uptime.pulses"],
    task_routes=ROUTES,
    result_expires=None,  # there are no results, so beat need not offer to clean them up
)
signals.worker_ready.connect(keep_what_is_loaded)


EVERY_SECOND = "uptime.every_second"  # does all that is to be done every second on `control`
ROUTES[EVERY_SECOND] = {"queue": CONTROL}


@dataclass(frozen=True)
class Entry:
    """A job, or a line of beat's table."""

    task: str
    every: int  # seconds
    queue: str

    @property
    def shares(self) -> bool:
        """Whether it shares its message with others."""
        return self.every == 1 and self.queue == CONTROL


PERIODIC: list[Entry] = []


def beat_entries() -> list[Entry]:
    """What beat sends. Every message takes beat, worker and broker a few milliseconds and several ways to and fro:
    with one for each job of each second, that is most of what an idle installation does, and more than there is time
    for when the broker is 200 ms away."""
    return [Entry(EVERY_SECOND, 1, CONTROL), *(entry for entry in PERIODIC if not entry.shares)]


def periodic(every: int, queue: str = CONTROL):
    """A task that beat runs each `every` seconds on `queue`.

    A message that waited for two rounds is worthless (the next one does the same work), so it expires by then.
    """

    def declare(function):
        task = app.task(name=f"uptime.{function.__name__}", expires=max(2, every * 2), shared=False)(function)
        ROUTES[task.name] = {"queue": queue}
        PERIODIC.append(Entry(task.name, every, queue))
        return task

    return declare
