"""What the kinds that go through Twilio share: the account's form, one request, its errors, and the proof that a
request to us comes from Twilio.

Pages of https://www.twilio.com/docs: usage/twilios-response (errors), messaging/api/message-resource,
voice/api/call-resource, usage/security (X-Twilio-Signature), and api/errors/<code> for each code here.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse

from alerts.channels.base import ChannelKind, Message, Permanent, Receipt, Temporary, Values
from alerts.channels.fields import SecretField, UrlField
from alerts.transport import Answer, Transport
from monitors.probes.options import OptionsForm, TextField

SERVER = "https://api.twilio.com"
SEPARATORS = re.compile(r"[\s().\-/]+")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
UNHEARD_OF = (".localhost", ".local", ".internal", ".test", ".lan")  # names nobody outside can look up
QUEUE_FULL = 21611
# What is wrong with the account, the sender or the receiver stays wrong for every message that follows.
LASTING = frozenset(
    {
        20003,  # the account or its token is not known, or is suspended
        20005,  # the account is not active
        20404,  # there is no such account
        21210,  # the calling number is not verified
        21211,  # the receiver is no phone number
        21212,  # the sender is no phone number
        21214,  # the receiver cannot be reached
        21215,  # calls to that country are not permitted
        21217,  # the receiver is no phone number
        21219,  # a trial account calls verified numbers only
        21408,  # messages to that country are not permitted
        21606,  # the sender cannot send such messages
        21608,  # a trial account writes to verified numbers only
        21610,  # the receiver has answered STOP
        21612,  # nothing leads from this sender to this receiver
        21614,  # the receiver is no mobile number
        21705,  # there is no such messaging service
        63007,  # the sender is not on WhatsApp
    }
)


class PhoneField(TextField):
    """A phone number in the international form, E.164. Spaces and brackets are taken out."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"max_length": 40, **more})
        self.widget.attrs |= {"autocomplete": "off", "inputmode": "tel"}

    def clean(self, value: Any) -> str:
        text = SEPARATORS.sub("", super().clean(value))
        if text and not E164.fullmatch(text):
            raise ValidationError(f"“{text[:40]}” is no international number. Write it as in +49 151 23456789.")
        return text


class SenderField(TextField):
    """A number, a short code, a name of up to 11 letters and digits, or a messaging service."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"max_length": 40, **more})

    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        number = SEPARATORS.sub("", text)
        if E164.fullmatch(number) or re.fullmatch(r"[0-9]{3,8}", number):
            return number
        named = re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", text)
        if text and not named and not SERVICE.fullmatch(text):
            raise ValidationError(
                "This is a number as in +49 151 23456789, a short code, a name of up to 11 letters and digits, "
                "or a messaging service (MG and 32 more characters)."
            )
        return text


class AccountField(TextField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if text and not ACCOUNT.fullmatch(text):
            raise ValidationError("An account SID is AC and 32 characters of 0-9 and a-f. The Twilio console shows it.")
        return text


def check_token(text: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z]{16,64}", text):
        raise ValueError("An auth token is letters and digits. The Twilio console shows it beside the SID.")


class TwilioOptions(OptionsForm):
    """The account. Kinds add whom they write to and as whom."""

    section = "Twilio"

    account_sid = AccountField(label="Account SID", max_length=34)
    auth_token = SecretField(
        label="Auth token",
        check=check_token,
        max_length=64,
        help_text="Stored encrypted. It also proves that answers come from Twilio: an API key would not do.",
    )
    server = UrlField(
        label="Server",
        required=False,
        initial=SERVER,
        schemes=("https",),
        hosts=("twilio.com",),
        help_text="Another one for an account in another region, such as https://api.dublin.ie1.twilio.com.",
    )

    def clean_server(self) -> str:
        return str(self.cleaned_data["server"] or SERVER).rstrip("/")


class TwilioKind(ChannelKind):
    """The base of the kinds that go through Twilio."""

    def summary(self, options: Values) -> str:
        return str(options.get("to") or "no number yet")


def post(resource: str, fields: dict[str, str], options: Values, transport: Transport) -> Receipt:
    """Create a message or a call. Raises Temporary or Permanent, by what Twilio says."""
    account = options["account_sid"]
    url = f"{options.get('server') or SERVER}/2010-04-01/Accounts/{account}/{resource}.json"
    answer = transport.request("POST", url, data=fields, auth=(account, options["auth_token"]))
    if answer.ok:
        said = answer.json if isinstance(answer.json, dict) else {}
        return Receipt(f"{answer.status} {said.get('status') or 'accepted'}", str(said.get("sid") or ""))
    raise failure(answer)


def failure(answer: Answer) -> Temporary | Permanent:
    """What an answer that took nothing means. Errors are {"code", "message", "more_info", "status"}."""
    said = answer.json if isinstance(answer.json, dict) else {}
    code, words = said.get("code"), str(said.get("message") or answer.words)[:300]
    text = f"Twilio answered {answer.status}: {words}{f' (error {code})' if code else ''}"
    if answer.status in {408, 429} or answer.status >= 500 or answer.status < 400 or code == QUEUE_FULL:
        return Temporary(text, answer.retry_after_s)
    return Permanent(text, disable=code in LASTING or answer.status in {401, 403})


# Requests of Twilio to us ---------------------------------------------------------------------------------------------
def callback(route: str, message: Message) -> str:
    """The address by which Twilio reaches us about a message; empty where this site cannot be reached from outside."""
    return settings.BASE_URL + reverse(f"alerts:{route}", args=[message.key]) if is_public(settings.BASE_URL) else ""


def is_public(url: str) -> bool:
    """Whether somebody on the internet might reach `url`, as far as one can see."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(UNHEARD_OF)


def told_of(message: Message) -> dict[str, str]:
    """The field by which Twilio tells us what became of a message."""
    url = callback("twilio_status", message)
    return {"StatusCallback": url} if url else {}


def signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 of the address and every field, sorted, each value once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def is_signed(given: str, token: str, url: str, fields: Mapping[str, list[str]]) -> bool:
    """Whether Twilio sent this; it signs the address with its port or without."""
    pairs = [(name, value) for name, values in fields.items() for value in values]
    wanted = [signature(token, each, pairs) for each in _spellings(url)]
    proofs = [hmac.compare_digest(given.encode(), each.encode()) for each in wanted]
    return bool(token) and any(proofs)


def _spellings(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = host.rpartition(":")[0] if parts.port else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [parts._replace(netloc=each).geturl() for each in dict.fromkeys([host, bare, f"{bare}:{port}"])]
