"""The generic webhook: what it sends, how it signs, and what it makes of answers."""

import base64
import hashlib
import hmac
import json

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.webhook import VARIABLES, WebhookOptions, new_secret, secret_bytes, signed, values
from alerts.transport import Transport
from tests.alerts.channels.messages import NOON, make_message, make_subject
from tests.servers import answer, redirect
from uptime.lib.net import Guard

KIND = KINDS.get("webhook")


def send(sink, message=None, **options):
    with Transport(Guard(allow_private=True), 5) as way:
        return KIND.send(message or make_message(), {"url": f"{sink.url}/hook", **options}, way)


def test_everything_there_is_to_say_comes_as_json(sink):
    receipt = send(sink)
    [seen] = sink.requests
    said = json.loads(seen.body)
    assert (seen.method, seen.path, seen.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert (said["type"], said["timestamp"]) == ("incident.down", "2026-11-27T12:00:00.000Z")
    assert said["data"]["monitor"] == {"id": 3, "name": "Shop", "target": "https://shop.example/"}
    assert said["data"]["incident"]["started_at"] == "2026-11-27T12:00:00.000Z"
    assert said["data"]["incident"]["resolved_at"] is None
    assert receipt.answer == "200 fine"


@pytest.mark.parametrize("flapping", [True, False])
def test_a_receiver_can_tell_flapping_from_an_outage(sink, flapping):
    send(sink, make_message(subject=make_subject(flapping=flapping)))
    assert json.loads(sink.requests[0].body)["data"]["incident"]["flapping"] is flapping


def test_it_is_signed_with_both_secrets_as_standard_webhooks(sink):
    new, old = new_secret(), new_secret()
    send(sink, signing_secret=new, old_signing_secret=old)
    [seen] = sink.requests
    key, at = seen.headers["webhook-id"], seen.headers["webhook-timestamp"]
    content = f"{key}.{at}.".encode() + seen.body
    expected = [
        "v1," + base64.b64encode(hmac.new(base64.b64decode(each[6:]), content, hashlib.sha256).digest()).decode()
        for each in (new, old)
    ]
    assert key == make_message().key
    assert seen.headers["webhook-signature"].split(" ") == expected


def test_the_signature_is_the_one_the_specification_shows():
    """The example of the Standard Webhooks libraries' own tests."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    moment = NOON.fromtimestamp(1614265330, NOON.tzinfo)
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', [secret], moment)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_template_says_what_it_wants_and_nothing_breaks_out_of_it(sink):
    evil = make_message(title='"}, {"x": "\n$URL')
    send(sink, evil, template='{"text": "$TITLE", "cost": "$$5", "who": "${MONITOR}"}')
    assert json.loads(sink.requests[0].body) == {"text": '"}, {"x": "\n$URL', "cost": "$5", "who": "Shop"}


def test_every_variable_is_filled_for_every_message():
    for message in (make_message(), make_message(event=Event.TEST, subject=None)):
        assert set(values(message)) == set(VARIABLES)
    ended = make_message(subject=make_subject(resolved_at=NOON))
    assert values(ended)["RESOLVED_AT"] == "2026-11-27T12:00:00.000Z"


def test_own_headers_and_methods_are_used(sink):
    headers = [{"name": "Authorization", "value": "Bearer abc"}, {"name": "Content-Type", "value": "application/x"}]
    send(sink, method="PUT", headers=headers)
    send(sink, method="GET")
    put, get = sink.requests
    assert (put.method, put.headers["authorization"], put.headers["content-type"]) == (
        "PUT",
        "Bearer abc",
        "application/x",
    )
    assert (get.method, get.body) == ("GET", b"")
    assert get.headers["webhook-id"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_taken(sink, status):
    sink.does(answer(status, ""))
    assert send(sink).answer.startswith(str(status))


@pytest.mark.parametrize(("status", "wait"), [(500, None), (404, None), (429, 30.0), (503, 30.0)])
def test_what_may_become_well_is_tried_again(sink, status, wait):
    sink.does(answer(status, "oh no", **({"Retry_After": "30"} if wait else {})))
    with pytest.raises(Temporary, match=f"{status} oh no") as raised:
        send(sink)
    assert raised.value.retry_after_s == wait


def test_410_wants_no_more_messages(sink):
    sink.does(answer(410, "gone"))
    with pytest.raises(Permanent) as raised:
        send(sink)
    assert raised.value.disable


def test_a_redirect_names_the_address_to_enter(sink):
    sink.does(redirect("https://new.example/hook", 301))
    with pytest.raises(Temporary, match=r"leads to https://new\.example/hook"):
        send(sink)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "example.com", "https://"),
        ("url", "http://user:pw@example.com/", "user name and password"),
        ("template", '{"a": "$WHAT"}', "There is no $WHAT"),
        ("template", '{"a": $TITLE x}', "This is not JSON"),
        ("template", '{"a": "5 $"}', "begins no variable"),
        ("signing_secret", "hello", "base64"),
        ("signing_secret", "whsec_aGVsbG8=", "24 to 64 bytes"),
        ("headers", "Host: x", "set by the connection"),
        ("method", "TRACE", "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(field, value, words):
    form = WebhookOptions({"url": "https://example.com/", field: value})
    assert words in str(form.errors[field])


def test_a_new_secret_is_one():
    assert len(secret_bytes(new_secret())) == 32


def test_the_summary_holds_no_secret_of_the_address():
    assert KIND.summary({"url": "https://hooks.example:8443/T0K3N?x=1", "method": "POST"}) == "POST hooks.example:8443"
