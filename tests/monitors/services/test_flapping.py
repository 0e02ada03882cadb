"""What flaps is known by when it changed: however votes arrive, the same follows."""

import pytest
from django.db import transaction

from incidents import services as incidents
from incidents.models import Incident, Transition
from monitors.domain.flapping import Course
from monitors.domain.slots import next_slot
from monitors.probes.reasons import Reason
from monitors.services import edit
from tests.monitors.services.cast import make_watched, outcome, settle, state_of, take

pytestmark = pytest.mark.django_db
ROUNDS = 12
ORDERS = {
    "one by one": lambda rounds: [[each] for each in rounds],
    "all at once": lambda rounds: [rounds],
    "the second half first": lambda rounds: [rounds[ROUNDS // 2 :], rounds[: ROUNDS // 2]],
    "backwards": lambda rounds: [[each] for each in reversed(rounds)],
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_same_flapping_follows_whatever_the_order_of_the_votes(order):
    monitor = make_watched(confirm=1, recover=1, interval=20)
    start = settle(monitor)
    slots = grid(monitor, start, ROUNDS + 1)
    with transaction.atomic():
        take("eu", [outcome(monitor, slots[0])], slots[0] + 1000)
    rounds = [outcome(monitor, at, None if n % 2 else Reason.STATUS) for n, at in enumerate(slots[1:])]
    courses = []
    for batch in ORDERS[order](rounds):
        with transaction.atomic():
            done = take("eu", batch, slots[-1] + 1000)
            incidents.apply(done.changes)
        courses += [change.course for change in done.changes]
    assert courses == [Course.STEADY] * 4 + [Course.BEGINS] + [Course.FLAPPING] * 7
    state = state_of(monitor)
    assert state.flapping
    assert len(state.turns) == 4
    assert Incident.objects.filter(monitor=monitor).count() == 3
    assert Incident.objects.open().get().changes == 11
    told = Transition.objects.filter(silent=False, flapping=False)
    assert list(told.order_by("at").values_list("to_status", flat=True)) == ["down", "up", "down", "up", "down"]


def grid(monitor, after, count):
    """The next slots of a monitor, in UTC milliseconds."""
    found, at = [], after
    while len(found) < count:
        at = next_slot(monitor.pk, monitor.interval, at)
        found.append(at)
    return found


def test_a_pause_forgets_what_was():
    monitor = make_watched(confirm=1, recover=1)
    slots = grid(monitor, settle(monitor), 4)
    with transaction.atomic():
        take("eu", [outcome(monitor, at, Reason.STATUS if n % 2 else None) for n, at in enumerate(slots)], slots[-1])
    assert len(state_of(monitor).turns) == 3
    with transaction.atomic():
        edit.pause(monitor)
    assert (state_of(monitor).turns, state_of(monitor).flapping) == ([], False)
