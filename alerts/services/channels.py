"""Verbs on channels, and on what was sent through them."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from alerts.channels.base import Event
from alerts.channels.webhook import FORMER_SECRET, SECRET, new_secret
from alerts.models import Channel, Delivery, Status
from alerts.services.attempts import try_once
from alerts.services.claiming import LEASE
from alerts.services.policies import look_again
from monitors import live

KEPT = timedelta(days=90)  # how long what was sent is shown
MANY = 5000  # rows removed at a time


@transaction.atomic
def save(channel: Channel, fields: dict) -> Channel:
    """Set fields of a channel, new or old. Whatever was wrong with it is forgotten: it is tried again."""
    for name, value in fields.items():
        setattr(channel, name, value)
    channel.disabled_reason, channel.disabled_at, channel.last_error = "", None, ""
    channel.last_failed_at = None
    channel.save()
    look_again(channel.team_id)
    return channel


@transaction.atomic
def change_signing_secret(channel: Channel) -> str:
    """Make a new signing secret, which is returned; messages are signed with the former one as well until that is taken
    out."""
    row = Channel.objects.select_for_update(of=("self",)).get(pk=channel.pk)
    made, secrets = new_secret(), dict(row.secrets or {})
    if present := secrets.get(SECRET):
        secrets[FORMER_SECRET] = present
    row.secrets = {**secrets, SECRET: made}
    row.save(update_fields=["secrets", "updated_at"])
    return made


def switch(channel: Channel, on: bool) -> None:
    save(channel, {"enabled": on})


@transaction.atomic
def delete(channel: Channel) -> None:
    """With its steps; what was sent through it stays in the ledger, what waits is not sent."""
    now = timezone.now()
    Delivery.objects.open().filter(channel=channel).update(
        status=Status.CANCELLED, answer="The channel was deleted.", finished_at=now
    )
    team = channel.team_id
    channel.delete()
    look_again(team)


def send_test(channel: Channel, who: str) -> Delivery:
    """Send a message through a channel now, and return what came of it."""
    now = timezone.now()
    delivery = Delivery.objects.create(
        team=channel.team,
        channel=channel,
        channel_name=channel.name,
        channel_kind=channel.kind,
        event=Event.TEST,
        key=f"test:{uuid.uuid4()}",
        why=f"{who} asked for it"[:300],
        status=Status.SENDING,
        attempts=1,
        due_at=now,
        tried_at=now,
        next_attempt_at=now + LEASE,
    )
    return try_once(delivery)


@transaction.atomic
def send_again(delivery: Delivery) -> bool:
    """Try a delivery that was given up once more, as if it were new. What was to say that something is down says that
    it was, if that is over. False when it was not given up, or its channel is gone."""
    row = Delivery.objects.select_for_update(of=("self",)).select_related("incident").filter(pk=delivery.pk).first()
    if row is None or row.status != Status.DEAD or row.channel_id is None:
        return False
    now = timezone.now()
    if row.incident and row.incident.resolved_at and row.event in {Event.DOWN, Event.REMINDER}:
        row.event = Event.UP
    row.status, row.attempts, row.tried_at, row.finished_at = Status.PENDING, 0, None, None
    row.next_attempt_at = now
    row.save()
    live.bump([row.team_id])
    return True


def leave(channel_id: int, address: str) -> bool:
    """Take an address out of an email channel: the link at the end of a mail. False where it was not in it."""
    with transaction.atomic():
        channel = Channel.objects.select_for_update(of=("self",)).select_related("member").filter(pk=channel_id).first()
        if channel is None:
            return False
        known = channel.options.get("addresses") or []
        own = channel.member and channel.member.email == address and not known
        if address not in known and not own:
            return False
        channel.options = {**channel.options, "addresses": [each for each in known if each != address]}
        if own or not channel.options["addresses"]:
            channel.enabled = False
            channel.disabled_reason, channel.disabled_at = f"{address} unsubscribed."[:500], timezone.now()
        channel.save()
    return True


def prune(now: datetime) -> int:
    """Remove what was sent long ago; returns how many."""
    old = Delivery.objects.filter(created_at__lt=now - KEPT).exclude(incident__resolved_at=None, incident__isnull=False)
    ids = list(old.values_list("pk", flat=True)[:MANY])
    Delivery.objects.filter(pk__in=ids).delete()
    return len(ids)
