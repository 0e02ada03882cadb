"""Telegram's Bot API, as its documentation says it is: “Making requests”, “sendMessage”, “HTML style” and
“ResponseParameters” of core.telegram.org/bots/api."""

import json
import re
from html import unescape

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.telegram import TelegramOptions
from tests.alerts.channels.messages import make_message
from tests.alerts.channels.providers import EVIL, Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("telegram")
TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
CHATS = {"-100123", "@alerts"}


def refusal(code: int, words: str, **parameters) -> dict:
    more = {"parameters": parameters} if parameters else {}
    return {"ok": False, "error_code": code, "description": words, **more}


def accept(seen: Seen) -> dict:
    require(seen.path == f"/bot{TOKEN}/sendMessage", 404, refusal(404, "Not Found"))
    said = json.loads(seen.body)
    moved = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100123)
    require(said["chat_id"] != "-55", 400, moved)
    require(str(said["chat_id"]) in CHATS, 400, refusal(400, "Bad Request: chat not found"))
    require(said["parse_mode"] == "HTML", 400, refusal(400, "Bad Request: unsupported parse_mode"))
    bare = re.sub(r'</?b>|<a href="[^"<>]+">|</a>', "", said["text"])
    clean = not set(bare) & set("<>") and not re.search(r"&(?!(lt|gt|amp|quot|#\w+);)", said["text"])
    require(clean, 400, refusal(400, "Bad Request: can't parse entities"))
    length = len(unescape(bare).encode("utf-16-le")) // 2
    require(length, 400, refusal(400, "Bad Request: message text is empty"))
    require(length <= 4096, 400, refusal(400, "Bad Request: message is too long"))
    return {"ok": True, "result": {"message_id": 42, "chat": {"id": said["chat_id"]}}}


@pytest.fixture
def telegram():
    with provider(accept) as target:
        yield target


@pytest.fixture
def send(telegram):
    return Sender("telegram", {"token": TOKEN, "chat": "-100123"}, telegram.url)


def test_it_says_what_since_when_and_why_with_a_link(telegram, send):
    receipt = send()
    said = json.loads(telegram.requests[0].body)
    assert said["text"].startswith("<b>🔴 Shop is down</b>\nAnswered 500. Down since 27 Nov 2026")
    assert "\nMonitor: https://shop.example/\n" in said["text"]
    assert said["text"].endswith('<a href="https://uptime.example/incidents/12">Open the incident</a>')
    assert (receipt.answer, receipt.reference) == ("200 taken", "42")


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_telegram_takes_every_message(send, message):
    assert send(message).reference == "42"


def test_a_name_is_no_markup(telegram, send):
    send(make_message(title=EVIL))
    assert "&lt;b&gt;x&lt;/b&gt;" in json.loads(telegram.requests[0].body)["text"]


def test_recovery_makes_no_sound_and_a_topic_is_named(telegram, send):
    send(topic="7")
    send(make_message(event=Event.UP))
    down, up = (json.loads(seen.body) for seen in telegram.requests)
    assert (down["disable_notification"], down["message_thread_id"]) == (False, 7)
    assert (up["disable_notification"], "message_thread_id" in up) == (True, False)


def test_a_group_that_has_moved_is_followed_at_once(telegram, send):
    receipt = send(chat="-55")
    assert json.loads(telegram.requests[1].body)["chat_id"] == -100123
    assert receipt.answer.endswith("The group has become -100123: enter that number as its chat.")


@pytest.mark.parametrize(
    ("said", "disable"),
    [
        (refusal(400, "Bad Request: chat not found"), True),
        (refusal(400, "Bad Request: can't parse entities"), False),
        (refusal(401, "Unauthorized"), True),
        (refusal(403, "Forbidden: bot was blocked by the user"), True),
        (refusal(404, "Not Found"), True),
    ],
)
def test_what_telegram_refuses_is_given_up_and_the_token_is_not_told(telegram, send, said, disable):
    telegram.does(answer(said["error_code"], text_of(said)))
    with pytest.raises(Permanent, match=said["description"]) as raised:
        send()
    assert raised.value.disable is disable
    assert TOKEN not in raised.value.reason


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (refusal(429, "Too Many Requests: retry after 34", retry_after=34), 34.0),
        (refusal(500, "Internal Server Error"), None),
    ],
)
def test_what_may_become_well_is_tried_again(telegram, send, said, wait):
    telegram.does(answer(said["error_code"], text_of(said)))
    with pytest.raises(Temporary, match=said["description"]) as raised:
        send()
    assert raised.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("token", "hello", "looks like 123456789:"),
        ("chat", "my group", "A chat is a number"),
        ("topic", "x", "A topic is a number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(field, value, words):
    form = TelegramOptions({"token": TOKEN, "chat": "-100123", field: value})
    assert words in str(form.errors[field])


def test_its_summary_and_what_is_kept_hold_no_secret():
    options = {"token": TOKEN, "chat": "@alerts", "topic": "7"}
    assert TelegramOptions({**options, "token": "••••QQQr"}).is_valid()
    assert KIND.summary(options) == "chat @alerts, topic 7"
    assert TOKEN not in KIND.render(make_message(), options).body
