"""Pushover, as its documentation says it is: “Message API” (limits, priorities, response format, being friendly to the
API) and “Receipts and Callbacks” of pushover.net/api."""

import json
import time

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.pushover import PushoverOptions
from alerts.domain.escalation import Severity
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("pushover")
TOKEN, USER = "azGDORePK8gMaC0QOYAMyEEuzJnyUi", "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"
CANCEL = "/1/receipts/cancel_by_tag/incident-12.json"


def refusal(*errors: str, **invalid: str) -> dict:
    return {**invalid, "errors": list(errors), "status": 0, "request": "5042853c"}


def accept(seen: Seen) -> dict:
    said = json.loads(seen.body)
    require(said["token"] == TOKEN, 400, refusal("application token is invalid", token="invalid"))
    if seen.path == CANCEL:
        return {"status": 1, "canceled": 1, "request": "c1"}
    require((seen.method, seen.path) == ("POST", "/1/messages.json"), 404, refusal("not found"))
    require(said["user"] == USER, 400, refusal("user identifier is invalid", user="invalid"))
    require(0 < len(said["message"].encode()) <= 1024, 400, refusal("message cannot be blank or too long"))
    require(len(said["title"]) <= 250 and len(said["url"]) <= 512, 400, refusal("title is too long"))
    require(len(said["url_title"]) <= 100, 400, refusal("url_title is too long"))
    require(-2 <= said["priority"] <= 2, 400, refusal("priority is invalid"))
    if said["priority"] < 2:
        return {"status": 1, "request": "647d2300"}
    require(said["retry"] >= 30 and said["expire"] <= 10_800, 400, refusal("retry must be supplied", retry="invalid"))
    return {"status": 1, "request": "647d2300", "receipt": "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"}


@pytest.fixture
def pushover():
    with provider(accept) as target:
        yield target


@pytest.fixture
def send(pushover):
    return Sender("pushover", {"token": TOKEN, "user": USER}, pushover.url)


def test_it_says_what_since_when_and_why_with_a_link(pushover, send):
    receipt = send(device="phone")
    said = json.loads(pushover.requests[0].body)
    assert (said["title"], said["priority"], said["device"]) == ("🔴 Shop is down", 0, "phone")
    assert said["message"].startswith("Answered 500. Down since")
    assert (said["url"], said["url_title"]) == ("https://uptime.example/incidents/12", "Open the incident")
    assert (receipt.answer, receipt.reference) == ("200 taken", "647d2300")


@pytest.mark.parametrize("emergency", [False, True])
@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_pushover_takes_every_message(send, message, emergency):
    assert send(message, emergency=emergency).answer.startswith("200 taken")


def test_a_critical_outage_rings_until_it_is_confirmed_and_keeps_the_receipt(pushover, send):
    receipt = send(make_message(severity=Severity.CRITICAL), emergency=True)
    said = json.loads(pushover.requests[0].body)
    assert (said["priority"], said["retry"], said["expire"], said["tags"]) == (2, 60, 3600, "incident-12")
    assert receipt.reference == "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"


def test_it_rings_only_where_that_was_chosen(pushover, send):
    send(make_message(severity=Severity.CRITICAL))
    send(make_message(severity=Severity.HIGH), emergency=True)
    assert [json.loads(seen.body)["priority"] for seen in pushover.requests] == [1, 0]


def test_what_is_over_rings_no_more(pushover, send):
    receipt = send(make_message(event=Event.UP), emergency=True)
    assert [seen.path for seen in pushover.requests] == ["/1/messages.json", CANCEL]
    assert receipt.answer == "200 taken. It rings no more"


def test_a_message_that_was_taken_is_not_sent_again_because_it_may_ring_on(pushover, send):
    pushover.does(answer(500, "oh no"), CANCEL)
    assert send(make_message(event=Event.UP), emergency=True).answer == "200 taken. It may ring on: 500 oh no"


@pytest.mark.parametrize(
    ("said", "disable"),
    [
        (refusal("user identifier is not a valid user, group, or subscribed user key", user="invalid"), True),
        (refusal("application token is invalid", token="invalid"), True),
        (refusal("message cannot be blank", message="cannot be blank"), False),
    ],
)
def test_what_pushover_refuses_is_given_up(pushover, send, said, disable):
    pushover.does(answer(400, text_of(said)))
    with pytest.raises(Permanent, match=f"Pushover answered 400 {said['errors'][0]}") as raised:
        send()
    assert raised.value.disable is disable


def test_the_limit_of_the_month_is_waited_for(pushover, send):
    over = refusal("application has exceeded its monthly message limit")
    pushover.does(answer(429, text_of(over), X_Limit_App_Reset=str(int(time.time()) + 86_400)))
    with pytest.raises(Temporary, match="monthly message limit") as raised:
        send()
    assert raised.value.retry_after_s > 80_000


def test_what_may_become_well_is_tried_again(pushover, send):
    pushover.does(answer(502, "bad gateway"))
    with pytest.raises(Temporary, match="502"):
        send()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("token", "x", "30 letters and digits"), ("user", "me@example.com", "30 letters"), ("device", "my phone!", "25")],
)
def test_what_cannot_be_is_refused_with_the_way_out(field, value, words):
    form = PushoverOptions({"token": TOKEN, "user": USER, field: value})
    assert words in str(form.errors[field])


def test_its_summary_and_what_is_kept_hold_no_secret():
    form = PushoverOptions({"token": "••••nyUi", "user": USER, "device": "phone, tablet"})
    assert form.is_valid()
    assert KIND.summary(form.cleaned_data) == "phone,tablet"
    said = KIND.render(make_message(), {"token": TOKEN, "user": USER}).body
    assert TOKEN not in said
    assert USER not in said
