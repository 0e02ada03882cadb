"""Calls, over Twilio (https://www.twilio.com/docs/voice/api/call-resource): a voice reads the incident, and a key
acknowledges it. What it reads is asked of us when somebody answers (TwiML): it says how things stand then."""

from xml.etree import ElementTree as Xml

from django import forms

from alerts.channels.base import Event, Message, Receipt, Rendered, Values
from alerts.channels.twilio import PhoneField, TwilioKind, TwilioOptions, callback, post, told_of
from alerts.transport import Transport

MOST = 600  # characters: read twice it takes a minute and a half; TwiML sent along may have 4000 (error 32018)
KEY = "1"
WAIT_S = 10  # for a key, once all is said
NOT_CALLED = "Nobody was called: it is up again."


class VoiceOptions(TwilioOptions):
    to = PhoneField(label="Call", help_text="The phone that rings, as in +49 151 23456789.")
    sender = PhoneField(label="From", help_text="A number of your account, or one you have verified there.")
    recoveries = forms.BooleanField(
        label="Call when it is up again, too",
        required=False,
        help_text=f"{KEY} acknowledges an incident, where Twilio can reach this site by its address (BASE_URL).",
    )


class Voice(TwilioKind):
    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, spoken(message), body=twiml(message, callback("twilio_digit", message)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        if message.event is Event.UP and not options.get("recoveries"):
            return Receipt(NOT_CALLED, kept=True)
        url = callback("twilio_call", message)
        what = {"Url": url} if url else {"Twiml": twiml(message, "")}
        fields = {"To": options["to"], "From": options["sender"], **what, **told_of(message)}
        return post("Calls", fields, options, transport)


def spoken(message: Message) -> str:
    """What the voice reads."""
    about, parts = message.subject, [message.title, *(message.lines or [message.text])]
    if about and about.resolved_at and message.event in {Event.DOWN, Event.REMINDER}:
        parts.append("It is over by now")
    elif about and about.acknowledged_at:
        parts.append(f"{about.acknowledged_by or 'Somebody'} has acknowledged it")
    said = " ".join(f"{_sayable(part)}." for part in parts)
    return said if len(said) <= MOST else said[: MOST - 3] + "..."


def _sayable(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split()).rstrip(".")


def can_acknowledge(message: Message) -> bool:
    """Whether a key would change anything. In a test it is but tried."""
    about = message.subject
    if about is None:
        return message.event is Event.TEST
    return about.resolved_at is None and about.acknowledged_at is None


def twiml(message: Message, digit_url: str) -> str:
    """Read the message twice; with `digit_url`, wait for a key (https://www.twilio.com/docs/voice/twiml/gather)."""
    response = Xml.Element("Response")
    if digit_url and can_acknowledge(message):
        gather = {"numDigits": "1", "timeout": str(WAIT_S), "action": digit_url, "method": "POST"}
        inside = Xml.SubElement(response, "Gather", gather)
        Xml.SubElement(inside, "Say", loop="2").text = f"{spoken(message)} Press {KEY} to acknowledge."
        Xml.SubElement(response, "Say").text = "No key was pressed. Goodbye."
    else:
        Xml.SubElement(response, "Say", loop="2").text = spoken(message)
    return document(response)


def reply(text: str) -> str:
    """Say this, and hang up."""
    response = Xml.Element("Response")
    Xml.SubElement(response, "Say").text = text
    return document(response)


def document(response: Xml.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + Xml.tostring(response, encoding="unicode")


KIND = Voice(
    name="voice",
    label="Call",
    description="A call that reads the incident aloud and takes a key to acknowledge it, over your Twilio account.",
    icon="bell",
    Options=VoiceOptions,
    secret_fields=("auth_token",),
    per_minute=2,
    per_hour=20,
)
