"""WhatsApp over Meta's Cloud API, against a stand-in that refuses what Meta refuses.

Pages of https://developers.facebook.com/documentation/business-messaging/whatsapp: messages/text-messages (request,
4096 characters), support/error-codes (codes, statuses and shape of errors), throughput (130429, 131056)."""

import json

import pytest

from alerts.channels.base import KINDS, Permanent, Temporary
from alerts.channels.whatsapp import WhatsAppOptions, filling
from alerts.transport import Transport
from tests.alerts.channels.messages import make_message
from tests.servers import Target, answer
from uptime.lib.net import Guard

KIND = KINDS.get("whatsapp")
TOKEN = "EAAG" + "x" * 60
OPTIONS = {"phone_number_id": "106540352242922", "access_token": TOKEN, "to": "+4915123456789", "language": "en"}


class Meta(Target):
    """Takes messages; `said` holds those that were taken."""

    def __init__(self):
        super().__init__()
        self.said = []
        self.does(self._take)

    def says(self, status, code, details="Because", **headers):
        self.does(error(status, code, details, **headers))

    def _take(self, target, connection, seen):
        said = json.loads(seen.body)
        problem = _problem(seen, said)
        if problem:
            return error(*problem)(target, connection, seen)
        self.said.append(said)
        taken = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": said["to"], "wa_id": said["to"].lstrip("+")}],
            "messages": [{"id": f"wamid.{len(self.said)}", "message_status": "accepted"}],
        }
        return answer(200, json.dumps(taken))(target, connection, seen)


def error(status, code, details, **headers):
    data = {"messaging_product": "whatsapp", "details": details}
    said = {
        "message": f"(#{code}) Title",
        "type": "OAuthException",
        "code": code,
        "error_data": data,
        "fbtrace_id": "A",
    }
    return answer(status, json.dumps({"error": said}), Content_Type="application/json", **headers)


def _problem(seen, said):
    if seen.headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, 190, "Access token has expired"
    if seen.path != "/v26.0/106540352242922/messages":
        return 400, 33, "The business phone number has been deleted."
    if said.get("messaging_product") != "whatsapp":
        return 400, 100, "The parameter messaging_product is required."
    if said["type"] == "text":
        return None if 0 < len(said["text"]["body"]) <= 4096 else (400, 100, "text.body must be 1 to 4096 characters")
    if said["template"]["name"] != "alert" or said["template"]["language"]["code"] != "en":
        return 404, 132001, "template name does not exist in the translation"
    [body] = said["template"]["components"]
    texts = [each["text"] for each in body["parameters"] if each["type"] == "text"]
    if len(texts) != 3:
        return 400, 132000, "number of parameters does not match the expected number of params"
    if not all(texts) or any(bad in text for text in texts for bad in ("\n", "\t", " " * 5)):
        return 400, 132018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
    if sum(map(len, texts)) > 1024:
        return 400, 132005, "Translated text too long"
    return None


@pytest.fixture
def provider():
    with Meta() as server:
        yield server


def send(provider, message=None, **options):
    with Transport(Guard(allow_private=True), 5) as way:
        return KIND.send(message or make_message(), {**OPTIONS, "server": f"{provider.url}/v26.0", **options}, way)


def test_a_message_is_text_with_a_link(provider):
    receipt = send(provider)
    [said] = provider.said
    assert (said["to"], said["type"]) == ("+4915123456789", "text")
    assert said["text"]["body"] == (
        "*Shop is down*\nAnswered 500. Down since 27 Nov 2026, 12:00:00 UTC.\nhttps://uptime.example/incidents/12"
    )
    assert (receipt.answer, receipt.reference) == ("200 accepted", "wamid.1")


def test_a_template_is_filled_with_title_text_and_link(provider):
    send(provider, template="alert")
    [said] = provider.said
    parameters = said["template"]["components"][0]["parameters"]
    assert [each["text"] for each in parameters] == filling(make_message())
    assert filling(make_message())[0] == "Shop is down"


@pytest.mark.parametrize("template", ["", "alert"])
def test_whatever_is_said_keeps_to_the_limits(provider, template):
    send(provider, make_message(title="Shop\n\tis       down", text="long " * 3000), template=template)
    send(provider, make_message(title="", text=""), template=template)
    send(provider, make_message(lines=tuple(f"Shop {each} is down" for each in range(500))), template=template)
    assert len(provider.said) == 3
    assert "https://uptime.example/incidents/12" in json.dumps(provider.said[0])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"access_token": "old"}, 190),
        ({"phone_number_id": "1"}, 33),
        ({"template": "unknown"}, 132001),
    ],
    ids=["an expired token", "a deleted number", "an unknown template"],
)
def test_what_is_wrong_for_good_switches_the_channel_off(provider, options, code):
    with pytest.raises(Permanent, match=f"error {code}") as caught:
        send(provider, **options)
    assert caught.value.disable


@pytest.mark.parametrize(
    ("status", "code", "kind", "disable"),
    [
        (400, 4, Temporary, None),
        (429, 130429, Temporary, None),
        (400, 131056, Temporary, None),
        (500, 131000, Temporary, None),
        (503, 2, Temporary, None),
        (400, 131026, Permanent, False),
        (400, 131047, Permanent, False),
        (400, 131042, Permanent, True),
        (403, 200, Permanent, True),
        (401, 0, Permanent, True),
    ],
)
def test_each_error_means_what_meta_says_it_means(provider, status, code, kind, disable):
    provider.says(status, code)
    with pytest.raises(kind, match=f"WhatsApp answered {status}: Because \\(error {code}\\)") as caught:
        send(provider)
    assert getattr(caught.value, "disable", None) == disable


def test_who_may_only_get_a_template_is_told_so(provider):
    provider.says(400, 131047, "More than 24 hours have passed.")
    with pytest.raises(Permanent, match="Enter a template"):
        send(provider)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "no"}', b'{"error": {"error_data": 5}}'])
def test_an_answer_in_no_known_shape_is_an_answer_all_the_same(provider, body):
    provider.does(answer(502, body))
    with pytest.raises(Temporary, match="502"):
        send(provider)
    provider.does(answer(200, body))
    assert send(provider).answer == "200 accepted"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("phone_number_id", "+49151234567", "not the number"),
        ("to", "0151", "international"),
        ("template", "My Template", "small letters"),
        ("language", "English", "en_US"),
        ("server", "https://evil.example/v26.0", "graph.facebook.com"),
    ],
)
def test_the_form_says_what_is_wrong(field, value, says):
    assert says in str(WhatsAppOptions.of({**OPTIONS, field: value}).errors[field])


def test_the_form_has_defaults_for_what_few_change():
    form = WhatsAppOptions.of({**OPTIONS, "language": ""})
    assert form.is_valid(), form.errors
    assert (form.cleaned_data["language"], form.cleaned_data["server"]) == ("en", "https://graph.facebook.com/v26.0")
