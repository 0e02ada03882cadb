"""Beat's clock, when the machine's was wrong."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.helpers import wait_until
from uptime.celery import app
from uptime.scheduler import Scheduler

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


class Listening(Scheduler):
    """Notes what is due instead of sending it."""

    def __init__(self):
        self.sent = []
        super().__init__(app, lazy=True)

    def apply_entry(self, entry, producer=None):
        self.sent.append(entry.name)


@pytest.fixture
def _every_second():
    PeriodicTask.objects.all().delete()
    second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="dispatch", task="uptime.dispatch", interval=second)


def sent_within(scheduler, moment, seconds):
    """What it sends in that time."""
    before = len(scheduler.sent)
    for tenth in range(seconds * 10):
        with time_machine.travel(moment + timedelta(seconds=tenth / 10), tick=False):
            scheduler.tick()
    scheduler.sync()  # as beat does when it ends; left over, it would happen when the tests do
    return len(scheduler.sent) - before


@pytest.mark.usefixtures("_every_second")
def test_a_clock_that_is_set_back_silences_nothing():
    now = timezone.now()
    scheduler = Listening()
    assert sent_within(scheduler, now + timedelta(hours=1), 5) >= 4
    assert sent_within(scheduler, now, 5) >= 4


@pytest.mark.usefixtures("_every_second")
def test_neither_does_a_time_stored_before_it_was_set_back():
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(hours=1))
    assert sent_within(Listening(), timezone.now(), 5) >= 4


@pytest.mark.usefixtures("_every_second")
def test_what_has_changed_is_looked_for_now_and_then_and_not_before_every_entry():
    scheduler = Listening()
    scheduler.tick()
    with CaptureQueriesContext(connection) as asked:
        for _ in range(50):
            scheduler.tick()
    assert len([each for each in asked if "periodictasks" in each["sql"]]) <= 1
    PeriodicTask.objects.create(
        name="sweep", task="uptime.sweep", interval=IntervalSchedule.objects.get(), last_run_at=timezone.now()
    )
    wait_until(lambda: "sweep" in scheduler.schedule, 15, what="the new entry is known")
    scheduler.sync()
