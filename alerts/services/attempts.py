"""One attempt at one delivery, and what follows from how it went.

Sending and writing down are two things: a crash between them sends a message once more, with the same key. Nothing is
locked while a provider takes its time.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from psycopg_pool import PoolTimeout

from alerts import messages
from alerts.channels.base import Event, Message, Permanent, Receipt, Rendered, Temporary
from alerts.domain.tries import FALL_BACK, next_attempt
from alerts.models import FAILING, Channel, ChannelQuerySet, Delivery, Status
from alerts.services import browsers, falling_back, mail_templates
from alerts.transport import Transport
from monitors import live
from uptime.lib.net import Guard

INSIST_S, AGAIN_S = 45.0, 1.0  # until the lease has nearly run out
WELL_FOR = timedelta(seconds=10)  # a channel of which this is known need not be told with every message
logger = logging.getLogger(__name__)
Outcome = Receipt | Temporary | Permanent


def load(ids: Sequence[int]) -> list[Delivery]:
    """Deliveries that were claimed, in the same order and with all that sending them takes: read at once, which costs
    far less than each by itself."""
    related = ("team", "channel__member", "incident__monitor", "incident__acknowledged_by")
    told = Delivery.objects.told().filter(incident=OuterRef("incident"), channel=OuterRef("channel"))
    rows = Delivery.objects.select_related(*related).annotate(heard=Exists(told.exclude(pk=OuterRef("pk"))))
    found = rows.in_bulk(ids)
    for delivery in found.values():
        delivery.heard_before = delivery.heard
    return [found[pk] for pk in ids if pk in found]


def attempt(delivery: Delivery, let_go: Callable[[], None]) -> Delivery:
    """Send a delivery as it was loaded, and write down what came of it.

    `let_go` is called before the provider, who may take long: nobody may hold a connection to the database meanwhile,
    as there are fewer of those than messages under way."""
    needless = _needless(delivery)
    if needless:
        return _close(delivery, Status.CANCELLED, needless)
    outcome = _send(delivery, let_go)
    _insist(delivery, outcome)
    live.bump([delivery.team_id])
    return delivery


def try_once(delivery: Delivery) -> Delivery:
    """Send now, with somebody waiting for the result: a failure is final, and says nothing about other messages."""
    outcome, now = _send(delivery, _keep_hold), timezone.now()
    browsers.note(outcome.places, str(delivery.uuid), now)
    if isinstance(outcome, Receipt):
        _succeeded(delivery, outcome, now)
    else:
        _end(delivery, Status.DEAD, outcome.reason, now)
        _mark_failed(delivery, outcome.reason, now)
    return delivery


def _keep_hold() -> None:
    """Who waits for the result has a connection of their own."""


def _needless(delivery: Delivery) -> str:
    """Why it need not be sent any more; empty when it must be."""
    channel = delivery.channel
    if channel is None:
        return "The channel was deleted."
    if not channel.enabled:
        other = falling_back.fall_back(delivery, "it is switched off", timezone.now())
        return f"The channel is switched off{'; it went another way' if other else ''}."
    return _overtaken(delivery)


def _overtaken(delivery: Delivery) -> str:
    """What has made the news of an incident old, if anything has."""
    incident = delivery.incident
    if incident is None or delivery.event not in {Event.DOWN, Event.REMINDER}:
        return ""
    if incident.resolved_at:
        return "It was resolved before this was sent."
    if incident.acknowledged_at and delivery.event == Event.DOWN and not delivery.first:
        return "Somebody had acknowledged it."
    return ""


def _send(delivery: Delivery, let_go: Callable[[], None]) -> Outcome:
    """Compose, keep what is said, and hand it over. Whatever goes wrong is an outcome."""
    try:
        channel = delivery.channel
        assert channel is not None  # noqa: S101 - whoever calls has looked
        kind, options = channel.about, {**channel.all_options, "channel_id": channel.pk}
        if kind.to_browsers:
            options |= browsers.identity()
        message: Message = messages.compose(delivery, timezone.now())
        rendered = kind.render(message, options)
        _keep(delivery, rendered)
        if rendered.problem:
            mail_templates.report(delivery, rendered.problem, timezone.now())
        let_go()
        with Transport(Guard(settings.ALLOW_PRIVATE_TARGETS)) as transport:
            return kind.send(message, options, transport)
    except (Temporary, Permanent) as outcome:
        return outcome
    except Exception as error:
        logger.exception("Delivery %s through a channel of kind %s", delivery.pk, delivery.channel_kind)
        return Temporary(f"Something went wrong here: {type(error).__name__}. The log says what.")


def _keep(delivery: Delivery, rendered: Rendered) -> None:
    """What is said, before it is said: after a crash it is still known what may have gone out."""
    delivery.title, delivery.text = _storable(rendered.title)[:300], _storable(rendered.text)
    delivery.html, delivery.body = _storable(rendered.html), _storable(rendered.body)
    delivery.save(update_fields=["title", "text", "html", "body"])


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


# What follows ---------------------------------------------------------------------------------------------------------
def _insist(delivery: Delivery, outcome: Outcome) -> None:
    """Write down what came of it, also when the database is away for a while: what is not written is sent again."""
    until = time.monotonic() + INSIST_S
    while True:
        try:
            _write_down(delivery, outcome, timezone.now())
            return
        except (Error, PoolTimeout):
            if time.monotonic() > until:
                raise
            connection.close()
            time.sleep(AGAIN_S)


def _write_down(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Unless a lease ran out and somebody else has finished it."""
    browsers.note(outcome.places, str(delivery.uuid), now)
    if isinstance(outcome, Receipt):
        _succeeded(delivery, outcome, now)
        return
    with transaction.atomic():
        if Delivery.objects.select_for_update().filter(pk=delivery.pk, status=Status.SENDING).exists():
            _went_wrong(delivery, outcome, now)


