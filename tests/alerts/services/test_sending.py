"""From the outbox to the receiver: at least once, in order, with the same key; and what follows from failures."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Role
from alerts.models import Channel, Delivery, Status
from alerts.services import attempts, channels, claiming
from incidents.models import Incident
from tests.alerts.cast import (
    announce,
    comes_back,
    goes_down,
    keep_hold,
    ledger,
    make_owned,
    make_policy,
    many_go_down,
    minutes,
    send,
)
from tests.factories import make_channel, make_user
from tests.servers import Target, answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor():
    return make_owned()


@pytest.fixture
def hook(monitor, sink):
    channel = make_channel(monitor.team, f"{sink.url}/hook")
    make_policy(monitor.team, (channel, 0))
    return channel


@pytest.fixture
def down(monitor, hook):
    """An incident whose first message is due."""
    incident = goes_down(monitor)
    announce()
    return incident


def row():
    return Delivery.objects.earliest("pk")


def test_a_message_is_sent_kept_and_answered(sink, hook, down):
    send()
    delivery = row()
    assert (delivery.status, delivery.attempts, delivery.answer) == ("sent", 1, "200 fine")
    assert delivery.title == "Shop is down"
    assert "Answered 500. Down since" in delivery.text
    assert sink.requests[0].body.decode() == delivery.body
    hook.refresh_from_db()
    assert hook.last_ok_at == delivery.finished_at
    assert send() == []


def test_a_crash_after_sending_sends_exactly_once_more_with_the_same_key(sink, down):
    [pk] = claiming.claim(timezone.now(), 10)
    attempts._send(*attempts.load([pk]), keep_hold)  # sent, and then the process is gone
    assert send() == []  # its lease holds
    send(timezone.now() + claiming.LEASE + timedelta(seconds=1))
    assert [seen.headers["webhook-id"] for seen in sink.requests] == [str(row().uuid)] * 2
    assert (row().status, row().attempts) == ("sent", 2)


def test_what_somebody_else_has_finished_meanwhile_is_left_as_it_is(sink, down):
    loaded = attempts.load(claiming.claim(timezone.now(), 10))
    Delivery.objects.update(status=Status.SENT, answer="by another")
    delivery = attempts.attempt(*loaded, keep_hold)
    assert row().answer == "by another"
    assert delivery.status == Status.SENDING  # which nobody counts as sent once more


def test_what_was_sent_is_written_down_once_the_database_is_back(sink, down, monkeypatch):
    """The connection breaks between sending and writing: it must not be sent once more because of that."""
    [pk] = claiming.claim(timezone.now(), 10)
    write, breaks = attempts._write_down, iter([True, True, False])

    def breaking(*args):
        if next(breaks):
            raise OperationalError("the connection is gone")
        write(*args)

    monkeypatch.setattr(attempts, "_write_down", breaking)
    monkeypatch.setattr(attempts, "AGAIN_S", 0)
    monkeypatch.setattr(attempts.connection, "close", lambda: None)  # the test's own transaction lives on it
    attempts.attempt(*attempts.load([pk]), keep_hold)
    assert (row().status, len(sink.requests)) == ("sent", 1)


def test_a_failure_is_tried_again_later_and_says_why(sink, hook, down):
    sink.does(answer(500, "broken"))
    now = timezone.now()
    send(now)
    assert (row().status, row().answer) == ("failed", "It answered 500 broken")
    assert timedelta(seconds=3) < row().next_attempt_at - now < timedelta(seconds=30)
    hook.refresh_from_db()
    assert hook.failing
    assert hook.last_error == "It answered 500 broken"
    sink.heals()
    send(row().next_attempt_at)
    assert (row().status, row().attempts) == ("sent", 2)


def test_a_channel_works_again_although_another_message_failed_after_this_one_was_read(sink, hook, down):
    now = timezone.now()
    Channel.objects.update(last_ok_at=now - timedelta(seconds=1))
    loaded = attempts.load(claiming.claim(now, 10))
    Channel.objects.update(last_failed_at=now)
    attempts.attempt(*loaded, keep_hold)
    hook.refresh_from_db()
    assert not hook.failing


def test_retry_after_is_honoured(sink, down):
    sink.does(answer(429, "slow", Retry_After="900"))
    now = timezone.now()
    send(now)
    assert row().next_attempt_at - now >= timedelta(seconds=900)


def test_after_a_day_it_is_given_up_and_can_be_sent_again(sink, down):
    sink.does(answer(500))
    Delivery.objects.update(tried_at=timezone.now() - timedelta(days=1), attempts=40)
    send()
    assert row().status == "dead"
    assert not channels.send_again(Delivery.objects.latest("pk"))  # the fallback, which is not dead
    sink.heals()
    assert channels.send_again(row())
    send()
    assert row().status == "sent"


def test_what_is_sent_again_when_it_is_over_says_that_it_was(sink, down, monitor):
    Delivery.objects.update(status=Status.DEAD)
    Incident.objects.update(resolved_at=timezone.now(), resolution="recovered")
    assert channels.send_again(row())
    send()
    assert row().title.startswith("Shop was down for")


def test_after_five_minutes_of_failing_it_goes_another_way(sink, hook, down, monitor):
    sink.does(answer(500))
    send()
    assert len(ledger()) == 1
    Delivery.objects.update(tried_at=timezone.now() - minutes(6), next_attempt_at=timezone.now())
    send()
    send(timezone.now() + minutes(120))
    instead = Delivery.objects.get(instead_of__isnull=False)
    assert instead.channel_name == "alice's email"
    assert instead.why.startswith("Instead of Hook, which failed: It answered 500")
    assert instead.title == "Shop is down"


def test_410_switches_the_channel_off_and_the_owner_hears_of_it(sink, hook, down):
    sink.does(answer(410, "gone"))
    send()
    hook.refresh_from_db()
    assert (hook.enabled, hook.disabled_reason) == (False, "It answered 410 gone: it wants no more messages.")
    send()
    assert ledger() == [
        ("down", "Hook", "dead"),
        ("down", "alice's email", "kept"),
        ("channel", "alice's email", "kept"),
    ]
    assert Delivery.objects.latest("pk").title == "The channel Hook was switched off"


def test_the_chosen_fallback_comes_before_the_owner(sink, hook, down, monitor):
    with Target() as spare:
        hook.fallback = make_channel(monitor.team, spare.url, name="Spare")
        hook.save()
        sink.does(answer(410))
        send()
        send()
        assert len(spare.requests) == 2
    assert {name for _, name, _ in ledger()} == {"Hook", "Spare"}


def test_up_never_overtakes_down(sink, hook, down, monitor):
    """While the fall is on its way, its end waits."""
    [pk] = claiming.claim(timezone.now(), 10)
    comes_back(monitor)
    announce()
    assert send() == []
    attempts.attempt(*attempts.load([pk]), keep_hold)
    assert row().status == "cancelled"  # it was over before it was sent
    send()
    [seen] = sink.requests
    assert b"Shop was down for" in seen.body


def test_who_heard_of_the_fall_hears_of_the_recovery(sink, down, monitor):
    send()
    comes_back(monitor)
    announce()
    send()
    assert [event for event, _, status in ledger() if status == "sent"] == ["down", "up"]
    assert b"Shop is up again" in sink.requests[1].body
    assert b"It was down for" in sink.requests[1].body


def test_a_later_step_is_not_sent_once_somebody_acknowledged(sink, hook, monitor):
    make_policy(monitor.team, ("owners", 0), (hook, 60))
    now = timezone.now()
    goes_down(monitor, now)
    announce(now + minutes(0))
    announce(now + minutes(2))
    Incident.objects.update(acknowledged_at=now)
    send(now + minutes(2))
    assert ledger()[1] == ("down", "Hook", "cancelled")


def test_a_deleted_channel_sends_nothing_and_keeps_its_ledger(sink, hook, down):
    channels.delete(hook)
    send()
    assert sink.requests == []
    assert ledger() == [("down", "Hook", "cancelled")]


def test_a_channel_switched_off_meanwhile_goes_another_way(sink, hook, down):
    Channel.objects.filter(pk=hook.pk).update(enabled=False)
    send()
    send()
    assert sink.requests == []
    assert ledger() == [("down", "Hook", "cancelled"), ("down", "alice's email", "kept")]


def test_a_kind_that_breaks_is_tried_again_and_breaks_nothing_else(down, monkeypatch):
    monkeypatch.setattr("alerts.messages.compose", lambda *_: 1 / 0)
    send()
    assert row().status == "failed"
    assert "ZeroDivisionError" in row().answer


# Tests ----------------------------------------------------------------------------------------------------------------
def test_a_test_is_a_real_message_and_its_failure_is_final(sink, hook):
    sent = channels.send_test(hook, "alice")
    assert (sent.status, sent.answer) == ("sent", "200 fine")
    assert b"This is how alerts will look" in sink.requests[0].body
    sink.does(answer(410, "gone"))
    failed = channels.send_test(hook, "alice")
    assert (failed.status, failed.answer) == ("dead", "It answered 410 gone: it wants no more messages.")
    hook.refresh_from_db()
    assert hook.enabled
    assert not Delivery.objects.open().exists()


# Many at once ---------------------------------------------------------------------------------------------------------
def test_what_is_too_much_for_a_channel_comes_in_one_digest(sink, hook, monitor):
    many_go_down(monitor, 45)  # from 50 on the brake is pulled
    now = timezone.now()
    while send(now):
        pass
    counted = [status for _, _, status in ledger()]
    assert (counted.count("sent"), counted.count("digested")) == (21, 25)
    digest = Delivery.objects.get(event="digest")
    assert digest.title == "25 alerts at once: 25 down"
    assert digest.parts.count() == 25
    assert b"Shop 44 is down: Answered 500" in sink.requests[-1].body


def test_after_a_digest_the_next_ones_wait_until_there_is_room(sink, hook, monitor):
    many_go_down(monitor, 25)
    now = timezone.now()
    while send(now):
        pass
    many_go_down(monitor, 3)
    assert send(now) == []
    assert Delivery.objects.open().count() == 3
    while send(timezone.now() + minutes(2)):
        pass
    assert not Delivery.objects.open().exists()


def test_a_digest_does_not_wait_behind_those_there_is_no_room_for(sink, hook, monitor):
    many_go_down(monitor, 30)
    now = timezone.now()
    attempts.attempt(*attempts.load(claiming.claim(now, 1)), keep_hold)  # the digest is made
    many_go_down(monitor, 10)
    while send(now + timedelta(seconds=1)):
        pass
    assert ledger(event="digest") == [("digest", "Hook", "sent")]
    assert Delivery.objects.open().count() > claiming.AT_ONCE


def test_a_digest_that_fails_goes_another_way_with_all_it_said(sink, hook, monitor):
    many_go_down(monitor, 30)
    while send():
        pass
    digest = Delivery.objects.get(event="digest")
    attempts.falling_back.fall_back(digest, "gone", timezone.now())
    send()
    instead = Delivery.objects.get(instead_of=digest)
    assert instead.title == digest.title
    assert "- Shop 29 is down: Answered 500" in instead.text


def test_a_channel_takes_a_few_at_a_time_and_others_are_not_in_its_way(sink, hook, monitor):
    with Target() as other:
        second = make_channel(monitor.team, other.url, name="Second")
        make_policy(monitor.team, (hook, 0), (second, 0))
        many_go_down(monitor, 10)
        claimed = Delivery.objects.filter(pk__in=claiming.claim(timezone.now(), 100))
        counts = [claimed.filter(channel=each).count() for each in (hook, second)]
        assert counts == [claiming.AT_ONCE, claiming.AT_ONCE]
        assert claiming.claim(timezone.now(), 100) == []


def test_a_flood_after_a_quiet_time_is_claimed_without_reading_all_of_it_for_each_message(hook, monitor):
    """PostgreSQL still believes that next to nothing is open then, and that to look through all of it costs nothing."""
    make_policy(monitor.team, *((make_channel(monitor.team, name=f"Channel {number}"), 0) for number in range(30)))
    many_go_down(monitor, 40)
    assert Delivery.objects.update(status=Status.SENT) == 1200
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_delivery")
    Delivery.objects.update(status=Status.PENDING)
    assert claiming._due(timezone.now()).explain().count("delivery_outbox") == 1


def test_other_members_are_told_when_the_owner_has_no_address(monitor, settings):
    """The newcomer's way: an account made by the API has no email, and the message is kept to be seen."""
    settings.EMAIL_URL = ""
    carol = make_user("carol", team=monitor.team, role=Role.OWNER)
    goes_down(monitor)
    announce()
    send()
    assert Delivery.objects.get(channel__member=carol).answer == (
        "carol has no email address: it is set on the profile."
    )


def test_channels_that_fail_take_half_of_the_threads_at_most(sink, hook, monitor):
    """Were the provider of many channels to hang, everybody else's messages would wait behind theirs."""
    now = timezone.now()
    stuck = [make_channel(monitor.team, name=f"Stuck {number}", last_failed_at=now) for number in range(4)]
    make_policy(monitor.team, *((each, 0) for each in stuck), (hook, 0))
    many_go_down(monitor, 3)
    claimed = Delivery.objects.filter(pk__in=claiming.claim(timezone.now(), 100, failing=5))
    assert claimed.exclude(channel=hook).count() == 5
    assert claimed.filter(channel=hook).count() == 3
    assert claiming.claim(timezone.now(), 100, failing=5) == []  # those under way count
