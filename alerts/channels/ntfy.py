"""ntfy, the public server or one's own (https://docs.ntfy.sh/publish/, Publish as JSON)."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Event, Message, Receipt, Rendered, Values
from alerts.channels.fields import SecretField, UrlField
from alerts.channels.saying import JSON_TYPE, body, cut, dumped, level, links, octets, one_line, taken
from alerts.transport import Answer, Transport
from monitors.masks import MASK
from monitors.probes.options import OptionsForm

SERVER = "https://ntfy.sh"
TEXT, TITLE = 4096, 1000  # bytes; a longer text would arrive as a file, a longer title is refused
TOPIC = re.compile(r"[-\w]{1,64}", re.ASCII)
PRIORITIES = {0: 3, 1: 3, 2: 4, 3: 5}  # 3 is the default, 5 rings through Do Not Disturb where it may
TAGS = {Event.UP: "white_check_mark", Event.TEST: "wave", Event.EXPIRY: "hourglass"}
GONE = frozenset({401, 403, 404})
LOST = frozenset({40009, 40010})  # the topic is invalid, or a name the server keeps for itself


class NtfyOptions(OptionsForm):
    section = "Where to send"

    server = UrlField(
        label="Server", max_length=500, initial=SERVER, required=False, help_text=f"Empty: {SERVER}, the public one."
    )
    topic = SecretField(
        label="Topic",
        max_length=64,
        help_text="Whoever knows it can read along on a public server: take one nobody guesses. Stored encrypted.",
    )
    token = SecretField(
        label="Access token",
        required=False,
        max_length=200,
        help_text="Of a topic that is not open to everybody; it begins with tk_. Stored encrypted.",
    )

    def clean_server(self) -> str:
        return (self.cleaned_data["server"] or SERVER).rstrip("/")

    def clean_topic(self) -> str:
        topic: str = self.cleaned_data["topic"].strip()
        if not topic.startswith(MASK) and not TOPIC.fullmatch(topic):
            raise ValidationError("A topic is up to 64 letters, digits, hyphens and underscores, without an address.")
        return topic


class Ntfy(ChannelKind):
    def summary(self, options: Values) -> str:
        return f"a topic on {urlsplit(options.get('server') or SERVER).hostname}"

    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, message.text, body=dumped(document(message)))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        said = dumped({"topic": options["topic"], **document(message)}).encode("utf-8", "replace")
        token = options.get("token")
        headers = {**JSON_TYPE, **({"Authorization": f"Bearer {token}"} if token else {})}
        return receipt(transport.request("POST", (options.get("server") or SERVER) + "/", headers=headers, data=said))


def receipt(answer: Answer) -> Receipt:
    """Errors are {"code", "http", "error", "link"}."""
    said = answer.json if isinstance(answer.json, dict) else {}
    words = "taken" if answer.ok else str(said.get("error", ""))
    lost = said.get("code") in LOST
    return taken(answer, "ntfy", said=words, reference=str(said.get("id", "")), gone=GONE, lost=lost)


def document(message: Message) -> dict[str, Any]:
    """The message without its topic, which is a secret. A tap on it opens the incident."""
    facts = "\n".join(f"{label}: {value}" for label, value in message.facts)
    return {
        "title": cut(one_line(message.title), TITLE, size=octets),
        "message": cut("\n\n".join(filter(None, [body(message), facts])) or message.title, TEXT, size=octets),
        "priority": PRIORITIES[level(message)],
        "tags": [TAGS.get(message.event, "rotating_light")],
        "click": message.url,
        "actions": [{"action": "view", "label": words, "url": url} for words, url in links(message)],
    }


KIND = Ntfy(
    name="ntfy",
    label="ntfy",
    description="To every phone and browser that listens to a topic of ntfy.",
    icon="bell",
    Options=NtfyOptions,
    secret_fields=("topic", "token"),
)
