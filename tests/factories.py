"""Rows for tests, made with the plain ORM: what a test does not name has an ordinary value."""

import secrets
import uuid

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, Role, Team, User
from alerts.models import Browser, Channel, Delivery
from alerts.services.browsers import fingerprint
from incidents.models import Incident
from monitors.judged.heartbeat import KIND
from monitors.judged.heartbeat import Options as HeartbeatOptions
from monitors.models import Heartbeat, Monitor, Region, Schedule, State, Status, StatusInterval
from monitors.services import edit, testruns
from tests.browsers import Reader

PASSWORD = "correct horse battery"
_hashes = {}  # argon2 is slow on purpose; one hash of the common password serves a whole run


def make_user(username="alice", *, password=PASSWORD, team=None, role=Role.OWNER, **fields):
    """A person with a personal team, and a membership of `team` too when one is given."""
    if password not in _hashes:
        _hashes[password] = make_password(password)
    user = User.objects.create(username=username, password=_hashes[password], **fields)
    personal = Team.objects.create(name=f"{username}'s team"[:100], personal=True)
    Membership.objects.create(team=personal, user=user, role=Role.OWNER)
    if team is not None:
        Membership.objects.create(team=team, user=user, role=role)
    return user


def make_admin(username="root", **fields):
    """The site's administrator."""
    return make_user(username, is_staff=True, is_superuser=True, **fields)


def team_of(user):
    """The personal team of `user`."""
    return user.memberships.filter(team__personal=True).earliest("id").team


def make_region(slug="eu-west", **fields):
    key = secrets.token_urlsafe(32)
    return Region.objects.create(slug=slug, **{"name": slug.replace("-", " ").title(), "key": key, **fields})


def make_monitor(team, *, regions=(), status=Status.PENDING, since=None, state=None, next_slot_at=None, **fields):
    """A monitor with the rows its life needs: schedule, state and an open status interval.

    `state` holds further fields of the State row; `next_slot_at` empty leaves the monitor unscheduled.
    """
    since = since or timezone.now()
    values = {
        "name": "Example",
        "target": "https://example.com/",
        "interval": 30,
        "timeout_ms": 10_000,
        **fields,
    }
    monitor = Monitor.objects.create(team=team, **values)
    monitor.regions.set(regions)
    Schedule.objects.create(monitor=monitor, next_slot_at=next_slot_at)
    State.objects.create(monitor=monitor, **{"status": status, "since": since, "judged_until": since, **(state or {})})
    StatusInterval.objects.create(monitor=monitor, status=status, start=since)
    return monitor


def make_heartbeat(team, *, now=None, options=None, created_by=None, **fields):
    """A job that is expected every hour with ten minutes of grace, made the way people make them."""
    chosen = HeartbeatOptions.of({"period": 3_600, "grace": 600, **(options or {})})
    assert chosen.is_valid(), chosen.errors
    values = {"kind": "heartbeat", "name": "Backup", "target": "backup", **KIND.columns(chosen.cleaned_data), **fields}
    with transaction.atomic():
        monitor = edit.create(team, created_by, values)
    if now:
        Heartbeat.objects.filter(pk=monitor.pk).update(expected_from=now)
        StatusInterval.objects.filter(monitor=monitor).update(start=now)
        State.objects.filter(pk=monitor.pk).update(since=now)
    return monitor


def make_test_run(monitor, trials=None, **more):
    """A test of `monitor` from its regions, of which none has answered."""
    trials = trials or [testruns.Trial.of(monitor)]
    where, values = list(monitor.regions.all()), {"silent": {}, "monitor": monitor, **more}
    with transaction.atomic():
        return testruns.start(monitor.team, None, trials, where, timezone.now(), **values).run


def make_incident(monitor, **fields):
    """An open outage of `monitor`, begun now unless told otherwise."""
    values = {"started_at": timezone.now(), "cause": "http_status", "summary": "Answered 500.", **fields}
    return Incident.objects.create(team=monitor.team, monitor=monitor, **values)


def make_channel(team, url="http://127.0.0.1:1/", kind="webhook", **fields):
    """A webhook nobody listens at, unless told otherwise."""
    secrets = {"url": url} if kind == "webhook" else {}
    values = {"name": "Hook", "options": {"method": "POST", "verify_tls": True, "template": ""}, **fields}
    return Channel.objects.create(team=team, kind=kind, secrets=secrets, **values)


def make_browser(user, subscription=None, **fields):
    """A browser in which `user` has notifications on; nobody pushes to it unless `subscription` says where."""
    told = subscription or Reader.new().subscription(f"https://push.example/{secrets.token_hex(8)}")
    values = {"fingerprint": fingerprint(told["endpoint"]), "secrets": told, "name": "Firefox on Linux", **fields}
    return Browser.objects.create(user=user, **values)


def make_delivery(channel, **fields):
    """One message through `channel`, due now and waiting."""
    now = timezone.now()
    values = {"event": "down", "key": f"made:{uuid.uuid4()}", "why": "Step 1, at once", "due_at": now, **fields}
    named = {"channel": channel, "channel_name": channel.name, "channel_kind": channel.kind, "team": channel.team}
    return Delivery.objects.create(next_attempt_at=now, **named, **values)
