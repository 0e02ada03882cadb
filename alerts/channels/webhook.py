"""A generic webhook: one request with a JSON body, signed as Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from string import Template
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from alerts.channels.base import ChannelKind, Message, Permanent, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import SecretField, UrlField
from alerts.channels.wording import VARIABLES, TemplateError, check, iso, values
from alerts.transport import Answer, Transport
from monitors.probes.options import HeadersField, OptionsForm, TextField

METHODS = ["POST", "PUT", "PATCH", "GET"]
PREFIX = "whsec_"
SECRET, FORMER_SECRET = "signing_secret", "old_signing_secret"  # options; messages are signed with both


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """The key in a secret. Raises ValueError with a sentence for whoever typed it."""
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"A signing secret is {PREFIX} with base64 behind it.") from None
    if not 24 <= len(raw) <= 64:
        raise ValueError(f"A signing secret holds 24 to 64 bytes; this one holds {len(raw)}.")
    return raw


class TemplateField(TextField):
    """JSON in which $VARIABLES stand for what a message says."""

    widget = forms.Textarea(attrs={"rows": 5, "spellcheck": "false"})

    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if not text:
            return ""
        try:
            check(text)
        except TemplateError as error:
            raise ValidationError(str(error)) from error
        try:
            json.loads(Template(text).substitute(dict.fromkeys(VARIABLES, "1")))
        except ValueError as error:
            raise ValidationError(
                f'This is not JSON: {error}. Variables in a text stand between quotes, as in “"$TITLE"”.'
            ) from error
        return text


class WebhookOptions(OptionsForm):
    section = "Where to send"

    url = UrlField(
        label="Address", max_length=2048, help_text="It answers 2xx when it has taken a message. Stored encrypted."
    )
    method = forms.ChoiceField(choices=[(each, each) for each in METHODS], initial="POST", required=False)
    headers = HeadersField(
        label="Headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One per line, such as “Authorization: Bearer …”. Stored encrypted.",
    )
    template = TemplateField(
        label="Body",
        required=False,
        max_length=20_000,
        help_text='JSON with $VARIABLES, such as {"text": "$TITLE"}. Empty: everything there is to say.',
    )
    signing_secret = SecretField(
        check=secret_bytes,
        label="Signing secret",
        required=False,
        help_text="Copy it to the receiver now: it is not shown again. Messages are signed as Standard Webhooks.",
    )
    old_signing_secret = SecretField(
        check=secret_bytes,
        label="Former signing secret",
        required=False,
        help_text="While the receiver changes to the new one, messages are signed with both. Empty it afterwards.",
    )
    verify_tls = forms.BooleanField(label="Check its certificate", required=False, initial=True)

    def clean_method(self) -> str:
        return self.cleaned_data["method"] or "POST"


class Webhook(ChannelKind):
    @property
    def guide(self) -> tuple[tuple[str, str], ...]:
        return tuple((f"${name}", meaning) for name, meaning in VARIABLES.items())

    def summary(self, options: Values) -> str:
        parts = urlsplit(options.get("url", ""))
        return f"{options.get('method', 'POST')} {parts.hostname or '?'}{f':{parts.port}' if parts.port else ''}"

    def render(self, message: Message, options: Values) -> Rendered:
        if options.get("method") == "GET":
            return Rendered(message.title, message.text)
        template = options.get("template")
        said = filled(template, message) if template else json.dumps(document(message), ensure_ascii=False, indent=2)
        return Rendered(message.title, message.text, body=said)

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        body = self.render(message, options).body.encode()
        headers = {each["name"]: each["value"] for each in options.get("headers") or []}
        if body:
            headers = {"Content-Type": "application/json", **headers}
        headers |= signed(message.key, body, _secrets(options), datetime.now(UTC))
        method, verify = options.get("method") or "POST", options.get("verify_tls", True)
        answer = transport.request(method, options["url"], headers=headers, data=body or None, verify=verify)
        return receipt(answer)


def receipt(answer: Answer) -> Receipt:
    """What an answer of a receiver nobody knows means: 410 asks not to be called again, everything else but 2xx may
    yet become well."""
    if answer.ok:
        return Receipt(answer.words)
    if answer.status == 410:
        raise Permanent(f"It answered {answer.words}: it wants no more messages.", disable=True)
    if 300 <= answer.status < 400:
        place = answer.headers.get("Location", "elsewhere")[:200]
        raise Temporary(f"It answered {answer.status} and leads to {place}. Enter the address it leads to.")
    raise Temporary(f"It answered {answer.words}", answer.retry_after_s)


def _secrets(options: Values) -> list[str]:
    return [text for name in (SECRET, FORMER_SECRET) if (text := options.get(name))]


def signed(key: str, body: bytes, secrets: list[str], now: datetime) -> dict[str, str]:
    """The headers that say who sent this and that nobody changed it; one signature for each secret."""
    at = str(int(now.timestamp()))
    content = b".".join([key.encode(), at.encode(), body])
    headers = {"webhook-id": key, "webhook-timestamp": at}
    signatures = [hmac.new(secret_bytes(text), content, hashlib.sha256).digest() for text in secrets]
    if signatures:
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures)
    return headers


def filled(template: str, message: Message) -> str:
    """The template with the message's values, each escaped as the inside of a JSON text."""
    return Template(template).safe_substitute(
        {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values(message).items()}
    )


def document(message: Message) -> dict[str, Any]:
    """Everything a message says, as JSON: the type, the time and the data, as Standard Webhooks advises."""
    about = message.subject
    data: dict[str, Any] = {
        "title": message.title,
        "text": message.text,
        "url": message.url,
        "team": message.team,
        "severity": message.severity.value,
    }
    if message.lines:
        data["messages"] = list(message.lines)
    if about:
        data["monitor"] = {"id": about.monitor_id, "name": about.monitor, "target": about.target}
        data["incident"] = {
            "id": about.id,
            "kind": about.kind,
            "cause": about.cause,
            "flapping": about.flapping,
            "regions": list(about.regions),
            "started_at": iso(about.started_at) or None,
            "resolved_at": iso(about.resolved_at) or None,
            "acknowledged_at": iso(about.acknowledged_at) or None,
            "acknowledged_by": about.acknowledged_by or None,
        }
    return {
        "type": f"incident.{message.event.value}" if about else message.event.value,
        "timestamp": iso(message.at),
        "data": data,
    }


KIND = Webhook(
    name="webhook",
    label="Webhook",
    description="A request of your own making to any address, signed so that the receiver knows it is from here.",
    icon="zap",
    Options=WebhookOptions,
    guide_title="Variables of a body of your own",
    secret_fields=("url", "headers", SECRET, FORMER_SECRET),
)