def _went_wrong(delivery: Delivery, outcome: Temporary | Permanent, now: datetime) -> None:
    if isinstance(outcome, Temporary):
        _failed(delivery, outcome, now)
        return
    _end(delivery, Status.DEAD, outcome.reason, now)
    _mark_failed(delivery, outcome.reason, now)
    falling_back.fall_back(delivery, outcome.reason, now)
    if outcome.disable and delivery.channel:
        falling_back.switch_off(delivery.channel, outcome.reason, now)


def _succeeded(delivery: Delivery, receipt: Receipt, now: datetime) -> None:
    delivery.reference = _storable(receipt.reference)[:200]
    ended = _end(delivery, Status.KEPT if receipt.kept else Status.SENT, receipt.answer, now)
    if ended and not receipt.kept:
        # By what is stored now: another message may have failed since this one was read.
        stale = Q(last_ok_at=None) | Q(last_ok_at__lt=now - WELL_FOR) | FAILING
        _channel(delivery).filter(stale).update(last_ok_at=now)


def _failed(delivery: Delivery, outcome: Temporary, now: datetime) -> None:
    """Again later, or given up; who waits too long is told another way meanwhile."""
    first = delivery.tried_at or now
    wait = None if outcome.retry_after_s is None else timedelta(seconds=min(outcome.retry_after_s, 1e6))
    again = next_attempt(delivery.attempts, first, now, random.random(), wait)  # noqa: S311 - no secret
    _mark_failed(delivery, outcome.reason, now)
    if again is None:
        _end(delivery, Status.DEAD, outcome.reason, now)
    else:
        delivery.status, delivery.next_attempt_at = Status.FAILED, again
        delivery.answer = _storable(outcome.reason)[:500]
        delivery.save(update_fields=["status", "next_attempt_at", "answer"])
    if again is None or now - first >= FALL_BACK:
        falling_back.fall_back(delivery, outcome.reason, now)


def _end(delivery: Delivery, status: Status, answer: str, now: datetime) -> bool:
    """False where somebody else has ended it: it is left as it was, and not counted twice."""
    said, ours = _storable(answer)[:500], Delivery.objects.filter(pk=delivery.pk, status=Status.SENDING)
    if not ours.update(status=status, answer=said, finished_at=now, reference=delivery.reference):
        return False
    delivery.status, delivery.answer, delivery.finished_at = status, said, now
    return True


def _close(delivery: Delivery, status: Status, answer: str) -> Delivery:
    _end(delivery, status, answer, timezone.now())
    live.bump([delivery.team_id])
    return delivery


def _mark_failed(delivery: Delivery, reason: str, now: datetime) -> None:
    _channel(delivery).update(last_failed_at=now, last_error=_storable(reason)[:500])


def _channel(delivery: Delivery) -> ChannelQuerySet:
    """Its channel, or nothing where that was deleted meanwhile."""
    return Channel.objects.filter(pk=delivery.channel_id or 0)
