"""monitor_sla and monitor_response_times as Better Stack's clients read them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import User
from monitors.models import Monitor, StatusInterval, Tick
from monitors.services.partitions import ensure_partitions
from tests.factories import make_incident, make_monitor, make_region, make_user, team_of
from tests.monitors.test_api import LIST, Caller

pytestmark = pytest.mark.django_db

NOW, BEGIN, MIDNIGHT = (datetime(2026, 2, day, hour, tzinfo=UTC) for day, hour in ((10, 12), (1, 0), (4, 0)))
HALF = timedelta(minutes=30)


@pytest.fixture
def caller():
    with time_machine.travel(NOW, tick=False):
        yield Caller(make_user("alice"))


@pytest.fixture
def shop(caller):
    """Up since the 1st of February, but for the last half hour of the 3rd and the first of the 4th."""
    monitor = make_monitor(team_of(User.objects.get()), status="up", since=MIDNIGHT + HALF)
    StatusInterval.objects.create(monitor=monitor, status="up", start=BEGIN, end=MIDNIGHT - HALF)
    StatusInterval.objects.create(monitor=monitor, status="down", start=MIDNIGHT - HALF, end=MIDNIGHT + HALF)
    make_incident(monitor, started_at=MIDNIGHT - HALF, resolved_at=MIDNIGHT + HALF)
    Monitor.objects.update(created_at=BEGIN)
    return monitor


def sla(caller, monitor, query=""):
    response = caller.get(f"{LIST}/{monitor.pk}/sla{query}")
    assert response.status_code == 200, response.content
    return response.json()["data"]


def test_availability_is_of_the_whole_life_unless_told(caller, shop):
    assert sla(caller, shop) == {
        "id": str(shop.pk),
        "type": "monitor_sla",
        "attributes": {
            "availability": 99.5614,  # one hour of nine and a half days
            "coverage": 100.0,
            "total_downtime": 3600,
            "number_of_incidents": 1,
            "longest_incident": 3600,
            "average_incident": 3600,
        },
    }


@pytest.mark.parametrize(
    ("query", "availability", "downtime", "incidents"),
    [
        ("?from=2026-02-03&to=2026-02-04", 97.9166, 3600, 1),
        ("?from=2026-02-03&to=2026-02-03", 97.9166, 1800, 1),
        ("?from=2026-02-04", 99.6794, 1800, 1),
        ("?from=2026-02-05&to=2030-01-01", 100.0, 0, 0),
        ("?from=2025-01-01&to=2025-12-31", None, 0, 0),
    ],
)
def test_both_days_count_whole_and_incidents_with_their_part(caller, shop, query, availability, downtime, incidents):
    found = sla(caller, shop, query)["attributes"]
    assert (found["availability"], found["total_downtime"], found["number_of_incidents"]) == (
        availability,
        downtime,
        incidents,
    )
    assert found["longest_incident"] == downtime


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("?from=yesterday", "from", "Use a day like 2026-01-31."),
        ("?to=2026-02-30", "to", "Use a day like 2026-01-31."),
        ("?from=", "from", "Use a day like 2026-01-31."),
        ("?to=%00", "to", "Use a day like 2026-01-31."),
        ("?from=2026-02-05&to=2026-02-04", "from", "must not be after"),
        ("?from=9999-12-31&to=9999-12-31", "from", "must not be after"),
    ],
)
def test_a_day_that_cannot_be_is_named(caller, shop, query, field, words):
    response = caller.get(f"{LIST}/{shop.pk}/sla{query}")
    assert response.status_code == 422
    ((name, (said,)),) = response.json()["errors"].items()
    assert name == field
    assert words in said


@pytest.mark.parametrize("query", ["?to=9999-12-31", "?from=0001-01-01"])
def test_the_ends_of_time_are_days_too(caller, shop, query):
    assert sla(caller, shop, query)["attributes"]["total_downtime"] == 3600


def test_response_times_are_in_seconds_and_their_phases_add_up(caller, shop):
    ensure_partitions(NOW.date())
    eu = make_region("eu")
    make_region("us")
    start = NOW - timedelta(minutes=7)
    for number, ms in enumerate((100, 300)):
        Tick.objects.create(
            monitor=shop, region=eu, slot=start + timedelta(seconds=number), vote="up", config_version=1,
            response_ms=ms, dns_ms=ms / 10, connect_ms=ms / 5, first_byte_ms=ms / 2, transfer_ms=ms / 5,
        )  # fmt: skip
    Tick.objects.create(
        monitor=shop, region=eu, slot=NOW - timedelta(hours=25), vote="up", config_version=1, response_ms=1
    )
    assert caller.get(f"{LIST}/{shop.pk}/response-times").json() == {
        "data": {
            "id": str(shop.pk),
            "type": "monitor_response_times",
            "attributes": {
                "regions": [
                    {
                        "region": "eu",
                        "response_times": [
                            {
                                "at": "2026-02-10T11:50:00.000Z",
                                "response_time": 0.2,
                                "name_lookup_time": 0.02,
                                "connection_time": 0.04,
                                "tls_handshake_time": None,
                                "data_transfer_time": 0.14,
                            }
                        ],
                    }
                ]
            },
        }
    }


@pytest.mark.parametrize("what", ["sla", "response-times"])
def test_those_of_others_are_not_found(caller, shop, what):
    response = Caller(make_user("bob")).get(f"{LIST}/{shop.pk}/{what}")
    assert response.status_code == 404
    assert response.json() == {"errors": f"Resource type monitor with id = {shop.pk} was not found"}
