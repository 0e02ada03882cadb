"""The results worker: its own small Celery app with one task, `record`, and no way to publish anything.

Regions may push into its queue, so nothing in a message is trusted before it is unsealed with the region's own key, and
nothing a message asks Celery to do afterwards (links, chains, chords) is done.
"""

import logging
import os
import time

import django
from celery import Celery, signals
from django.apps import apps
from django.conf import settings
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from uptime import queues
from uptime.lib.memory import keep_what_is_loaded
from uptime.lib.reconnecting import AMQP

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # `release` has run them; a worker need not load every page for it
if not apps.ready:
    django.setup()

from uptime import recording

logger = logging.getLogger(__name__)

RESULTS = queues.name(queues.RESULTS, settings.QUEUE_PREFIX)
WAIT = 1.0  # seconds between two tries
MOST_IN_HAND = 100  # messages that dead workers may have left behind; each takes one or two
TRIES = 5  # of a message that fails for a reason other than an absent database, such as a lock or a time limit


class PublishRefusedError(RuntimeError):
    """Something tried to make the results worker publish a message."""


class ResultsApp(Celery):
    """Consumes, and never publishes."""

    def send_task(self, *args, **kwargs):
        raise PublishRefusedError("the results worker publishes nothing")


app = ResultsApp("uptime-results", set_as_current=False, amqp=AMQP)
app.conf.update(
    queues.configuration(settings.BROKER_URL, "results", settings.QUEUE_PREFIX, [RESULTS]),
    task_acks_late=True,
    task_reject_on_worker_lost=True,
)
signals.worker_ready.connect(keep_what_is_loaded)


@app.task(name="record", bind=True, shared=False)
def record(self, region: str, sealed: str) -> None:
    """Store one message of a region (outcomes or a sign of life) or one beacon of our own.

    While the database is away the message waits here, unacknowledged; one that cannot be read or stored is put aside.
    """
    self.request.update(callbacks=None, errbacks=None, chain=None, chord=None)
    tries = 0
    while tries < TRIES:
        try:
            recording.take(region, sealed)
        except (OperationalError, InterfaceError) as error:
            tries += recording.database_answers()  # only what fails although the database is there is given up
            logger.warning("A message could not be stored, trying again: %s", error)
            last = error
            time.sleep(WAIT)
        else:
            return
    recording.put_aside(region, sealed, last)


@signals.worker_init.connect
def take_back(**kwargs) -> None:
    """Take back at once what a worker that died had in hand, instead of a minute later, when it would be too late.

    A living second worker's message is then taken twice, which changes nothing.
    """
    if queues.speaks_amqp(settings.BROKER_URL):
        return  # RabbitMQ delivers it again as soon as the connection is gone
    try:
        with app.connection_for_read() as connection:
            given_back = connection.default_channel.qos
            given_back.visibility_timeout = 0
            given_back.restore_visible(num=MOST_IN_HAND)
    except BrokerError as error:
        logger.warning("The broker is away, what a dead worker had taken comes later: %s", error)
