"""Our own sign of life: heard while all is well, with reasons when it is not, and silent when we cannot tell."""

from datetime import timedelta

import pytest
import requests
from django.core.cache import cache
from django.utils import timezone

from monitors.models import Pulse
from monitors.services import pulses
from tests.helpers import free_port
from tests.servers import Target, answer
from tests.uptime.pipeline.cast import put_pulse, put_pulses
from uptime import heartbeat, tasks
from uptime.heartbeat import HeartbeatError
from uptime.pipeline import gather

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.broker]


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(gather, "SHARED", timedelta())
    keys = [gather.KEY, gather.LOCK, heartbeat.SEEN]
    cache.delete_many(keys)
    yield
    cache.delete_many(keys)


@pytest.fixture
def service(settings):
    """Who listens for our heartbeat."""
    with Target() as target:
        target.does(answer(200))
        settings.HEARTBEAT_URL = f"{target.url}/ping/abc?x=1"
        yield target


@pytest.fixture
def well():
    put_pulses()


def make_trouble():
    Pulse.objects.filter(name="dispatch").update(at=timezone.now() - timedelta(minutes=2))


def calls(service):
    """What the service was asked: [(path, body)]."""
    return [(request.path, request.body.decode()) for request in service.requests]


def test_all_is_well(service, well):
    tasks.heartbeat()
    assert calls(service) == [("/ping/abc?x=1", "All is well.")]
    assert Pulse.objects.get(name=pulses.HEARD).done == 1


def test_a_problem_is_told_with_its_reasons_when_it_is_seen_again(service, well):
    make_trouble()
    heartbeat.send()
    assert calls(service) == []  # neither well nor told: right after a start much has yet to do its first work
    heartbeat.send()
    heartbeat.send()
    told = calls(service)
    assert [path for path, _ in told] == ["/ping/abc/fail?x=1"] * 2
    assert "Dispatch: No run has succeeded since" in told[0][1]


def test_a_problem_that_is_over_is_forgotten(service, well):
    make_trouble()
    heartbeat.send()
    put_pulse("dispatch")
    heartbeat.send()
    make_trouble()
    heartbeat.send()
    assert [path for path, _ in calls(service)] == ["/ping/abc?x=1"]


def test_a_fail_address_of_its_own(service, well, settings):
    settings.HEARTBEAT_FAIL_URL = f"{service.url}/down"
    make_trouble()
    heartbeat.send()
    heartbeat.send()
    assert [path for path, _ in calls(service)] == ["/down"]


def test_a_service_that_knows_silence_only_hears_silence(service, well, settings):
    settings.HEARTBEAT_FAIL_URL = "none"
    make_trouble()
    heartbeat.send()
    heartbeat.send()
    assert calls(service) == []


def test_warnings_do_not_keep_it_from_being_well(service, well):
    put_pulse("purge", 9999)
    heartbeat.send()
    assert len(calls(service)) == 1


def test_without_an_address_nobody_is_called(well):
    heartbeat.send()
    assert not Pulse.objects.filter(name=pulses.HEARD).exists()


@pytest.mark.parametrize("code", [301, 404, 500])
def test_an_address_that_does_not_take_it_is_an_error(service, well, code):
    service.does(answer(code, Location="/elsewhere"))
    with pytest.raises(HeartbeatError, match=str(code)):
        heartbeat.send()
    assert len(calls(service)) == 1  # no redirect is followed
    assert not Pulse.objects.filter(name=pulses.HEARD).exists()


def test_an_address_nobody_listens_at_is_an_error_that_keeps_its_secret(well, settings):
    settings.HEARTBEAT_URL = f"http://127.0.0.1:{free_port()}/ping/secret"
    with pytest.raises(HeartbeatError) as error:
        heartbeat.send()
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_proxies_of_the_environment_are_not_used(service, well, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert requests.utils.getproxies()["http"]
    heartbeat.send()
    assert len(calls(service)) == 1
