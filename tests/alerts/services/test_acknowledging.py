"""Who acknowledges here is heard by the providers that would call somebody else."""

import json

import pytest

from alerts.channels import pagerduty
from alerts.models import Delivery
from incidents import handling
from incidents.handling import Person
from incidents.models import Notice
from tests.alerts.cast import announce, comes_back, goes_down, ledger, make_owned, make_policy, send
from tests.alerts.channels.providers import provider
from tests.alerts.channels.test_pagerduty import KEY, accept
from tests.factories import make_channel

pytestmark = pytest.mark.django_db
ANN = Person("Ann")


@pytest.fixture
def service(monkeypatch):
    """PagerDuty, as it enforces the shapes it has published."""
    with provider(accept, 202) as target:
        monkeypatch.setitem(pagerduty.REGIONS, "us", target.url)
        yield target


@pytest.fixture
def monitor():
    return make_owned()


@pytest.fixture
def pager(monitor):
    options = {"options": {"region": "us"}, "secrets": {"routing_key": KEY}}
    channel = make_channel(monitor.team, kind="pagerduty", name="Pager")
    for name, value in options.items():
        setattr(channel, name, value)
    channel.save()
    make_policy(monitor.team, (channel, 0), ("owners", 0))
    return channel


def heard(service):
    return [(said["event_action"], said["dedup_key"]) for said in (json.loads(seen.body) for seen in service.requests)]


def test_pagerduty_hears_of_the_acknowledgement_by_the_key_of_its_alert_and_of_the_end(service, monitor, pager):
    incident = goes_down(monitor)
    announce()
    send()
    handling.acknowledge(incident, ANN)
    assert announce() == 1
    send()
    comes_back(monitor)
    announce()
    send()
    actions, keys = zip(*heard(service), strict=True)
    assert actions == ("trigger", "acknowledge", "resolve")
    assert len(set(keys)) == 1
    assert keys[0].endswith(f"/incident-{incident.pk}")
    row = Delivery.objects.get(event="reminder")
    assert (row.channel, row.status, row.title) == (pager, "sent", "Shop: Ann acknowledged it.")
    assert not Notice.objects.waiting().exists()


def test_who_is_no_such_provider_hears_nothing(monitor):
    make_policy(monitor.team, (make_channel(monitor.team), 0), ("owners", 0))
    incident = goes_down(monitor)
    announce()
    handling.acknowledge(incident, ANN)
    assert announce() == 0
    assert [event for event, _, _ in ledger()] == ["down", "down"]


def test_it_is_heard_in_order_where_nothing_had_got_out_yet(service, monitor, pager):
    incident = goes_down(monitor)
    handling.acknowledge(incident, ANN)
    announce()
    send()
    send()
    assert [action for action, _ in heard(service)] == ["trigger", "acknowledge"]


def test_who_was_not_told_of_the_incident_is_not_told_of_the_acknowledgement(service, monitor, pager):
    make_policy(monitor.team, ("owners", 0), (pager, 600))
    incident = goes_down(monitor)
    announce()
    handling.acknowledge(incident, ANN)
    announce()
    send()
    assert heard(service) == []


def test_it_is_heard_while_the_monitor_flaps_and_in_quiet_hours(service, monitor, pager):
    incident = goes_down(monitor)
    announce()
    send()
    incident.flapping_since = incident.started_at
    incident.save()
    policy = incident.deliveries.first().team.policies.get(is_default=True)
    policy.quiet_from, policy.quiet_to, policy.quiet_up_to = "00:00", "23:59", "critical"
    policy.quiet_zone, policy.quiet_days = "UTC", list(range(7))
    policy.save()
    handling.acknowledge(incident, ANN)
    announce()
    send()
    assert [action for action, _ in heard(service)] == ["trigger", "acknowledge"]


def test_reopened_and_acknowledged_once_more_it_is_heard_once_more(service, monitor, pager):
    incident = goes_down(monitor)
    announce()
    send()
    for _ in range(2):
        handling.acknowledge(incident, ANN)
        announce()
        send()
        handling.resolve(incident, ANN)
        handling.reopen(incident, ANN)
        announce()
        send()
    assert [action for action, _ in heard(service)].count("acknowledge") == 2
