"""What the tests of looking in share: parts that have just worked, and a server that says nothing."""

from datetime import timedelta

from django.utils import timezone

from monitors.models import Pulse
from tests.servers import Server
from uptime.celery import PERIODIC


def put_pulse(name, seconds_ago=0.0, since=3600, **facts):
    """It has worked for an hour, and last did so many seconds ago."""
    now = timezone.now()
    values = {"at": now - timedelta(seconds=seconds_ago), "since": now - timedelta(seconds=since), **facts}
    Pulse.objects.update_or_create(name=name, defaults=values)


def put_pulses():
    """Everything has just worked."""
    for name in ("results", *(entry.task.removeprefix("uptime.") for entry in PERIODIC)):
        put_pulse(name, took_ms=4)


def black_hole():
    """A server that takes every connection and never says a word."""
    return Server(lambda server, _connection: server.over.wait())
