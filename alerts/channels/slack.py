"""Slack, by an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

Such a webhook answers “ok” and no name of the message, so that messages about one incident can neither be a thread nor
replace one another: that needs an app with a token."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Message, Receipt, Rendered, Values
from alerts.channels.fields import UrlField
from alerts.channels.saying import JSON_TYPE, body, cut, dumped, heading, links, taken
from alerts.transport import Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm

# https://docs.slack.dev/reference/block-kit/blocks: header, section, actions; and the text field of a message.
HEADER, SECTION, FIELD, FIELDS, BUTTON_URL = 150, 3000, 2000, 10, 3000
FALLBACK = 4000
GONE = frozenset({401, 403, 404, 410})  # action_prohibited, channel_not_found, no_service, channel_is_archived


class SlackOptions(OptionsForm):
    section = "Where to send"

    url = UrlField(
        label="Webhook address",
        max_length=2048,
        help_text="In Slack: your app, Incoming Webhooks, Add New Webhook. It begins with "
        "https://hooks.slack.com/services/. Stored encrypted.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        parts = urlsplit(url)
        slack = (parts.hostname or "").endswith("slack.com")
        if slack and not url.startswith(MASK) and not parts.path.startswith("/services/"):
            raise ValidationError(
                "This is no incoming webhook, which begins with https://hooks.slack.com/services/. "
                "Add one under Incoming Webhooks in the settings of your Slack app."
            )
        return url


class Slack(ChannelKind):
    def summary(self, options: Values) -> str:
        host = urlsplit(options.get("url", "")).hostname or "?"
        return "a channel of Slack" if host.endswith("slack.com") else host

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = self.render(message, options).body.encode("utf-8", "replace")
        answer = transport.request("POST", options["url"], headers=JSON_TYPE, data=said)
        return taken(answer, "Slack", gone=GONE)


def document(message: Message) -> dict[str, Any]:
    """The message in blocks, and `text` for notifications and for what shows no blocks.

    Names and causes are plain text wherever Slack takes plain text; where it is mrkdwn, they are escaped, and
    `verbatim` keeps them from becoming links and mentions."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(cut(heading(message), HEADER))},
        {"type": "section", "text": _plain(cut(body(message) or message.title, SECTION))},
    ]
    if message.facts:
        blocks.append({"type": "section", "fields": [_field(*fact) for fact in message.facts[:FIELDS]]})
    buttons = [
        {"type": "button", "text": _plain(words), "url": url, "action_id": f"link-{at}"}
        for at, (words, url) in enumerate(links(message))
        if len(url) <= BUTTON_URL
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": cut(f"{heading(message)}\n{body(message)}", FALLBACK, escaped), "blocks": blocks}


def escaped(text: str) -> str:
    """The three characters Slack reads as its own (Formatting message text, Escaping text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _field(label: str, value: str) -> dict[str, Any]:
    head = f"*{escaped(label)}*\n"
    return {"type": "mrkdwn", "text": head + cut(value, FIELD - len(head), escaped), "verbatim": True}


KIND = Slack(
    name="slack",
    label="Slack",
    description="To a channel of Slack, by an incoming webhook.",
    Options=SlackOptions,
    secret_fields=("url",),
    per_minute=30,
)
