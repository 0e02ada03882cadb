"""WhatsApp, over Meta's Cloud API. Pages of https://developers.facebook.com/documentation/business-messaging/whatsapp:
messages/text-messages, messages/send-messages (windows and templates), support/error-codes, throughput."""

import json
import re
from typing import Any

from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Message, Permanent, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import SecretField, UrlField
from alerts.channels.twilio import PhoneField
from alerts.transport import Answer, Transport
from monitors.probes.options import OptionsForm, TextField

SERVER = "https://graph.facebook.com/v26.0"
MOST = 4096  # characters of a text message
MOST_FILLED = 800  # of what fills a template, which may have 1024 with its own words
BUSY = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 133004})
# What is wrong with the token, the number, the account or the template stays wrong for every message that follows.
LASTING = frozenset(
    {0, 3, 10, 33, 190, 368, 130497, 131005, 131030, 131031, 131042, 131045, 132001, 132015, 132016, 133010}
)
WINDOW_SHUT = 131047
TEMPLATE_HELP = (
    "An approved template whose text has {{1}} for the title, {{2}} for what happened and {{3}} for the link."
)
WITHOUT = (
    "Empty: plain text, which WhatsApp delivers within 24 hours of the receiver's last message to you, and no later."
)


class TemplateNameField(TextField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if text and not re.fullmatch(r"[a-z0-9_]{1,512}", text):
            raise ValidationError("The name of a template is small letters, digits and underscores.")
        return text


class NumberIdField(TextField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if text and not re.fullmatch(r"[0-9]{5,20}", text):
            raise ValidationError("This is the id of the number in digits, from WhatsApp Manager, not the number.")
        return text


class WhatsAppOptions(OptionsForm):
    section = "WhatsApp"

    phone_number_id = NumberIdField(label="Phone number ID", help_text="Of the number you send from.")
    access_token = SecretField(label="Access token", help_text="A permanent one of a system user. Stored encrypted.")
    to = PhoneField(label="To", help_text="The phone that is told, as in +49 151 23456789.")
    template = TemplateNameField(label="Template", required=False, help_text=f"{TEMPLATE_HELP} {WITHOUT}")
    language = TextField(
        label="Language of the template", required=False, initial="en", max_length=10, help_text="As in en or en_US."
    )
    server = UrlField(
        label="Server",
        required=False,
        initial=SERVER,
        schemes=("https",),
        hosts=("graph.facebook.com",),
        help_text="With the version of the Graph API.",
    )

    def clean_language(self) -> str:
        text = str(self.cleaned_data["language"] or "en").strip().replace("-", "_")
        if not re.fullmatch(r"[a-z]{2,3}(_[A-Za-z]{2,4})?", text):
            raise ValidationError("Write a language as in en or en_US.")
        return text

    def clean_server(self) -> str:
        return str(self.cleaned_data["server"] or SERVER).rstrip("/")


class WhatsApp(ChannelKind):
    def summary(self, options: Values) -> str:
        return str(options.get("to") or "no number yet")

    def render(self, message: Message, options: Values) -> Rendered:
        said = json.dumps(document(message, options), ensure_ascii=False, indent=2)
        return Rendered(message.title, text(message, MOST), body=said)

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        url = f"{options.get('server') or SERVER}/{options['phone_number_id']}/messages"
        headers = {"Authorization": f"Bearer {options['access_token']}"}
        answer = transport.request("POST", url, headers=headers, json=document(message, options))
        if not answer.ok:
            raise failure(answer)
        return Receipt(f"{answer.status} {_first(answer, 'message_status') or 'accepted'}", _first(answer, "id"))


def text(message: Message, most: int) -> str:
    """The message as one reads it there; the link is never cut."""
    head, link = f"*{_line(message.title)}*", f"\n{message.url}"
    said = "\n".join([head, *(message.lines or [message.text])]).replace("\0", "")
    room = max(0, most - len(link))
    return (said if len(said) <= room else said[: max(0, room - 1)].rstrip() + "…") + link


def filling(message: Message) -> list[str]:
    """What stands for {{1}}, {{2}}, {{3}}: never empty, in one line (errors 132018, and 63013 of Twilio)."""
    title, what = _line(message.title)[:200], _line(" · ".join(message.lines) or message.text)
    room = MOST_FILLED - len(title) - len(message.url)
    return [title or "-", (what if len(what) <= room else what[: max(0, room - 1)] + "…") or "-", message.url or "-"]


def _line(words: str) -> str:
    return " ".join(words.replace("\0", "").split())


def document(message: Message, options: Values) -> dict[str, Any]:
    """The request (messages/text-messages, messages/template-messages)."""
    said: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": options.get("to", ""),
    }
    if not options.get("template"):
        return {**said, "type": "text", "text": {"preview_url": False, "body": text(message, MOST)}}
    parameters = [{"type": "text", "text": each} for each in filling(message)]
    template = {
        "name": options["template"],
        "language": {"code": options.get("language") or "en"},
        "components": [{"type": "body", "parameters": parameters}],
    }
    return {**said, "type": "template", "template": template}


def failure(answer: Answer) -> Temporary | Permanent:
    """What an error means, by its code: {"error": {"message", "type", "code", "error_data": {"details"}}}."""
    found = answer.json.get("error") if isinstance(answer.json, dict) else None
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    code, data = error.get("code"), error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else ""
    words = f"WhatsApp answered {answer.status}: {str(details or error.get('message') or answer.words)[:300]}"
    words += f" (error {code})" if code is not None else ""
    if code == WINDOW_SHUT:
        return Permanent(f"{words} Enter a template: it may be sent at any time.")
    if code in BUSY or answer.status == 429 or (code not in LASTING and answer.status >= 500) or answer.status < 400:
        return Temporary(words, answer.retry_after_s)
    return Permanent(words, disable=code in LASTING or code in range(200, 300) or answer.status in {401, 403})


def _first(answer: Answer, name: str) -> str:
    """A field of the one message that was taken."""
    said = answer.json if isinstance(answer.json, dict) else {}
    taken = said.get("messages")
    first = taken[0] if isinstance(taken, list) and taken and isinstance(taken[0], dict) else {}
    return str(first.get(name) or "")


KIND = WhatsApp(
    name="whatsapp",
    label="WhatsApp (Meta)",
    description="To a phone with WhatsApp, over Meta's Cloud API and a business number of yours.",
    icon="send",
    Options=WhatsAppOptions,
    secret_fields=("access_token",),
    per_minute=8,
    per_hour=100,
)
