"""Discord's webhooks, as its documentation says they are: “Webhook Resource” (Execute Webhook), “Message Resource”
(Embed Limits, Allowed Mentions), “Opcodes and Status Codes” (JSON error codes) and “Rate Limits”."""

import json

import pytest

from alerts.channels.base import KINDS, Permanent, Temporary
from alerts.channels.discord import DiscordOptions, escaped
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import EVIL, Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("discord")
PATH = "/api/webhooks/81/T0K3N-abc_d"
TOO_LONG = {
    "code": 50035,
    "message": "Invalid Form Body",
    "errors": {"embeds": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be shorter."}]}},
}


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def accept(seen: Seen) -> dict:
    require(seen.path.startswith(PATH + "?"), 404, {"code": 10015, "message": "Unknown Webhook"})
    said = json.loads(seen.body)
    [embed] = said["embeds"]
    texts = [embed["title"], embed["description"], embed["footer"]["text"]]
    limits = [256, 4096, 2048]
    require(len(embed["fields"]) <= 25, 400, TOO_LONG)
    for field in embed["fields"]:
        texts += [field["name"], field["value"]]
        limits += [256, 1024]
    fits = all(0 < length(text) <= limit for text, limit in zip(texts, limits, strict=True))
    require(fits and sum(map(length, texts)) <= 6000, 400, TOO_LONG)
    require(said["allowed_mentions"] == {"parse": []}, 400, TOO_LONG)
    return {"id": "1100", "type": 0}


@pytest.fixture
def discord():
    with provider(accept) as target:
        yield target


@pytest.fixture
def send(discord):
    return Sender("discord", {"url": f"{discord.url}{PATH}"})


def test_it_says_it_in_an_embed_and_keeps_the_name_of_the_message(discord, send):
    receipt = send()
    [seen] = discord.requests
    [embed] = json.loads(seen.body)["embeds"]
    assert seen.path == f"{PATH}?wait=true"
    assert embed["title"] == "🔴 Shop is down"
    assert embed["description"].startswith("Answered 500. Down since 27 Nov 2026")
    assert embed["description"].endswith("[Open the incident](https://uptime.example/incidents/12)")
    assert embed["fields"][1] == {"name": "Cause", "value": "Answered 500.", "inline": True}
    assert (receipt.answer, receipt.reference) == ("200 taken", "1100")


def test_a_thread_is_kept(discord, send):
    send(url=f"{discord.url}{PATH}?thread_id=7")
    assert discord.requests[0].path == f"{PATH}?thread_id=7&wait=true"


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_discord_takes_every_message(send, message):
    assert send(message).reference == "1100"


def test_a_name_is_no_markdown_and_mentions_nobody(discord, send):
    send(make_message(title=EVIL))
    said = json.loads(discord.requests[0].body)
    assert r"\@everyone" in said["embeds"][0]["title"]
    assert r"\[a\]\(http\:" in said["embeds"][0]["title"]
    assert escaped("a_b *c* \\") == r"a\_b \*c\* \\"


@pytest.mark.parametrize(
    ("status", "said", "words", "disable"),
    [
        (400, TOO_LONG, "Invalid Form Body.*Must be shorter", False),
        (404, {"code": 10015, "message": "Unknown Webhook"}, "Unknown Webhook", True),
        (401, {"code": 50027, "message": "Invalid Webhook Token"}, "Invalid Webhook Token", True),
        (400, {"code": 10003, "message": "Unknown Channel"}, "Unknown Channel", True),
    ],
)
def test_what_discord_refuses_is_given_up(discord, send, status, said, words, disable):
    discord.does(answer(status, text_of(said)))
    with pytest.raises(Permanent, match=f"Discord answered {status} {words}") as raised:
        send()
    assert raised.value.disable is disable


@pytest.mark.parametrize(
    ("status", "said", "wait"),
    [
        (429, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, 64.57),
        (502, "bad gateway", 7.0),
    ],
)
def test_what_may_become_well_is_tried_again(discord, send, status, said, wait):
    discord.does(answer(status, text_of(said), Retry_After="7"))
    with pytest.raises(Temporary) as raised:
        send()
    assert raised.value.retry_after_s == wait


@pytest.mark.parametrize("url", ["https://discord.com/channels/1/2", "https://discord.com/api/webhooks/1"])
def test_what_is_no_webhook_is_refused_with_the_way_out(url):
    assert "looks like https://discord.com/api/webhooks/" in str(DiscordOptions({"url": url}).errors["url"])


def test_its_summary_holds_no_secret():
    url = f"https://discord.com{PATH}"
    assert DiscordOptions({"url": url}).is_valid()
    assert DiscordOptions({"url": "••••bc_d"}).is_valid()
    assert KIND.summary({"url": url}) == "a channel of Discord"
