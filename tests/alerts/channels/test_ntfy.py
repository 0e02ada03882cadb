"""ntfy, as its documentation says it is: “Publishing” (Publish as JSON, Message priority, Action buttons, Access
tokens, Limitations) of docs.ntfy.sh, and the limits of titles and tags in the notes to release 2.28.0."""

import json
import re

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.ntfy import NtfyOptions
from alerts.domain.escalation import Severity
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("ntfy")
TOPIC = "shop-4f9a_Xy"


def refusal(http: int, code: int, words: str) -> dict:
    return {"code": code, "http": http, "error": words, "link": "https://ntfy.sh/docs/publish/"}


def accept(seen: Seen) -> dict:
    require((seen.method, seen.path) == ("POST", "/"), 404, refusal(404, 40401, "page not found"))
    allowed = seen.headers.get("authorization") == "Bearer tk_abc"
    require(allowed, 401 if "authorization" in seen.headers else 403, refusal(403, 40301, "forbidden"))
    said = json.loads(seen.body)
    invalid = refusal(400, 40009, "invalid request: topic invalid")
    require(re.fullmatch(r"[-_A-Za-z0-9]{1,64}", said["topic"]), 400, invalid)
    require(0 < len(said["message"].encode()) <= 4096, 413, refusal(413, 41301, "attachment too large"))
    require(len(said["title"].encode()) <= 1024, 400, refusal(400, 40057, "title too long"))
    require(len(",".join(said["tags"])) <= 512, 400, refusal(400, 40058, "tags too long"))
    require(1 <= said["priority"] <= 5, 400, refusal(400, 40007, "invalid priority"))
    require(len(said["actions"]) <= 3, 400, refusal(400, 40018, "invalid actions"))
    return {"id": "sPs71M8A2T", "event": "message", "topic": said["topic"]}


@pytest.fixture
def ntfy():
    with provider(accept) as target:
        yield target


@pytest.fixture
def send(ntfy):
    return Sender("ntfy", {"server": ntfy.url, "topic": TOPIC, "token": "tk_abc"})


def test_it_says_it_with_priority_and_leads_to_the_incident(ntfy, send):
    receipt = send()
    said = json.loads(ntfy.requests[0].body)
    assert (said["topic"], said["title"], said["priority"]) == (TOPIC, "Shop is down", 4)
    assert said["message"].startswith("Answered 500. Down since")
    assert said["click"] == "https://uptime.example/incidents/12"
    assert said["actions"][0] == {"action": "view", "label": "Open the incident", "url": said["click"]}
    assert receipt.reference == "sPs71M8A2T"


@pytest.mark.parametrize(
    ("event", "severity", "priority"),
    [
        (Event.DOWN, Severity.CRITICAL, 5),
        (Event.DOWN, Severity.LOW, 3),
        (Event.UP, Severity.CRITICAL, 3),
    ],
)
def test_the_priority_follows_the_severity(ntfy, send, event, severity, priority):
    send(make_message(event=event, severity=severity))
    assert json.loads(ntfy.requests[0].body)["priority"] == priority


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_ntfy_takes_every_message(send, message):
    assert send(message).answer == "200 taken"


@pytest.mark.parametrize(
    ("said", "disable"),
    [
        (refusal(401, 40101, "unauthorized"), True),
        (refusal(403, 40301, "forbidden"), True),
        (refusal(400, 40009, "invalid request: topic invalid"), True),
        (refusal(400, 40018, "invalid request: actions invalid"), False),
        (refusal(413, 41303, "JSON body too large"), False),
    ],
)
def test_what_ntfy_refuses_is_given_up(ntfy, send, said, disable):
    ntfy.does(answer(said["http"], text_of(said)))
    with pytest.raises(Permanent, match=f"ntfy answered {said['http']} {said['error']}") as raised:
        send()
    assert raised.value.disable is disable


@pytest.mark.parametrize(
    "said", [refusal(429, 42908, "limit reached: too many messages"), refusal(500, 50001, "internal server error")]
)
def test_what_may_become_well_is_tried_again(ntfy, send, said):
    ntfy.does(answer(said["http"], text_of(said)))
    with pytest.raises(Temporary, match=said["error"]):
        send()


def test_what_cannot_be_is_refused_with_the_way_out():
    assert "without an address" in str(NtfyOptions({"topic": "https://ntfy.sh/x"}).errors["topic"])
    assert "https://" in str(NtfyOptions({"topic": "x", "server": "ntfy.sh"}).errors["server"])


def test_the_public_server_is_where_none_is_named_and_the_topic_is_a_secret():
    form = NtfyOptions({"topic": TOPIC, "server": "", "token": ""})
    assert form.is_valid()
    assert form.cleaned_data["server"] == "https://ntfy.sh"
    assert NtfyOptions({"topic": "••••a_Xy", "server": "https://ntfy.example/"}).is_valid()
    assert KIND.summary({"server": "https://ntfy.example", "topic": TOPIC}) == "a topic on ntfy.example"
    assert TOPIC not in KIND.render(make_message(), form.cleaned_data).body
