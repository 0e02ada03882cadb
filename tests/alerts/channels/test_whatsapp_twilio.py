"""WhatsApp over Twilio, against the stand-in for Twilio."""

import json

import pytest

from alerts.channels.base import KINDS, Permanent, Temporary
from alerts.channels.whatsapp_twilio import WhatsAppTwilioOptions
from alerts.transport import Transport
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.twilio import ACCOUNT, TOKEN, Twilio
from uptime.lib.net import Guard

KIND = KINDS.get("whatsapp_twilio")
OPTIONS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "to": "+4915123456789", "sender": "+14155238886"}
CONTENT = "HX" + "a" * 32


@pytest.fixture
def provider(settings):
    settings.BASE_URL = "https://uptime.example.com"
    with Twilio() as server:
        yield server


def send(provider, message=None, **options):
    with Transport(Guard(allow_private=True), 5) as way:
        return KIND.send(message or make_message(), {**OPTIONS, "server": provider.url, **options}, way)


def test_a_message_is_text_with_a_link(provider):
    receipt = send(provider)
    [said] = provider.said
    assert (said["To"], said["From"]) == ("whatsapp:+4915123456789", "whatsapp:+14155238886")
    assert said["Body"].startswith("*Shop is down*\nAnswered 500.")
    assert said["StatusCallback"].endswith("/status")
    assert receipt.reference.startswith("SM")


def test_a_template_is_filled_and_comes_without_a_body(provider):
    """content/send-templates-created-with-the-content-template-builder, and api/errors/63016."""
    send(provider, content_sid=CONTENT)
    [said] = provider.said
    assert said["ContentSid"] == CONTENT
    assert "Body" not in said
    assert json.loads(said["ContentVariables"]) == {
        "1": "Shop is down",
        "2": "Answered 500. Down since 27 Nov 2026, 12:00:00 UTC.",
        "3": "https://uptime.example/incidents/12",
    }


def test_whatever_is_said_keeps_to_the_limits(provider):
    send(provider, make_message(text="Ü" * 5000))
    assert len(provider.said[0]["Body"]) <= 1600


@pytest.mark.parametrize(
    ("status", "code", "kind", "disable"),
    [(400, 63007, Permanent, True), (400, 21656, Permanent, False), (429, 20429, Temporary, None)],
)
def test_each_error_means_what_twilio_says_it_means(provider, status, code, kind, disable):
    provider.says(status, code, "Because")
    with pytest.raises(kind) as caught:
        send(provider)
    assert getattr(caught.value, "disable", None) == disable


@pytest.mark.parametrize(
    ("field", "value", "says"), [("content_sid", "HX1", "HX and 32"), ("sender", "Uptime", "international")]
)
def test_the_form_says_what_is_wrong(field, value, says):
    assert WhatsAppTwilioOptions.of(OPTIONS).is_valid()
    assert says in str(WhatsAppTwilioOptions.of({**OPTIONS, field: value}).errors[field])
