"""Every periodic task marks its pulse, and only when it has done its work."""

import time

import pytest

import uptime.pulses
from monitors.models import Pulse
from monitors.services.record import Recorded
from uptime import tasks
from uptime.celery import PERIODIC, app

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_worker_marks_pulses():
    assert "uptime.pulses" in app.conf.imports


def test_a_run_marks_the_pulse_of_its_task():
    tasks.purge.apply()
    tasks.purge.apply()
    pulse = Pulse.objects.get()
    assert (pulse.name, pulse.done) == ("purge", 2)
    assert pulse.took_ms > 0


def test_a_failed_run_marks_nothing(monkeypatch):
    monkeypatch.setattr(tasks.edit, "purge", lambda _: 1 / 0)
    assert tasks.purge.apply().failed()
    assert not Pulse.objects.exists()


def test_the_work_stays_done_when_its_pulse_cannot_be_marked(monkeypatch):
    monkeypatch.setattr(uptime.pulses.pulses, "write", lambda *args, **kwargs: 1 / 0)
    assert tasks.purge.apply().successful()


def test_the_jobs_of_every_second_come_in_one_message_and_each_marks_its_own_pulse():
    tasks.every_second.apply()
    assert set(Pulse.objects.values_list("name", flat=True)) == {
        "dispatch", "sweep", "judge_heartbeats", "judge_groups", "maintain", "announce"
    }  # fmt: skip


def test_while_one_run_is_at_a_slow_job_the_next_one_writes_down_what_it_has_done(monkeypatch):
    seen = []

    def look(_):
        seen.append(set(Pulse.objects.values_list("name", flat=True)))
        return Recorded()

    monkeypatch.setattr(tasks.groups, "judge", look)
    uptime.pulses.succeeded(next(entry for entry in PERIODIC if entry.task == "uptime.maintain"), time.monotonic())
    tasks.every_second.apply()
    assert seen == [{"maintain"}]


def test_the_jobs_of_every_second_are_done_although_their_pulses_cannot_be_written(monkeypatch):
    done = []
    monkeypatch.setattr(uptime.pulses.pulses, "write", lambda *args: 1 / 0)
    monkeypatch.setattr(tasks.maintaining, "review", done.append)
    assert tasks.every_second.apply().successful()
    assert done


@pytest.mark.django_db(transaction=True)
def test_one_of_them_that_fails_keeps_none_of_the_others_from_its_turn(monkeypatch):
    monkeypatch.setattr(tasks.groups, "judge", lambda _: 1 / 0)
    assert tasks.every_second.apply().successful()
    done = set(Pulse.objects.values_list("name", flat=True))
    assert "judge_groups" not in done
    assert {"judge_heartbeats", "maintain", "announce"} <= done


@pytest.mark.parametrize("entry", PERIODIC, ids=lambda entry: entry.task)
def test_the_name_of_every_periodic_task_fits_its_pulse(entry):
    assert len(entry.task.removeprefix("uptime.")) <= Pulse._meta.get_field("name").max_length
