"""WhatsApp, over Twilio. Pages of https://www.twilio.com/docs: whatsapp/api, api/errors/63013, 63016, 63021, and
content/send-templates-created-with-the-content-template-builder."""

import json
import re
from typing import Any

from django.core.exceptions import ValidationError

from alerts.channels.base import Message, Receipt, Rendered, Values
from alerts.channels.twilio import PhoneField, TwilioKind, TwilioOptions, post, told_of
from alerts.channels.whatsapp import TEMPLATE_HELP, WITHOUT, filling, text
from alerts.transport import Transport
from monitors.probes.options import TextField

MOST = 1600  # characters (error 21617)


class ContentField(TextField):
    def clean(self, value: Any) -> str:
        found: str = super().clean(value).strip()
        if found and not re.fullmatch(r"HX[0-9a-fA-F]{32}", found):
            raise ValidationError("A content SID is HX and 32 characters of 0-9 and a-f.")
        return found


class WhatsAppTwilioOptions(TwilioOptions):
    to = PhoneField(label="To", help_text="The phone that is told, as in +49 151 23456789.")
    sender = PhoneField(label="From", help_text="The WhatsApp number of your account, or the sandbox's.")
    content_sid = ContentField(label="Content SID", required=False, help_text=f"{TEMPLATE_HELP} {WITHOUT}")


class WhatsAppTwilio(TwilioKind):
    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, text(message, MOST))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        fields = {"To": f"whatsapp:{options['to']}", "From": f"whatsapp:{options['sender']}", **told_of(message)}
        return post("Messages", {**fields, **_said(message, options)}, options, transport)


def _said(message: Message, options: Values) -> dict[str, str]:
    content = options.get("content_sid")
    if not content:
        return {"Body": text(message, MOST)}
    variables = {str(number): words for number, words in enumerate(filling(message), 1)}
    return {"ContentSid": content, "ContentVariables": json.dumps(variables, ensure_ascii=False)}


KIND = WhatsAppTwilio(
    name="whatsapp_twilio",
    label="WhatsApp (Twilio)",
    description="To a phone with WhatsApp, over your Twilio account.",
    icon="send",
    Options=WhatsAppTwilioOptions,
    secret_fields=("auth_token",),
    per_minute=8,
    per_hour=100,
)
