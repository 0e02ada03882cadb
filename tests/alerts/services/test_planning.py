"""From what happened to the outbox: each row once, and nothing that need not be told."""

from datetime import time

import pytest
from django.utils import timezone

from accounts.models import Membership, Role
from alerts.models import Alarm, Delivery, MonitorPolicy, Policy, Step
from alerts.services import channels, policies
from incidents.models import Incident, Notice, Transition
from monitors.services import edit
from tests.alerts.cast import (
    announce,
    change,
    comes_back,
    goes_down,
    ledger,
    make_owned,
    make_policy,
    minutes,
    send,
)
from tests.factories import make_channel, make_monitor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor():
    return make_owned()


@pytest.fixture
def hook(monitor):
    return make_channel(monitor.team)


def test_the_owner_hears_of_the_first_monitor_by_email_with_nothing_set_up(monitor):
    incident = goes_down(monitor)
    assert announce() == 1
    [delivery] = Delivery.objects.all()
    assert (delivery.incident, delivery.event, delivery.channel_kind) == (incident, "down", "email")
    assert delivery.channel.summary == "alice@example.com"
    assert delivery.why == "Step 1, at once"
    assert delivery.transition == Transition.objects.get()
    assert not Transition.objects.waiting().exists()


def test_a_second_run_writes_nothing_twice(monitor):
    goes_down(monitor)
    assert [announce(), announce()] == [1, 0]
    Transition.objects.update(announced_at=None)
    assert announce() == 0


def test_what_is_held_back_or_dropped_or_silent_is_told_to_nobody(monitor):
    goes_down(monitor)
    Transition.objects.update(hold_until=timezone.now() + minutes(2))
    assert announce() == 0
    Transition.objects.update(hold_until=None, dropped_at=timezone.now())
    assert announce() == 0


def test_steps_follow_one_after_the_other_until_somebody_acknowledges(monitor, hook):
    make_policy(monitor.team, ("owners", 0), (hook, 300), ("team", 600))
    now = timezone.now()
    incident = goes_down(monitor, now)
    announce(now)
    assert len(ledger()) == 1
    assert Alarm.objects.get().next_at == now + minutes(5)
    announce(now + minutes(4))
    assert len(ledger()) == 1
    announce(now + minutes(5))
    assert ledger()[1][:2] == ("down", "Hook")
    Incident.objects.filter(pk=incident.pk).update(acknowledged_at=now + minutes(6))
    announce(now + minutes(10))
    assert len(ledger()) == 2
    assert Alarm.objects.get().next_at is None


def test_a_recovery_goes_to_all_who_heard_of_the_fall(monitor, hook, settings):
    settings.EMAIL_URL = ""
    make_policy(monitor.team, ("owners", 0), (hook, 600))
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    send(now)
    comes_back(monitor, now + minutes(3))
    announce(now + minutes(3))
    announce(now + minutes(20))
    assert ledger() == [("down", "alice's email", "kept"), ("up", "alice's email", "pending")]


def test_what_was_over_before_anybody_heard_is_told_in_one(monitor, hook):
    make_policy(monitor.team, (hook, 0))
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    comes_back(monitor, now + minutes(1))
    announce(now + minutes(1))
    assert ledger() == [("down", "Hook", "cancelled"), ("up", "Hook", "pending")]
    assert Delivery.objects.latest("pk").why == "It was resolved before anything had got out"


def test_fall_and_recovery_in_the_same_second_are_told_in_one(monitor, hook):
    make_policy(monitor.team, (hook, 0))
    now = timezone.now()
    goes_down(monitor, now)
    comes_back(monitor, now + minutes(1))
    announce(now + minutes(1))
    assert ledger() == [("down", "Hook", "cancelled"), ("up", "Hook", "pending")]


def test_without_recovery_notices_only_who_heard_nothing_hears_that_it_is_over(monitor, hook, settings):
    settings.EMAIL_URL = ""
    make_policy(monitor.team, ("owners", 0), (hook, 0), tell_recovery=False)
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    Delivery.objects.filter(channel_kind="email").update(status="sent")
    comes_back(monitor, now + minutes(1))
    announce(now + minutes(1))
    assert [row for row in ledger() if row[0] == "up"] == [("up", "Hook", "pending")]


def test_a_step_that_was_not_due_is_not_made_up_for(monitor, hook):
    make_policy(monitor.team, (hook, 300))
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    comes_back(monitor, now + minutes(2))
    announce(now + minutes(9))
    assert ledger() == []


@pytest.mark.parametrize("end", [edit.pause, edit.delete])
def test_who_pauses_or_deletes_a_monitor_is_not_told_that_it_recovered(monitor, hook, end):
    make_policy(monitor.team, (hook, 0))
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    monitor.state.status = "down"
    monitor.state.save()
    ended = end(monitor)
    change(monitor, "down", ended.after, now + minutes(1))
    announce(now + minutes(1))
    assert ledger() == [("down", "Hook", "cancelled")]


def test_the_same_channel_named_twice_at_the_same_time_hears_once(monitor, hook):
    make_policy(monitor.team, (hook, 0), (hook, 0))
    goes_down(monitor)
    assert announce() == 1


