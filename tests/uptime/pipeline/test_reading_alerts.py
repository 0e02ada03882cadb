"""What the database tells of messages that wait, and of jobs that report in."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Channel
from incidents.models import Transition
from monitors.models import Heartbeat, IngestGap, Ping
from tests.alerts.cast import announce, goes_down, make_owned, send
from tests.factories import make_channel, make_delivery, make_heartbeat, make_user, team_of
from uptime.pipeline import reading_alerts

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


def ago(**length):
    return timezone.now() - timedelta(**length)


def test_an_idle_site_has_nothing_to_tell(now):
    assert reading_alerts.outbox(now) == reading_alerts.Outbox()
    assert reading_alerts.messages(now) == reading_alerts.Messages()
    assert reading_alerts.jobs(now) == reading_alerts.Jobs()


def test_the_outbox_holds_what_is_due_until_it_is_announced(now):
    monitor = make_owned()
    goes_down(monitor)
    row = Transition.objects.get()
    found = reading_alerts.outbox(timezone.now())
    assert (found.waiting, found.oldest, found.written) == (1, row.created_at, row.pk)
    Transition.objects.update(hold_until=timezone.now() + timedelta(minutes=2))
    found = reading_alerts.outbox(timezone.now())
    assert (found.waiting, found.held, found.oldest) == (0, 1, None)
    Transition.objects.update(hold_until=None)
    announce()
    assert reading_alerts.outbox(timezone.now()).waiting == 0
    assert reading_alerts.messages(timezone.now()).waiting == 1
    send()
    assert reading_alerts.messages(timezone.now()).waiting == 0


def test_messages_are_counted_by_how_they_stand(now):
    channel = make_channel(team_of(make_user()))
    rows = {
        "pending": {},
        "sending": {"next_attempt_at": now + timedelta(seconds=60)},
        "failed": {"next_attempt_at": now + timedelta(seconds=60)},
        "dead": {"finished_at": ago(hours=1), "answer": "It answered 500."},
        "sent": {"finished_at": now},
    }
    for status, fields in rows.items():
        made = make_delivery(channel, status=status)
        type(made).objects.filter(pk=made.pk).update(**fields)
    make_delivery(channel, status="dead", finished_at=ago(days=2))
    found = reading_alerts.messages(timezone.now())
    assert (found.waiting, found.in_flight, found.retrying, found.given_up) == (1, 1, 1, 1)
    assert found.reason == "It answered 500."
    assert found.oldest is not None


def test_channels_that_fail_and_that_were_switched_off_by_us(now):
    team = team_of(make_user())
    make_channel(team, last_failed_at=now)
    make_channel(team, last_failed_at=ago(minutes=1), last_ok_at=now)
    make_channel(team, enabled=False, disabled_at=now)
    make_channel(team, enabled=False, disabled_at=ago(days=3))
    make_channel(team, enabled=False)  # by hand
    found = reading_alerts.messages(timezone.now())
    assert (found.failing, found.switched_off, found.switched_off_lately) == (1, 2, 1)
    assert found.last_sent == Channel.objects.get(last_ok_at__isnull=False).last_ok_at


def test_jobs_their_pings_and_the_times_nobody_could_listen(now):
    team = team_of(make_user())
    heartbeat = make_heartbeat(team)
    make_heartbeat(team, name="Paused", target="paused", paused=True)
    for n, seconds in enumerate((90, 40, 10), 1):
        Ping.objects.create(heartbeat_id=heartbeat.pk, n=n, kind="success", received_at=ago(seconds=seconds))
    late = ago(seconds=30)
    Heartbeat.objects.filter(pk=heartbeat.pk).update(pings=3, last_ping_at=ago(seconds=10), look_at=late)
    IngestGap.objects.create(start=ago(hours=2), end=ago(hours=1))
    IngestGap.objects.create(start=ago(days=2), end=ago(days=2))
    found = reading_alerts.jobs(timezone.now())
    assert (found.heartbeats, found.pings, found.gaps) == (1, 2, 1)
    assert (found.late.count, found.late.oldest) == (1, late)
