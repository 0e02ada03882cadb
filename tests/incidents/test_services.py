"""What is written down about a change of status: once, with its cause, and never two open at a time."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents import handling, services
from incidents.models import Incident, Transition
from monitors.domain.verdict import Status
from monitors.services.changes import StatusChange
from tests.factories import make_incident, make_monitor
from tests.monitors.services.cast import make_watched

pytestmark = pytest.mark.django_db
NOW, SECOND = timezone.now(), timedelta(seconds=1)


def change(monitor, before, after, at, votes=None, reasons=None, **fields):
    regions = sorted(region.pk for region in monitor.regions.all())
    why = {
        "slot": 1,
        "verdict": after,
        "votes": {str(region): votes or after for region in regions},
        "eligible": regions,
        "assigned": regions,
        "quorum": "majority",
        "need": 2,
        "partial": False,
        "rounds": 2,
        "reasons": {str(region): reason for region, reason in zip(regions, reasons or [], strict=False)},
    }
    return StatusChange(monitor, Status(before), Status(after), at, at, why=why, **fields)


def test_a_down_transition_opens_an_incident_with_the_reason_most_regions_gave():
    monitor = make_watched(["eu", "us", "ap"])
    reasons = [["status", "Answered 500"], ["timeout_connect", "Slow"], ["status", "Answered 500"]]
    services.apply([change(monitor, "up", "down", timezone.now(), reasons=reasons)])
    incident = Incident.objects.get()
    assert (incident.cause, incident.summary) == ("status", "Answered 500")
    assert sorted(incident.regions) == ["Ap", "Eu", "Us"]
    assert "3 of 3 regions saw it down" in incident.timeline.get().text


def test_the_same_change_again_is_written_once():
    monitor = make_watched()
    down = change(monitor, "up", "down", timezone.now())
    services.apply([down])
    services.apply([down])
    assert (Transition.objects.count(), Incident.objects.count()) == (1, 1)
    assert Incident.objects.get().timeline.count() == 1


def test_no_data_neither_opens_nor_resolves():
    monitor = make_watched()
    incident = make_incident(monitor)
    services.apply([change(monitor, "down", "nodata", timezone.now(), silent=True)])
    incident.refresh_from_db()
    assert incident.resolved_at is None


@pytest.mark.parametrize(("after", "resolution"), [("up", "recovered"), ("paused", "paused")])
def test_an_incident_ends_with_how(after, resolution):
    monitor = make_watched()
    incident = make_incident(monitor)
    services.apply([change(monitor, "down", after, timezone.now())])
    incident.refresh_from_db()
    assert incident.resolution == resolution
    assert incident.resolved_at >= incident.started_at


def test_deleting_a_monitor_that_is_down_ends_its_incident_as_deleted():
    monitor = make_watched()
    make_incident(monitor)
    monitor.deleted_at = timezone.now()
    services.apply([change(monitor, "down", "paused", timezone.now())])
    assert Incident.objects.get().resolution == "deleted"


def test_a_monitor_that_changes_twice_in_one_message_is_written_in_that_order():
    first = make_watched()
    second = make_monitor(first.team)
    now = timezone.now()
    services.apply(
        [
            change(first, "up", "down", now - 2 * SECOND),
            change(second, "up", "down", now - 2 * SECOND),
            change(first, "down", "up", now - SECOND),
            change(first, "up", "down", now),
        ]
    )
    assert Incident.objects.open().filter(monitor=second).count() == 1
    before, after = Incident.objects.filter(monitor=first).order_by("started_at")
    assert (before.resolution, before.resolved_at, after.resolved_at) == ("recovered", now - SECOND, None)


def test_forty_incidents_take_no_more_statements_than_two(django_assert_num_queries):
    """Thousands may come in a minute, from one process that also stores every other result."""
    team = make_watched().team
    two, many = ([change(make_monitor(team), "up", "down", NOW) for _ in range(count)] for count in (2, 40))
    with CaptureQueriesContext(connection) as few:
        services.apply(two)
    with django_assert_num_queries(len(few)):
        services.apply(many)
    assert Incident.objects.count() == 42


@pytest.mark.django_db(transaction=True)
def test_one_that_is_just_being_reopened_by_hand_is_the_incident_of_the_next_fall():
    monitor = make_watched()
    incident = make_incident(monitor, resolved_at=timezone.now())
    reopened, wrote = threading.Event(), threading.Event()

    def fall():
        reopened.wait(10)
        with transaction.atomic():
            services.apply([change(monitor, "up", "down", timezone.now())])
        connection.close()
        wrote.set()

    results_worker = threading.Thread(target=fall)
    results_worker.start()
    with transaction.atomic():
        handling.reopen(incident, handling.Person("alice"))
        reopened.set()
        assert not wrote.wait(1)  # it waits for what becomes of this
    results_worker.join(10)
    assert [each.pk for each in Incident.objects.open()] == [incident.pk]


def test_two_open_incidents_of_one_monitor_cannot_exist():
    monitor = make_watched()
    make_incident(monitor)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_incident(monitor)
