"""Discord, by a webhook of a channel (https://docs.discord.com/developers/resources/webhook, Execute Webhook)."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Event, Message, Receipt, Rendered, Values
from alerts.channels.fields import UrlField
from alerts.channels.saying import JSON_TYPE, body, cut, dumped, heading, links, taken
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm

# https://docs.discord.com/developers/resources/message, Embed Limits. All texts together hold 6000 at most.
TITLE, NAME, VALUE, FIELDS, FOOTER, WHOLE = 256, 256, 1024, 25, 2048, 6000
TEXT = 2000  # of the 4096 a description may have, which leaves room for facts
COLOURS = {Event.UP: 0x2E9E5B, Event.EXPIRY: 0xD98A1F, Event.CHANNEL: 0xD98A1F, Event.TEST: 0x3B76D6}
RED = 0xD64545
ADDRESS = re.compile(r"/api/(v\d+/)?webhooks/\d+/[\w-]+/?")
GONE = frozenset({401, 403, 404})
LOST = frozenset({10003, 10015, 50027})  # Unknown Channel, Unknown Webhook, Invalid Webhook Token
MARKUP = re.compile(r"([\\*_~`|>#\-\[\]()<:@])")


class DiscordOptions(OptionsForm):
    section = "Where to send"

    url = UrlField(
        label="Webhook address",
        max_length=2048,
        help_text="In Discord: Edit Channel, Integrations, Webhooks, Copy Webhook URL. For a thread, add "
        "?thread_id= and its number. Stored encrypted.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not url.startswith(MASK) and not ADDRESS.fullmatch(urlsplit(url).path):
            raise ValidationError(
                "This is no webhook of Discord, which looks like https://discord.com/api/webhooks/NUMBER/TOKEN."
            )
        return url


class Discord(ChannelKind):
    def summary(self, options: Values) -> str:
        host = urlsplit(options.get("url", "")).hostname or "?"
        return "a channel of Discord" if host.endswith(("discord.com", "discordapp.com")) else host

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = self.render(message, options).body.encode("utf-8", "replace")
        return receipt(transport.request("POST", waiting(options["url"]), headers=JSON_TYPE, data=said))


def waiting(url: str) -> str:
    """The address with wait=true: Discord then answers with the message, once it is really there."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), "wait": "true"})))


def receipt(answer: Answer) -> Receipt:
    """Errors are {"code", "message", "errors"}; rate limits {"message", "retry_after", "global"}, in seconds."""
    said = answer.json if isinstance(answer.json, dict) else {}
    wait = said.get("retry_after")
    words = str(said.get("message", "")) if not answer.ok else "taken"
    return taken(
        answer,
        "Discord",
        said=f"{words} {dumped(said['errors'])}" if "errors" in said else words,
        reference=str(said.get("id", "")),
        gone=GONE,
        lost=said.get("code") in LOST,
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
    )


def document(message: Message) -> dict[str, Any]:
    """The message as one embed, which mentions nobody."""
    embed: dict[str, Any] = {
        "title": cut(heading(message), TITLE, escaped),
        "url": message.url,
        "color": COLOURS.get(message.event, RED),
        "timestamp": message.at.isoformat(),
        "footer": {"text": cut(message.team, 100)},
    }
    acts = " · ".join(f"[{words}]({url})" for words, url in links(message))
    room = TEXT - len(acts) - 2
    embed["description"] = f"{cut(body(message), room, escaped)}\n\n{acts}".strip()
    left = WHOLE - len(embed["title"]) - len(embed["description"]) - len(embed["footer"]["text"]) - 500
    embed["fields"] = _fields(message, left)
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _fields(message: Message, room: int) -> list[dict[str, Any]]:
    """As many facts as there is room for."""
    fields = []
    for label, value in message.facts[:FIELDS]:
        name = cut(label, NAME, escaped)
        text = cut(value, min(VALUE, room - len(name)), escaped)
        if not text:
            break
        fields.append({"name": name, "value": text, "inline": len(text) < 40})
        room -= len(name) + len(text)
    return fields


def escaped(text: str) -> str:
    """Text in which nothing is Markdown, a mention or an emoji."""
    return MARKUP.sub(r"\\\1", text)


KIND = Discord(
    name="discord",
    label="Discord",
    description="To a channel or a thread of Discord, by a webhook.",
    Options=DiscordOptions,
    secret_fields=("url",),
)
