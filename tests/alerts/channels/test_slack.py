"""Slack's incoming webhooks, as its documentation says they are: “Sending messages using incoming webhooks”,
“Changes to errors for incoming webhooks” (2016-05-17), “Blocks” of the Block Kit reference, “Formatting message text”
and “Rate limits”."""

import json

import pytest

from alerts.channels.base import KINDS, Permanent, Temporary
from alerts.channels.slack import SlackOptions
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import EVIL, Sender, all_messages, provider, require
from tests.servers import Seen, answer

KIND = KINDS.get("slack")


def accept(seen: Seen) -> str:
    require(seen.path == "/services/T0/B0/XXXX", 404, "no_service")
    require(seen.headers["content-type"].startswith("application/json"), 400, "invalid_payload")
    said = json.loads(seen.body)
    require(said.get("text"), 400, "no_text")
    require(len(said["text"]) <= 40_000 and len(said["blocks"]) <= 50, 400, "invalid_blocks")
    for block in said["blocks"]:
        for text in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            require(text is None or fits(block["type"], text), 400, "invalid_blocks")
    return "ok"


def fits(where: str, text: dict) -> bool:
    if where == "actions":
        return 0 < len(text["text"]["text"]) <= 75 and len(text["url"]) <= 3000
    if where == "header":
        return text["type"] == "plain_text" and 0 < len(text["text"]) <= 150
    bare = text["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    escaped = text["type"] == "plain_text" or not set(bare) & set("<>&")
    return escaped and 0 < len(text["text"]) <= (2000 if text["type"] == "mrkdwn" else 3000)


@pytest.fixture
def slack():
    with provider(accept) as target:
        yield target


@pytest.fixture
def send(slack):
    return Sender("slack", {"url": f"{slack.url}/services/T0/B0/XXXX"})


def test_it_says_what_since_when_from_where_and_why(slack, send):
    facts = (("Monitor", "https://shop.example/"), ("Seen from", "Eu, Us"))
    assert send(make_message(facts=facts)).answer == "200 ok"
    said = json.loads(slack.requests[0].body)
    header, text, fields, actions = said["blocks"]
    assert header["text"]["text"] == "🔴 Shop is down"
    assert text["text"]["text"].startswith("Answered 500. Down since")
    assert [each["text"] for each in fields["fields"]] == ["*Monitor*\nhttps://shop.example/", "*Seen from*\nEu, Us"]
    assert [each["url"] for each in actions["elements"]] == ["https://uptime.example/incidents/12"]
    assert said["text"].startswith("🔴 Shop is down\nAnswered 500.")


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_slack_takes_every_message(send, message):
    assert send(message).answer == "200 ok"


def test_a_name_calls_nobody_and_links_nowhere(slack, send):
    send(make_message(title=EVIL, facts=(("Cause", EVIL),)))
    said = json.loads(slack.requests[0].body)
    assert "<" not in said["text"]
    assert "<!channel>" not in said["blocks"][2]["fields"][0]["text"]
    assert said["blocks"][2]["fields"][0]["verbatim"]


@pytest.mark.parametrize(
    ("status", "said", "disable"),
    [
        (400, "invalid_payload", False),
        (403, "action_prohibited", True),
        (404, "channel_not_found", True),
        (404, "no_service", True),
        (410, "channel_is_archived", True),
    ],
)
def test_what_slack_refuses_is_given_up(slack, send, status, said, disable):
    slack.does(answer(status, said))
    with pytest.raises(Permanent, match=f"Slack answered {status} {said}") as raised:
        send()
    assert raised.value.disable is disable


@pytest.mark.parametrize(
    ("status", "said", "headers", "wait"),
    [(429, "rate_limited", {"Retry_After": "30"}, 30.0), (500, "rollup_error", {}, None)],
)
def test_what_may_become_well_is_tried_again(slack, send, status, said, headers, wait):
    slack.does(answer(status, said, **headers))
    with pytest.raises(Temporary, match=said) as raised:
        send()
    assert raised.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("url", "words"),
    [("https://app.slack.com/client/T0/C0", "no incoming webhook"), ("", "required"), ("hooks.slack.com", "https://")],
)
def test_what_is_no_webhook_is_refused_with_the_way_out(url, words):
    assert words in str(SlackOptions({"url": url}).errors["url"])


def test_its_summary_holds_no_secret():
    assert SlackOptions({"url": "https://hooks.slack.com/services/T0/B0/XXXX"}).is_valid()
    assert SlackOptions({"url": "••••XXXX"}).is_valid()
    assert KIND.summary({"url": "https://hooks.slack.com/services/T0/B0/XXXX"}) == "a channel of Slack"
