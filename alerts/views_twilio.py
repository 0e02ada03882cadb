"""What Twilio asks and tells us: what became of a message, what a call is to say, and which key was pressed.

Every request is signed with the auth token of the channel the message went through; one that is not gets nothing."""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from alerts import messages
from alerts.channels import voice
from alerts.channels.base import Message
from alerts.channels.twilio import callback, is_signed
from alerts.models import Delivery
from alerts.services import calling_back


@csrf_exempt  # the signature is the proof; no cookie is read
@require_POST
def status(request, key):
    """Message statuses (MessageStatus, MessageSid) and those of calls (CallStatus, CallSid)."""
    delivery, said = _delivery(request, key), request.POST
    code = said.get("ErrorCode", "")
    calling_back.report(
        delivery,
        (said.get("MessageStatus") or said.get("CallStatus") or "")[:40],
        (said.get("MessageSid") or said.get("CallSid") or "")[:200],
        f"error {code}"[:60] if code else "",
    )
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def call(request, key):
    """Somebody answered: what the voice reads now."""
    return _read(_message(_delivery(request, key)))


@csrf_exempt
@require_POST
def digit(request, key):
    """A key was pressed. Any other one than that which acknowledges has it read once more."""
    delivery = _delivery(request, key)
    message = _message(delivery)
    if request.POST.get("Digits") != voice.KEY:
        return _read(message)
    if delivery.incident_id is None:
        return _xml(voice.reply("The key works. Goodbye."))
    if calling_back.acknowledge(delivery):
        return _xml(voice.reply("You have acknowledged it. Nobody else is told. Goodbye."))
    return _xml(voice.reply(f"{voice.spoken(message)} There is nothing left to acknowledge. Goodbye."))


def _message(delivery: Delivery) -> Message:
    return messages.compose(delivery, timezone.now())


def _read(message: Message) -> HttpResponse:
    return _xml(voice.twiml(message, callback("twilio_digit", message)))


def _xml(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/xml; charset=utf-8")


def _delivery(request, key) -> Delivery:
    """The message Twilio speaks of. What is not signed by its account is as if it did not exist."""
    related = ("team", "channel__member", "incident__monitor", "incident__acknowledged_by")
    found = Delivery.objects.select_related(*related).filter(uuid=key).first()
    token = (found.channel.secrets or {}).get("auth_token", "") if found and found.channel else ""
    given, url = request.headers.get("X-Twilio-Signature", ""), settings.BASE_URL + request.get_full_path()
    if found is None or not is_signed(given, token, url, dict(request.POST.lists())):
        raise Http404("There is no such message.")
    return found
