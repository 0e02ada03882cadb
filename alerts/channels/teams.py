"""Microsoft Teams, by a workflow that begins “When a Teams webhook request is received” and posts an Adaptive Card
(https://support.microsoft.com/office/create-incoming-webhooks-with-workflows-for-microsoft-teams)."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Event, Message, Receipt, Rendered, Values
from alerts.channels.fields import UrlField
from alerts.channels.saying import JSON_TYPE, body, cut, dumped, heading, json_octets, links, taken
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm

# https://learn.microsoft.com/connectors/teams, Known issues and limitations: a message holds about 28 kB. These are
# bytes, and leave 6 kB for the card around them.
TITLE, TEXT, FACT, FACTS = 600, 9000, 1400, 8
COLOURS = {Event.UP: "good", Event.EXPIRY: "warning", Event.CHANNEL: "warning", Event.TEST: "accent"}
RETIRED = ("outlook.office.com", "webhook.office.com")
GONE = frozenset({401, 403, 404, 410})
LOST = ("WorkflowTriggerIsNotEnabled", "WorkflowNotFound", "WorkflowDisabled", "DirectApiAuthorizationRequired")


class TeamsOptions(OptionsForm):
    section = "Where to send"

    url = UrlField(
        label="Workflow address",
        max_length=2048,
        help_text="In Teams: the channel, Workflows, “Send webhook alerts to a channel”, Copy webhook link. "
        "Stored encrypted.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        parts = urlsplit(url)
        if (parts.hostname or "").endswith(RETIRED):
            raise ValidationError(
                "This is a connector of Office 365, which Microsoft has retired. Make a workflow in the channel: "
                "Workflows, “Send webhook alerts to a channel”."
            )
        microsoft = (parts.hostname or "").endswith((".logic.azure.com", ".powerplatform.com"))
        if microsoft and not url.startswith(MASK) and "sig=" not in parts.query:
            raise ValidationError(
                "The signature is missing (sig=…). Copy the whole link; the workflow must let anyone trigger it."
            )
        return url


class Teams(ChannelKind):
    def summary(self, options: Values) -> str:
        return "a channel of Teams"

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = self.render(message, options).body.encode("utf-8", "replace")
        return receipt(transport.request("POST", options["url"], headers=JSON_TYPE, data=said))


def receipt(answer: Answer) -> Receipt:
    """A workflow answers 202 and nothing when it begins; errors are {"error": {"code", "message"}}."""
    said = answer.json if isinstance(answer.json, dict) else {}
    error = said.get("error")
    code, words = (error.get("code", ""), error.get("message", "")) if isinstance(error, dict) else ("", "")
    return taken(
        answer,
        "Teams",
        said="the workflow has begun" if answer.ok else f"{code} {words}".strip(),
        gone=GONE,
        lost=code in LOST,
    )


def document(message: Message) -> dict[str, Any]:
    """The message as one card. Its texts are runs of rich text, in which nothing is Markdown (Adaptive Cards, Text
    features): names and causes need no escaping."""
    blocks = [
        _text(cut(heading(message), TITLE, size=json_octets), weight="bolder", size="large", color=_colour(message)),
        _text(cut(body(message), TEXT, size=json_octets)),
        *(_fact(label, value) for label, value in message.facts[:FACTS]),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [block for block in blocks if block["inlines"][0]["text"]],
        "actions": [{"type": "Action.OpenUrl", "title": words, "url": url} for words, url in links(message)],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _colour(message: Message) -> str:
    return COLOURS.get(message.event, "attention")


def _run(text: str, **look: str) -> dict[str, str]:
    return {"type": "TextRun", "text": text, **look}


def _text(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [_run(text, **look)]}


def _fact(label: str, value: str) -> dict[str, Any]:
    said = cut(value, FACT, size=json_octets)
    return {"type": "RichTextBlock", "spacing": "small", "inlines": [_run(f"{label}: ", weight="bolder"), _run(said)]}


KIND = Teams(
    name="teams",
    label="Microsoft Teams",
    description="To a channel or a chat of Teams, by a workflow that posts a card.",
    Options=TeamsOptions,
    secret_fields=("url",),
)
