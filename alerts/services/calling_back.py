"""What a provider says of a message after it has taken it: whether it arrived, and what was answered on the phone."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from alerts.models import Channel, Delivery, Status
from alerts.services import falling_back
from incidents import handling
from incidents.handling import Person, RefusedError
from monitors import live

FAILED = {"failed", "undelivered", "canceled"}
NOBODY = {"busy": "The line was busy.", "no-answer": "Nobody answered the call."}


@transaction.atomic
def report(delivery: Delivery, said: str, reference: str = "", detail: str = "") -> None:
    """Write down the provider's word of a message: `said` is its status, `reference` its name for the message. One that
    was taken and did not arrive goes another way; what was sent anew meanwhile is left alone."""
    row = _locked(delivery)
    if row.status not in {Status.SENT, Status.SENDING} or (row.reference and reference and row.reference != reference):
        return
    now, words = timezone.now(), NOBODY.get(said) or f"Twilio said: {said}{f' ({detail})' if detail else ''}."
    if said in FAILED:
        _lost(row, words, now)
    elif row.status == Status.SENT:
        row.answer = words[:500]
        row.save(update_fields=["answer"])
        if said in NOBODY:
            falling_back.fall_back(row, words, now)
    transaction.on_commit(lambda: live.bump([row.team_id]))


def _lost(row: Delivery, words: str, now: datetime) -> None:
    row.status, row.answer, row.finished_at = Status.DEAD, words[:500], now
    row.save(update_fields=["status", "answer", "finished_at"])
    Channel.objects.filter(deliveries=row).update(last_failed_at=now, last_error=words[:500])
    falling_back.fall_back(row, words, now)


def acknowledge(delivery: Delivery) -> bool:
    """Whoever was told by `delivery` sees to its incident. False where there is nothing to acknowledge any more."""
    if delivery.incident is None:
        return False
    member = delivery.channel.member if delivery.channel else None
    try:
        handling.acknowledge(
            delivery.incident, Person.of(member) if member else Person(f"{delivery.channel_name}, by phone")
        )
    except RefusedError:
        return False
    return True


def _locked(delivery: Delivery) -> Delivery:
    related = ("channel__fallback", "incident")
    return Delivery.objects.select_for_update(of=("self",)).select_related(*related).get(pk=delivery.pk)
