"""What is written down about a change of status: once, with its cause, and never two open at a time."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from incidents import services
from incidents.models import Incident, Transition
from monitors.domain.verdict import Status
from monitors.services.changes import StatusChange
from tests.factories import make_incident
from tests.monitors.services.cast import make_watched

pytestmark = pytest.mark.django_db


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


def test_two_open_incidents_of_one_monitor_cannot_exist():
    monitor = make_watched()
    make_incident(monitor)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_incident(monitor)
