"""A pulse tells when something last worked, since when without a break, and how much it has done."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from monitors.models import Pulse
from monitors.services import pulses
from monitors.services.pulses import Mark

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_first_mark_begins_it_and_further_ones_go_on():
    pulses.write([Mark("sweep", took_ms=12.5)])
    first = Pulse.objects.get()
    pulses.write([Mark("sweep", took_ms=3, done=4)])
    pulse = Pulse.objects.get()
    assert (pulse.since, pulse.took_ms, pulse.done) == (first.at, 3, 5)
    assert pulse.at > first.at


@pytest.mark.parametrize(("silent", "begins_anew"), [(4, False), (6, True)])
def test_after_a_pause_it_begins_anew(silent, begins_anew):
    then = timezone.now() - timedelta(seconds=silent)
    Pulse.objects.create(name="sweep", at=then, since=then - timedelta(hours=1), done=7)
    pulses.write([Mark("sweep")], timedelta(seconds=5))
    pulse = Pulse.objects.get()
    assert (pulse.since == pulse.at, pulse.done) == (begins_anew, 8)


def test_a_clock_set_back_begins_nothing_anew():
    ahead = timezone.now() + timedelta(hours=1)
    Pulse.objects.create(name="sweep", at=ahead, since=ahead)
    pulses.mark("sweep")
    pulse = Pulse.objects.get()
    assert (pulse.since, pulse.at < ahead) == (ahead, True)


def test_several_are_written_at_once_and_of_one_that_comes_twice_the_last_counts_with_all_that_was_done():
    then = timezone.now() - timedelta(seconds=1)
    pulses.write([Mark("sweep", 5.0, 2, then), Mark("dispatch", 1.0), Mark("sweep", 7.0, 3)])
    sweep = Pulse.objects.get(name="sweep")
    assert (sweep.took_ms, sweep.done, sweep.at > then) == (7.0, 5, True)
    assert Pulse.objects.get(name="dispatch").done == 1


def test_a_tally_counts_everything_and_writes_once_a_second(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(pulses.time, "monotonic", lambda: clock[0])
    tally = pulses.Tally(pulses.STORED)
    for count in (0, 200, 50, 50):
        tally.add(count)
    assert Pulse.objects.get().done == 200
    clock[0] += 1.5
    tally.add(1)
    assert Pulse.objects.get().done == 301


def test_a_tally_that_cannot_be_written_is_kept_for_the_next_time(monkeypatch):
    tally, mark = pulses.Tally(pulses.STORED), pulses.mark

    def away(*args):
        raise DatabaseError("away")

    monkeypatch.setattr(pulses, "mark", away)
    tally.add(3)
    monkeypatch.setattr(pulses, "mark", mark)
    tally.add(4)
    assert Pulse.objects.get().done == 7
