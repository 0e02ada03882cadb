"""When a channel does not work: the message goes another way, and the owners hear of the channel itself."""

from datetime import datetime

from alerts.channels.base import Event
from alerts.models import Channel, Delivery
from alerts.recipients import Book, saved

MESSAGES = (Event.DOWN, Event.UP, Event.EXPIRY, Event.DIGEST)  # what must be heard somehow


def fall_back(delivery: Delivery, reason: str, now: datetime) -> bool:
    """Send it through its channel's fallback, or else to the owners' own email; True when there is such a way.

    What already goes another way, and what is no news of an incident, is left alone."""
    channel = delivery.channel
    if channel is None or delivery.instead_of_id or delivery.event not in MESSAGES:
        return False
    others = [other for other in _others(channel) if other.pk != channel.pk]
    why = f"Instead of {channel.name}, which failed: {reason}"[:300]
    rows = [_copy(delivery, other, why, now) for other in map(saved, others)]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return bool(rows)


def _others(channel: Channel) -> list[Channel]:
    if channel.fallback and channel.fallback.enabled:
        return [channel.fallback]
    return [each for each in Book([channel.team_id]).owners(channel.team_id) if each.enabled]


def _copy(delivery: Delivery, channel: Channel, why: str, now: datetime) -> Delivery:
    return Delivery(
        team_id=delivery.team_id,
        channel=channel,
        channel_name=channel.name,
        channel_kind=channel.kind,
        incident=delivery.incident,
        transition=delivery.transition,
        notice=delivery.notice,
        event=delivery.event,
        severity=delivery.severity,
        key=f"{delivery.pk}:instead:{channel.pk}",
        first=delivery.first,
        why=why,
        note=delivery.note,
        due_at=delivery.due_at,
        next_attempt_at=now,
        instead_of=delivery,
    )


def switch_off(channel: Channel, reason: str, now: datetime) -> None:
    """Its provider wants nothing more from it: it is not used any more, and the owners are told."""
    changed = Channel.objects.filter(pk=channel.pk, enabled=True).update(
        enabled=False, disabled_reason=reason[:500], disabled_at=now
    )
    if not changed:
        return
    note = f"The channel {channel.name} was switched off\n{reason} Alerts that should go there take another way."
    others = [other for other in _others(channel) if other.pk != channel.pk]
    _tell(others, f"off:{channel.pk}:{now.timestamp():.0f}", f"{channel.name} was switched off", note, now)


def tell_owners(team_id: int, key: str, why: str, note: str, now: datetime) -> None:
    """Send the owners an email about what does not work as it was set up, once for each `key`. The first line of `note`
    is its title."""
    _tell([each for each in Book([team_id]).owners(team_id) if each.enabled], key, why, note, now)


def _tell(channels: list[Channel], key: str, why: str, note: str, now: datetime) -> None:
    rows = [
        Delivery(
            team_id=channel.team_id,
            channel=channel,
            channel_name=channel.name,
            channel_kind=channel.kind,
            event=Event.CHANNEL,
            key=f"{key}:{channel.pk}",
            why=why[:300],
            note=note,
            due_at=now,
            next_attempt_at=now,
        )
        for channel in map(saved, channels)
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