def test_a_member_is_told_by_the_channels_they_chose_for_the_severity(monitor):
    alice = monitor.created_by
    make_channel(monitor.team, name="Alice's own", member=alice, severities=["high"])
    make_channel(monitor.team, name="Only grave", member=alice, severities=["critical"])
    bob = make_user("bob", team=monitor.team, role=Role.MEMBER, email="bob@example.com")
    make_policy(monitor.team, ("team", 0))
    goes_down(monitor)
    announce()
    assert sorted(name for _, name, _ in ledger()) == ["Alice's own", "bob's email"]
    Membership.objects.filter(user=bob, team=monitor.team).delete()
    other = make_monitor(monitor.team, status="up")
    MonitorPolicy.objects.create(monitor=other, severity="critical")
    incident = goes_down(other)
    announce()
    assert [name for _, name, _ in ledger(incident=incident)] == ["Only grave"]


def test_a_monitor_may_go_by_another_policy(monitor, hook):
    quiet = Policy.objects.create(team=monitor.team, name="Hook only")
    Step.objects.create(policy=quiet, position=1, whom="channel", channel=hook)
    policies.assign(monitor, quiet)
    goes_down(monitor)
    announce()
    assert ledger() == [("down", "Hook", "pending")]
    policies.delete(quiet)
    other = goes_down(make_monitor(monitor.team, status="up"))
    announce()
    assert [name for _, name, _ in ledger(incident=other)] == ["alice's email"]


def test_a_policy_without_steps_tells_nobody(monitor):
    make_policy(monitor.team)
    goes_down(monitor)
    assert announce() == 0


def test_what_is_due_in_quiet_hours_waits_and_is_on_the_ledger(monitor, hook):
    make_policy(
        monitor.team, (hook, 0), quiet_from=time(0), quiet_to=time(23, 59), quiet_up_to="high", quiet_zone="UTC"
    )
    goes_down(monitor)
    now = timezone.now().replace(hour=12)
    announce(now)
    [delivery] = Delivery.objects.all()
    assert (delivery.next_attempt_at.hour, delivery.next_attempt_at.minute) == (23, 59)
    assert delivery.why == "Step 1, at once, put off until the quiet hours are over"


def test_a_switched_off_channel_is_stood_in_for_by_its_fallback(monitor, hook):
    hook.fallback = make_channel(monitor.team, name="Spare")
    hook.save()
    channels.switch(hook, False)
    make_policy(monitor.team, (hook, 0))
    goes_down(monitor)
    announce()
    assert ledger() == [("down", "Spare", "pending")]


def test_reminders_go_to_those_who_were_told(monitor, hook):
    make_policy(monitor.team, (hook, 0), remind_every=3600)
    now = timezone.now()
    goes_down(monitor, now)
    announce(now)
    announce(now + minutes(60))
    announce(now + minutes(61))
    assert [event for event, _, _ in ledger()] == ["down", "reminder"]


def test_a_new_step_counts_for_incidents_that_are_open(monitor, hook):
    make_policy(monitor.team, ("owners", 0))
    goes_down(monitor)
    announce()
    policy = Policy.objects.get()
    steps = [{"whom": "owners", "after": 0}, {"whom": "channel", "channel_id": hook.pk, "after": 0}]
    policies.save(policy, {"name": "Both"}, steps)
    announce()
    assert [name for _, name, _ in ledger()] == ["alice's email", "Hook"]


# What notices tell of -------------------------------------------------------------------------------------------------
def expiry(monitor, **fields):
    incident = Incident.objects.create(
        team=monitor.team, monitor=monitor, kind="certificate", started_at=timezone.now(), summary="Ends in 14 days."
    )
    notice(incident, "opened", "The certificate ends in 14 days.")
    return incident


def notice(incident, kind, text):
    Notice.objects.create(incident=incident, kind=kind, key=f"{kind}:{text[-8:]}", text=text, at=timezone.now())


def test_a_certificate_that_ends_soon_is_told_with_low_severity_and_in_its_own_words(monitor, hook):
    make_policy(monitor.team, (hook, 0))
    incident = expiry(monitor)
    announce()
    notice(incident, "step", "The certificate ends in 7 days.")
    announce()
    Incident.objects.update(resolved_at=timezone.now(), resolution="recovered")
    notice(incident, "resolved", "The certificate was renewed.")
    announce()
    rows = list(Delivery.objects.order_by("pk").values_list("event", "severity", "note"))
    assert rows == [
        ("expiry", "low", "The certificate ends in 14 days."),
        ("expiry", "low", "The certificate ends in 7 days."),
        ("up", "low", "The certificate was renewed."),
    ]
    assert not Notice.objects.waiting().exists()


def test_who_wants_to_hear_of_no_certificates_does_not(monitor, hook):
    make_policy(monitor.team, (hook, 0), tell_expiry=False)
    expiry(monitor)
    assert announce() == 0


def test_who_unsubscribed_from_their_account_email_gets_none(monitor):
    goes_down(monitor)
    announce()
    assert channels.leave(Delivery.objects.get().channel_id, "alice@example.com")
    other = goes_down(make_monitor(monitor.team, status="up"))
    announce()
    assert ledger(incident=other) == []


def test_who_chose_a_channel_of_their_own_gets_no_account_email_besides(monitor):
    goes_down(monitor)
    announce()
    make_channel(monitor.team, name="My own", member=monitor.created_by)
    other = goes_down(make_monitor(monitor.team, status="up"))
    announce()
    assert [name for _, name, _ in ledger(incident=other)] == ["My own"]
