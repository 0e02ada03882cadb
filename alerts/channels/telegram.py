"""Telegram, by a bot of one's own (https://core.telegram.org/bots/api, sendMessage)."""

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Message, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import SecretField
from alerts.channels.saying import JSON_TYPE, body, cut, dumped, heading, level, links, taken, units
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm, TextField

LIMIT = 4096  # characters of a text; the API counts them without markup, which is counted here as well
TITLE = 300
TOKEN = re.compile(r"\d{3,20}:[\w-]{20,100}")
CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z]\w{3,63}")
GONE = frozenset({401, 403, 404})  # the token holds no longer; the bot was blocked or put out of the chat
LOST = ("chat not found", "user not found", "chat_id is empty", "group chat was deactivated", "thread not found")


class TelegramOptions(OptionsForm):
    section = "Where to send"

    token = SecretField(
        label="Bot token",
        max_length=200,
        help_text="@BotFather makes a bot with /newbot and names its token. Stored encrypted.",
    )
    chat = TextField(
        label="Chat",
        max_length=70,
        help_text="The number of a person, a group (it begins with -) or a channel, or the @name of a public channel. "
        "Write to the bot, or add it to the group, first: it may not begin.",
    )
    topic = TextField(
        label="Topic", max_length=20, required=False, help_text="The number of a topic of a forum. Empty: none."
    )

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"].strip()
        if not token.startswith(MASK) and not TOKEN.fullmatch(token):
            raise ValidationError("A bot token looks like 123456789:ABCdef… Copy it from @BotFather.")
        return token

    def clean_chat(self) -> str:
        chat: str = self.cleaned_data["chat"].strip()
        if not CHAT.fullmatch(chat):
            raise ValidationError("A chat is a number, such as -1001234567890, or the @name of a public channel.")
        return chat

    def clean_topic(self) -> str:
        topic: str = self.cleaned_data["topic"].strip()
        if topic and not topic.isdecimal():
            raise ValidationError("A topic is a number: the last but one part of a link to a message in it.")
        return topic


@dataclass(frozen=True)
class Telegram(ChannelKind):
    api: str = "https://api.telegram.org"

    def summary(self, options: Values) -> str:
        chat, topic = options.get("chat") or "?", options.get("topic")
        return f"chat {chat}{f', topic {topic}' if topic else ''}"

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message, options)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = document(message, options)
        answer = self._post(said, options, transport)
        moved = parameters(answer).get("migrate_to_chat_id")
        if not moved:
            return receipt(answer)
        got = receipt(self._post({**said, "chat_id": moved}, options, transport))
        return Receipt(f"{got.answer}. The group has become {moved}: enter that number as its chat.", got.reference)

    def _post(self, said: dict[str, Any], options: Values, transport: Transport) -> Answer:
        url = f"{self.api}/bot{options['token']}/sendMessage"
        return transport.request("POST", url, headers=JSON_TYPE, data=dumped(said).encode("utf-8", "replace"))


def parameters(answer: Answer) -> dict[str, Any]:
    """What an error says can be done about it (ResponseParameters)."""
    said = answer.json if isinstance(answer.json, dict) else {}
    found = said.get("parameters")
    return found if isinstance(found, dict) else {}


def receipt(answer: Answer) -> Receipt:
    """Answers are {"ok", "result"} or {"ok", "error_code", "description", "parameters"}."""
    said = answer.json if isinstance(answer.json, dict) else {}
    if answer.ok and said.get("ok") is not True:
        raise Temporary("This is no answer of Telegram.")
    words = "taken" if answer.ok else str(said.get("description", ""))
    result = said.get("result")
    wait = parameters(answer).get("retry_after")
    return taken(
        answer,
        "Telegram",
        said=words,
        reference=str(result.get("message_id", "")) if isinstance(result, dict) else "",
        gone=GONE,
        lost=any(each in words.lower() for each in LOST),
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
    )


def document(message: Message, options: Values) -> dict[str, Any]:
    """The message in the few tags of HTML Telegram knows. What is up again makes no sound."""
    title = f"<b>{cut(heading(message), TITLE, escape)}</b>\n"
    acts = "\n\n" + " · ".join(f'<a href="{escape(url)}">{words}</a>' for words, url in links(message))
    facts = "\n".join(f"{label}: {value}" for label, value in message.facts)
    middle = "\n\n".join(filter(None, [body(message), facts]))
    said: dict[str, Any] = {
        "chat_id": options["chat"],
        "text": title + cut(middle, LIMIT - units(title) - units(acts), escape) + acts,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": level(message) == 0,
    }
    if options.get("topic"):
        said["message_thread_id"] = int(options["topic"])
    return said


KIND = Telegram(
    name="telegram",
    label="Telegram",
    description="To a person, a group, a topic or a channel of Telegram, by a bot.",
    Options=TelegramOptions,
    secret_fields=("token",),
)
