"""Calls over Twilio: what is asked of Twilio, what the voice reads, and the key that acknowledges."""

from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import twilio
from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.voice import MOST, VoiceOptions, spoken, twiml
from alerts.models import Delivery
from alerts.transport import Transport
from incidents.models import Incident
from tests.alerts.cast import comes_back, goes_down, make_owned
from tests.alerts.channels.messages import NOON, make_message, make_subject
from tests.alerts.channels.twilio import ACCOUNT, TOKEN, Twilio
from tests.factories import make_channel, make_delivery
from uptime.lib.net import Guard

KIND = KINDS.get("voice")
OPTIONS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "to": "+4915123456789", "sender": "+14155550100"}
BASE = "https://uptime.example.com"


@pytest.fixture
def provider(settings):
    settings.BASE_URL = BASE
    with Twilio() as server:
        yield server


def send(provider, message=None, **options):
    with Transport(Guard(allow_private=True), 5) as way:
        return KIND.send(message or make_message(), {**OPTIONS, "server": provider.url, **options}, way)


def test_a_call_asks_us_what_to_say_and_tells_us_how_it_went(provider):
    receipt = send(provider)
    about = f"{BASE}/twilio/{make_message().key}"
    expected = {"To": "+4915123456789", "From": "+14155550100"}
    assert provider.said == [{**expected, "Url": f"{about}/call", "StatusCallback": f"{about}/status"}]
    assert receipt.reference == "CA" + "1".zfill(32)


def test_where_twilio_cannot_reach_us_the_words_are_sent_along(provider, settings):
    settings.BASE_URL = "http://localhost:8000"
    send(provider, make_message(text="&<" * 5000))
    [said] = provider.said
    assert "Url" not in said
    assert "StatusCallback" not in said
    assert Xml.fromstring(said["Twiml"]).find("Say").text.startswith("Shop is down. &<&<")
    assert "acknowledge" not in said["Twiml"]


def test_nobody_is_called_about_what_is_up_again_unless_they_want_to(provider):
    back = make_message(event=Event.UP, title="Shop is up again")
    assert send(provider, back).kept
    assert not send(provider, back, recoveries=True).kept
    assert len(provider.said) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind", "disable"),
    [
        (400, 21215, Permanent, True),
        (400, 21205, Permanent, False),
        (401, 20003, Permanent, True),
        (429, 20429, Temporary, None),
        (502, 20500, Temporary, None),
    ],
)
def test_each_error_means_what_twilio_says_it_means(provider, status, code, kind, disable):
    provider.says(status, code, "Because")
    with pytest.raises(kind) as caught:
        send(provider)
    assert getattr(caught.value, "disable", None) == disable


def test_a_call_comes_from_a_number():
    form = VoiceOptions.of({**OPTIONS, "sender": "Uptime"})
    assert "international" in str(form.errors["sender"])
    assert VoiceOptions.of(OPTIONS).is_valid()


# What is read ---------------------------------------------------------------------------------------------------------
def test_it_reads_what_happened_and_says_which_key_acknowledges():
    gather = Xml.fromstring(twiml(make_message(), "https://a.example/d?x=1&y=2")).find("Gather")
    assert (gather.get("action"), gather.get("numDigits")) == ("https://a.example/d?x=1&y=2", "1")
    assert gather.find("Say").text == (
        "Shop is down. Answered 500. Down since 27 Nov 2026, 12:00:00 UTC. Press 1 to acknowledge."
    )


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ({"resolved_at": NOON}, "It is over by now."),
        ({"acknowledged_at": NOON, "acknowledged_by": "bob"}, "bob has acknowledged it."),
        ({"acknowledged_at": NOON}, "Somebody has acknowledged it."),
    ],
)
def test_what_was_done_meanwhile_is_said_and_no_key_asked_for(subject, says):
    text = twiml(make_message(subject=make_subject(**subject)), "https://a.example/d")
    assert says in text
    assert "Gather" not in text


@given(st.text(), st.lists(st.text(), max_size=5))
def test_whatever_is_read_is_xml_and_short_enough_to_listen_to(text, lines):
    message = make_message(title=text, text=text, lines=tuple(lines))
    said = twiml(message, "")
    assert len(spoken(message)) <= MOST
    assert len(said) <= 4000
    Xml.fromstring(said)


# The key --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def ringing(db, settings):
    """A call that was answered, about a monitor that is down."""
    settings.BASE_URL = BASE
    monitor = make_owned()
    channel = make_channel(monitor.team, kind="voice", name="Phone", options={}, member=monitor.created_by)
    channel.secrets = {"auth_token": TOKEN}
    channel.save()
    return make_delivery(channel, incident=goes_down(monitor), status="sent", reference="CA1")


def press(client, delivery, digit=None, token=TOKEN):
    path = f"/twilio/{delivery.uuid}/{'call' if digit is None else 'digit'}"
    said = {"CallSid": "CA1", "CallStatus": "in-progress"} | ({"Digits": digit} if digit else {})
    proof = twilio.signature(token, BASE + path, said.items())
    return client.post(path, said, headers={"X-Twilio-Signature": proof})


def heard(response):
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    return " ".join(say.text for say in Xml.fromstring(response.content).iter("Say"))


def test_who_presses_one_acknowledges(client, ringing):
    assert "Shop is down. Answered 500." in heard(press(client, ringing))
    assert "You have acknowledged it" in heard(press(client, ringing, "1"))
    incident = Incident.objects.get()
    assert incident.acknowledged_at
    assert incident.acknowledged_by == ringing.channel.member
    assert "alice has acknowledged it. There is nothing left" in heard(press(client, ringing, "1"))


def test_any_other_key_has_it_read_once_more(client, ringing):
    assert "Press 1 to acknowledge" in heard(press(client, ringing, "5"))
    assert Incident.objects.get().acknowledged_at is None


def test_what_is_over_cannot_be_acknowledged(client, ringing):
    comes_back(ringing.incident.monitor)
    assert "It is over by now" in heard(press(client, ringing))
    assert "nothing left to acknowledge" in heard(press(client, ringing, "1"))
    assert Incident.objects.get().acknowledged_at is None


def test_a_test_call_lets_the_key_be_tried(client, ringing):
    test = make_delivery(ringing.channel, event="test", status="sent")
    assert "Press 1 to acknowledge" in heard(press(client, test))
    assert "The key works" in heard(press(client, test, "1"))
    assert Incident.objects.get().acknowledged_at is None


def test_without_the_right_signature_nothing_is_read_and_nothing_acknowledged(client, ringing):
    for digit in (None, "1"):
        response = press(client, ringing, digit, token="f" * 32)
        assert response.status_code == 404
        assert b"Shop" not in response.content
    assert Incident.objects.get().acknowledged_at is None


@pytest.mark.parametrize(
    ("said", "words"), [("no-answer", "Nobody answered the call."), ("busy", "The line was busy.")]
)
def test_a_call_nobody_took_goes_another_way_and_is_no_fault_of_the_channel(client, ringing, said, words):
    path = f"/twilio/{ringing.uuid}/status"
    told = {"CallSid": "CA1", "CallStatus": said}
    for _ in range(2):  # Twilio may say it twice
        proof = twilio.signature(TOKEN, BASE + path, told.items())
        assert client.post(path, told, headers={"X-Twilio-Signature": proof}).status_code == 204
    ringing.refresh_from_db()
    assert (ringing.status, ringing.answer, ringing.channel.failing) == ("sent", words, False)
    assert Delivery.objects.filter(instead_of=ringing).count() == 1
