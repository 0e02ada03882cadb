"""Text messages over Twilio: what is sent, what Twilio's answers mean, and what it tells us afterwards."""

import uuid

import pytest

from alerts.channels import twilio
from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.sms import MOST, SmsOptions
from alerts.models import Channel, Delivery
from alerts.transport import Transport
from tests.alerts.cast import goes_down, make_owned
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.twilio import ACCOUNT, TOKEN, Twilio
from tests.factories import make_channel, make_delivery
from uptime.lib.net import Guard

KIND = KINDS.get("sms")
OPTIONS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "to": "+4915123456789", "sender": "+14155550100"}


@pytest.fixture
def provider(settings):
    settings.BASE_URL = "https://uptime.example.com"
    with Twilio() as server:
        yield server


def send(provider, message=None, **options):
    with Transport(Guard(allow_private=True), 5) as way:
        return KIND.send(message or make_message(), {**OPTIONS, "server": provider.url, **options}, way)


def test_a_message_says_what_happened_and_where_to_look(provider):
    receipt = send(provider)
    [said] = provider.said
    key = make_message().key
    assert said == {
        "To": "+4915123456789",
        "From": "+14155550100",
        "Body": "Shop is down\nAnswered 500. Down since 27 Nov 2026, 12:00:00 UTC.\nhttps://uptime.example/incidents/12",
        "StatusCallback": f"https://uptime.example.com/twilio/{key}/status",
    }
    assert (receipt.answer, receipt.reference) == ("201 queued", "SM" + "1".zfill(32))


def test_a_messaging_service_sends_in_place_of_a_number(provider):
    send(provider, sender="MG" + "0" * 32)
    assert provider.said[0]["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in provider.said[0]


def test_what_is_too_long_is_cut_before_the_link_and_typography_costs_no_second_part(provider):
    send(provider, make_message(title="“Shop” is down", text="Ü" * 3000))
    send(provider, make_message(event=Event.DIGEST, lines=tuple(f"Shop {each} is down" for each in range(200))))
    for said in provider.said:
        assert len(said["Body"]) <= MOST
        assert said["Body"].endswith("...\nhttps://uptime.example/incidents/12")
    assert provider.said[0]["Body"].startswith('"Shop" is down\n')
    assert "Shop 0 is down\nShop 1 is down" in provider.said[1]["Body"]


@pytest.mark.parametrize("base", ["http://localhost:8000", "http://192.168.1.5:8000", "http://nas.local", "http://nas"])
def test_where_twilio_cannot_reach_us_it_is_not_asked_to(provider, settings, base):
    settings.BASE_URL = base
    send(provider)
    assert "StatusCallback" not in provider.said[0]


# Answers --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "code"),
    [({"auth_token": "f" * 32}, 20003), ({"to": "+1"}, 21211)],
    ids=["a wrong token", "a wrong number"],
)
def test_what_is_wrong_for_good_switches_the_channel_off(provider, options, code):
    with pytest.raises(Permanent, match=f"error {code}") as caught:
        send(provider, **options)
    assert caught.value.disable


@pytest.mark.parametrize(
    ("status", "code", "kind", "disable"),
    [
        (400, 21610, Permanent, True),
        (400, 21617, Permanent, False),
        (400, 21611, Temporary, None),
        (429, 20429, Temporary, None),
        (500, 20500, Temporary, None),
        (503, 20503, Temporary, None),
    ],
)
def test_each_error_means_what_twilio_says_it_means(provider, status, code, kind, disable):
    provider.says(status, code, "Because")
    with pytest.raises(kind, match=f"Twilio answered {status}: Because \\(error {code}\\)") as caught:
        send(provider)
    assert getattr(caught.value, "disable", None) == disable


def test_too_many_requests_wait_as_long_as_twilio_says(provider):
    provider.says(429, 20429, "Too Many Requests", Retry_After="7")
    with pytest.raises(Temporary) as caught:
        send(provider)
    assert caught.value.retry_after_s == 7


