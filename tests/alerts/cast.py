"""What the tests of alerts share: a monitor with its owner, changes of status, and what became of them."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from alerts.models import Channel, Delivery, Policy, Step
from alerts.services import attempts, claiming, planning, policies
from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.verdict import Status
from monitors.models import Monitor
from monitors.services.changes import StatusChange
from tests.factories import make_monitor, make_user, team_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def minutes(count):
    return timedelta(minutes=count)


def make_owned(username="alice", email="alice@example.com", **fields) -> Monitor:
    user = make_user(username, email=email)
    return make_monitor(team_of(user), created_by=user, name="Shop", status=Status.UP, **fields)


def make_policy(team, *steps, **fields) -> Policy:
    """The team's default policy with these steps: (channel or whom, seconds)."""
    policy = policies.ensure_default(team)
    policy.steps.all().delete()
    for position, (whom, after) in enumerate(steps, 1):
        named = {"whom": "channel", "channel": whom} if isinstance(whom, Channel) else {"whom": whom}
        Step.objects.create(policy=policy, position=position, after=after, **named)
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.save()
    return policy


def change(monitor, before, after, at=None, **fields):
    """Write down a change of status, with its incident and its outbox row."""
    at = at or timezone.now()
    incidents.apply([StatusChange(monitor, Status(before), Status(after), at, at, why=fields.pop("why", {}), **fields)])


def goes_down(monitor, at=None) -> Incident:
    change(monitor, "up", "down", at, why={"cause": "status", "sentence": "Answered 500."})
    return Incident.objects.filter(monitor=monitor).latest("started_at")


def many_go_down(monitor, count):
    """Others of its team, of which people are to be told."""
    for number in range(count):
        goes_down(make_monitor(monitor.team, name=f"Shop {number}", status="up"))
    announce()


def comes_back(monitor, at=None):
    change(monitor, "validating", "up", at)


def announce(now=None):
    return planning.announce(now or timezone.now())


def send(now=None, most=100):
    """Claim and attempt what is due, as the threads do; returns the deliveries."""
    claimed = attempts.load(claiming.claim(now or timezone.now(), most))
    return [attempts.attempt(each, keep_hold) for each in claimed]


def keep_hold():
    """A test lives on the one connection it has."""


def ledger(**wanted):
    """(event, channel, status) of the deliveries, in order."""
    rows = Delivery.objects.filter(**wanted).order_by("pk")
    return list(rows.values_list("event", "channel_name", "status"))
