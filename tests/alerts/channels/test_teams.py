"""Teams, as Microsoft's documentation says it is: “Create incoming webhooks with Workflows for Microsoft Teams”,
“Microsoft Teams connector” (Known issues and limitations: 28 kB; Microsoft Teams webhook) and “Adaptive Cards: Text
features”. Four requests a second are taken; what is more is answered 429."""

import json

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.teams import TeamsOptions
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import EVIL, Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("teams")
PATH = (
    "/workflows/36e0/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=S1G"
)


def refusal(code: str, message: str) -> dict:
    return {"error": {"code": code, "message": message}}


UNSIGNED = refusal("DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access scheme.")


def accept(seen: Seen) -> str:
    require("sig=S1G" in seen.path, 401, UNSIGNED)
    require(len(seen.body) <= 28 * 1024, 413, refusal("RequestEntityTooLarge", "Request Entity too large."))
    said = json.loads(seen.body)
    [attachment] = said["attachments"]
    card = attachment["content"]
    valid = said["type"] == "message" and attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    valid = (
        valid and card["type"] == "AdaptiveCard" and card["version"] in {"1.2", "1.3", "1.4", "1.5"} and card["body"]
    )
    require(valid, 400, refusal("InvalidRequestContent", "The card is not valid."))
    for block in card["body"]:
        plain = block["type"] == "RichTextBlock" and all(each["type"] == "TextRun" for each in block["inlines"])
        require(plain and block["inlines"][0]["text"], 400, refusal("InvalidRequestContent", "A text is not valid."))
    for action in card["actions"]:
        opens = action["type"] == "Action.OpenUrl" and action["url"].startswith("https://")
        require(opens, 400, refusal("InvalidRequestContent", "An action is not valid."))
    return ""


@pytest.fixture
def teams():
    with provider(accept, 202) as target:
        yield target


@pytest.fixture
def send(teams):
    return Sender("teams", {"url": f"{teams.url}{PATH}"})


def card(teams) -> dict:
    return json.loads(teams.requests[-1].body)["attachments"][0]["content"]


def test_it_says_what_since_when_and_why_on_a_card(teams, send):
    assert send().answer == "202 the workflow has begun"
    title, text, monitor, cause = card(teams)["body"]
    assert title["inlines"][0]["text"] == "🔴 Shop is down"
    assert title["inlines"][0]["color"] == "attention"
    assert text["inlines"][0]["text"].startswith("Answered 500. Down since")
    assert [run["text"] for run in monitor["inlines"]] == ["Monitor: ", "https://shop.example/"]
    assert [run["text"] for run in cause["inlines"]] == ["Cause: ", "Answered 500."]
    assert card(teams)["actions"][0]["url"] == "https://uptime.example/incidents/12"
    send(make_message(event=Event.UP))
    assert card(teams)["body"][0]["inlines"][0]["color"] == "good"


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_teams_takes_every_message(send, message):
    assert send(message).answer == "202 the workflow has begun"


def test_a_card_stays_small_however_much_its_texts_grow_on_the_wire(send):
    quotes = '"\\' * 20_000
    message = make_message(title=quotes, text="🚒" * 20_000, facts=tuple((f"F{n}", quotes) for n in range(20)))
    assert send(message).answer.startswith("202")


def test_a_name_is_no_markup(teams, send):
    send(make_message(title=EVIL))
    assert "[a](http://evil.example)" in card(teams)["body"][0]["inlines"][0]["text"]


@pytest.mark.parametrize(
    ("status", "said", "disable"),
    [
        (400, refusal("InvalidRequestContent", "The card is not valid."), False),
        (400, refusal("WorkflowTriggerIsNotEnabled", "The workflow is off."), True),
        (401, UNSIGNED, True),
        (404, refusal("WorkflowNotFound", "It is gone."), True),
        (413, refusal("RequestEntityTooLarge", "Request Entity too large."), False),
    ],
)
def test_what_teams_refuses_is_given_up(teams, send, status, said, disable):
    teams.does(answer(status, text_of(said)))
    with pytest.raises(Permanent, match=f"Teams answered {status} {said['error']['code']}") as raised:
        send()
    assert raised.value.disable is disable


@pytest.mark.parametrize(("status", "wait"), [(429, 12.0), (502, 12.0)])
def test_what_may_become_well_is_tried_again(teams, send, status, wait):
    teams.does(answer(status, "", Retry_After="12"))
    with pytest.raises(Temporary) as raised:
        send()
    assert raised.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.webhook.office.com/webhookb2/x", "has retired"),
        ("https://prod-1.westus.logic.azure.com/workflows/36e0/triggers/manual/paths/invoke", "signature is missing"),
        ("", "required"),
    ],
)
def test_what_is_no_workflow_is_refused_with_the_way_out(url, words):
    assert words in str(TeamsOptions({"url": url}).errors["url"])


def test_its_summary_holds_no_secret():
    url = f"https://default36.environment.api.powerplatform.com:443/powerautomate{PATH}"
    assert TeamsOptions({"url": url}).is_valid()
    assert TeamsOptions({"url": "••••=S1G"}).is_valid()
    assert KIND.summary({"url": url}) == "a channel of Teams"
