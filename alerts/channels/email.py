"""Email, over the mail server of EMAIL_URL. Messages about one incident make one thread in the reader's mailbox."""

import logging
import smtplib
from dataclasses import replace
from email.utils import formatdate, parseaddr
from typing import cast
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from accounts.mail import SMTP, smtp_options
from alerts.channels import mailtext
from alerts.channels.base import ChannelKind, Event, Message, Permanent, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import AddressesField
from alerts.channels.wording import TemplateError
from alerts.domain.escalation import Severity
from alerts.transport import Transport
from alerts.unsubscribing import unsubscribe_url
from monitors.probes.options import OptionsForm

logger = logging.getLogger(__name__)

MAX_ADDRESSES = 20
NO_SERVER = "No mail server is set up: messages are kept here and not sent. Start the site with EMAIL_URL."
TIMEOUT_S = 10


class EmailOptions(OptionsForm):
    section = "Where to send"

    addresses = AddressesField(
        label="Addresses",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        max_lines=MAX_ADDRESSES,
        help_text="One per line. Empty: the address of the member's own account.",
    )


class Email(ChannelKind):
    def summary(self, options: Values) -> str:
        found = recipients(options)
        more = f" and {len(found) - 2} more" if len(found) > 2 else ""
        return ", ".join(found[:2]) + more if found else "no address yet"

    def problem(self, options: Values) -> str:
        if not recipients(options):
            who = options.get("member_name")
            return f"{who} has no email address: it is set on the profile." if who else "It has no address."
        return "" if settings.EMAIL_URL else NO_SERVER

    def render(self, message: Message, options: Values) -> Rendered:
        """In the team's own words where they have any. What is wrong with those costs nobody a message."""
        if message.wording:
            try:
                return mailtext.written(message, message.wording)
            except TemplateError as error:
                return replace(mailtext.usual(message), problem=str(error))
            except Exception as error:
                logger.exception("The mail template of %s for %s", message.team, message.event)
                return replace(mailtext.usual(message), problem=f"It fails: {type(error).__name__}.")
        return mailtext.usual(message)

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        found = recipients(options)
        if not found:
            return Receipt(self.problem(options), kept=True)
        if not settings.EMAIL_URL:
            return Receipt(NO_SERVER, kept=True)
        return deliver(mail(message, self.render(message, options), found, options), found)


def recipients(options: Values) -> list[str]:
    own = options.get("member_email")
    return options.get("addresses") or ([own] if own else [])


def mail(message: Message, rendered: Rendered, to: list[str], options: Values) -> EmailMultiAlternatives:
    """RFC 5322 threads by References: all messages name the incident's first id, which is made and never sent."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<{message.key}@{host}>",
        "Date": formatdate(message.at.timestamp()),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if message.subject:
        headers["References"] = headers["In-Reply-To"] = f"<{message.thread}@{host}>"
    if message.severity is Severity.CRITICAL and message.event is Event.DOWN:
        headers["Importance"] = "high"
    leave = unsubscribe_url(options, to)
    if leave:
        headers |= {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    made = EmailMultiAlternatives(rendered.title, rendered.text, settings.DEFAULT_FROM_EMAIL, to, headers=headers)
    made.attach_alternative(rendered.html, "text/html")
    return made


def deliver(made: EmailMultiAlternatives, to: list[str]) -> Receipt:
    """Hand a mail to the server, in one envelope; the answer is the server's own. Where it takes some of the addresses,
    the others are named in the answer."""
    backend = get_connection(SMTP, **smtp_options(settings.EMAIL_URL), timeout=TIMEOUT_S)
    try:
        backend.open()
        return _converse(cast(EmailBackend, backend), made, to)
    except smtplib.SMTPResponseException as error:
        raise Temporary(f"The mail server said: {_answer(error.smtp_code, error.smtp_error)}") from None
    except OSError as error:  # every error of smtplib is one
        raise Temporary(f"The mail server did not take it: {type(error).__name__}: {error}"[:300]) from None
    finally:
        backend.close()


def _converse(backend: EmailBackend, made: EmailMultiAlternatives, to: list[str]) -> Receipt:
    server = backend.connection
    assert server is not None  # noqa: S101 - it was opened, or an error was raised
    server.ehlo_or_helo_if_needed()
    sender = server.mail(parseaddr(made.from_email)[1])
    if sender[0] != 250:  # the sender is the operator's to put right, and no fault of the address
        raise Temporary(f"The mail server said: {_answer(*sender)}")
    said = {address: server.rcpt(address) for address in to}
    refused = {address: answer for address, answer in said.items() if answer[0] not in {250, 251}}
    if len(refused) == len(to):
        lasting = all(500 <= code < 600 for code, _ in refused.values())
        words = "; ".join(f"{address}: {_answer(*answer)}" for address, answer in refused.items())
        raise (Permanent if lasting else Temporary)(f"The mail server refused {words}"[:400])
    answer = _taken(server.data(made.message().as_bytes(linesep="\r\n")))  # type: ignore[call-arg]  # it is Django's
    left_out = "; ".join(f"refused {address}: {_answer(*each)}" for address, each in refused.items())
    return Receipt(". ".join(filter(None, [_answer(*answer), left_out])), str(made.extra_headers["Message-ID"]))


def _taken(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    """Raises where the server did not take a command: for good with 5xx (RFC 5321, 4.2.1)."""
    code, _ = answer
    if 200 <= code < 300:
        return answer
    words = f"The mail server said: {_answer(*answer)}"
    raise (Permanent if 500 <= code < 600 else Temporary)(words)


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"[:200]


KIND = Email(
    name="email",
    label="Email",
    description="To one or several addresses, over the mail server of this site.",
    icon="inbox",
    Options=EmailOptions,
    worded=True,
)