# The form -------------------------------------------------------------------------------------------------------------
def test_the_form_takes_numbers_as_people_write_them():
    form = SmsOptions.of({**OPTIONS, "to": " +49 (151) 234-567 89", "sender": "Uptime"})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["to"] == "+4915123456789"
    assert form.cleaned_data["server"] == "https://api.twilio.com"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("to", "0151 23456789", "international"),
        ("to", "", "required"),
        ("sender", "A name far too long", "11 letters"),
        ("account_sid", "SK" + "0" * 32, "AC and 32"),
        ("auth_token", "not a token!", "letters and digits"),
        ("server", "https://evil.example", "twilio.com"),
        ("server", "http://api.twilio.com", "https"),
    ],
)
def test_the_form_says_what_is_wrong(field, value, says):
    form = SmsOptions.of({**OPTIONS, field: value})
    assert says in str(form.errors[field])


def test_the_token_is_kept_secret():
    assert KIND.secret_fields == ("auth_token",)
    assert TOKEN not in KIND.summary(OPTIONS)


# What Twilio tells us -------------------------------------------------------------------------------------------------
def test_the_signature_is_the_one_twilios_libraries_make():
    """The vectors of twilio-python's tests/unit/test_request_validator.py, and of usage/security."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    said = {"CallSid": ["CA1234567890ABCDE"], "Digits": ["1234"], "From": ["+14158675309"], "To": ["+18005551212"]}
    said["Caller"] = ["+14158675309"]
    assert twilio.is_signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "12345", url, said)
    assert twilio.is_signed("kvajT1Ptam85bY51eRf/AJRuM3w=", "12345", url, said)  # with the port 443
    assert twilio.is_signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "12345", url.replace(".com", ".com:1234"), said)
    twice = {"Sid": ["CA123"], "SidAccount": ["AC123"], "Digits": ["5678", "1234"]}
    assert twilio.is_signed("IK+Dwps556ElfBT0I3Rgjkr1wJU=", "12345", url, twice)
    assert not twilio.is_signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "12346", url, said)
    assert not twilio.is_signed("", "", url, said)


@pytest.fixture
def sent(db, settings):
    """A message Twilio has taken."""
    settings.BASE_URL = "https://uptime.example.com"
    monitor = make_owned()
    channel = make_channel(monitor.team, kind="sms", name="Phone", options={"to": "+4915123456789"})
    channel.secrets = {"auth_token": TOKEN}
    channel.save()
    return make_delivery(channel, incident=goes_down(monitor), status="sent", reference="SM1")


def tell(client, delivery, token=TOKEN, key=None, **said):
    path = f"/twilio/{key or delivery.uuid}/status"
    proof = twilio.signature(token, f"https://uptime.example.com{path}", said.items())
    return client.post(path, said, headers={"X-Twilio-Signature": proof})


def test_what_arrived_is_written_down(client, sent):
    assert tell(client, sent, MessageSid="SM1", MessageStatus="delivered").status_code == 204
    sent.refresh_from_db()
    assert (sent.status, sent.answer) == ("sent", "Twilio said: delivered.")


def test_what_did_not_arrive_goes_another_way(client, sent):
    tell(client, sent, MessageSid="SM1", MessageStatus="undelivered", ErrorCode="30003")
    sent.refresh_from_db()
    assert (sent.status, sent.answer) == ("dead", "Twilio said: undelivered (error 30003).")
    [other] = Delivery.objects.filter(instead_of=sent)
    assert other.channel_kind == "email"
    assert Channel.objects.get(pk=sent.channel_id).failing


def test_news_of_an_earlier_attempt_changes_nothing(client, sent):
    tell(client, sent, MessageSid="SM0", MessageStatus="failed")
    sent.refresh_from_db()
    assert sent.status == "sent"


def test_who_does_not_hold_the_token_tells_nothing(client, sent):
    assert tell(client, sent, token="f" * 32, MessageStatus="failed").status_code == 404
    assert tell(client, sent, key=uuid.uuid4(), MessageStatus="failed").status_code == 404
    assert client.post(f"/twilio/{sent.uuid}/status", {"MessageStatus": "failed"}).status_code == 404
    assert client.get(f"/twilio/{sent.uuid}/status").status_code == 405
    sent.refresh_from_db()
    assert sent.status == "sent"


def test_a_team_that_uses_no_twilio_has_no_such_address(client, sent):
    sent.channel.secrets = {}
    sent.channel.save()
    assert tell(client, sent, token="", MessageStatus="failed").status_code == 404
