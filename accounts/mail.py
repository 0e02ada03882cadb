"""Mail: every message is kept on the Mailbox page, and handed to the server in EMAIL_URL when there is one."""

from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from accounts.models import Mail

KEPT = timedelta(days=30)
SMTP = "django.core.mail.backends.smtp.EmailBackend"
SUBJECT_LONGEST = Mail._meta.get_field("subject").max_length


class MailboxBackend(BaseEmailBackend):
    """Django's mail goes through here (EMAIL_BACKEND). Failures are recorded with the message, never raised:

    whoever asked for the mail could do nothing about them, and might learn what is none of their business.
    """

    def send_messages(self, messages):
        """How many of `messages` were handed over; without a server, how many were kept."""
        Mail.objects.filter(sent_at__lt=timezone.now() - KEPT).delete()
        return sum(self._send(message) for message in messages)

    def _send(self, message):
        mail = _record(message)
        try:
            message.message()  # raises BadHeaderError, a ValueError, where a header holds a line break
            if settings.EMAIL_URL:
                get_connection(SMTP, **smtp_options(settings.EMAIL_URL)).send_messages([message])
                mail.delivered = True
        except (OSError, ValueError) as error:  # every error of smtplib is an OSError
            mail.error = f"{type(error).__name__}: {error}"[:500]
        mail.save()
        return not mail.error


def _record(message):
    """The row that keeps `message`, not yet saved."""
    html = [body for body, kind in getattr(message, "alternatives", None) or [] if kind == "text/html"]
    if message.content_subtype == "html":
        html, text = [message.body], ""
    else:
        text = message.body
    return Mail(
        recipients=_line(", ".join(message.recipients())),
        subject=_line(str(message.subject))[:SUBJECT_LONGEST],
        text=_storable(str(text)),
        html=_storable(str(html[0])) if html else "",
    )


def _line(text):
    return " ".join(_storable(text).split())


def _storable(text):
    return text.replace("\0", "")


def smtp_options(url):
    """Keyword arguments of Django's SMTP backend for smtp://user:password@host:port/?tls=1 (or ssl=1).

    The port is 587 with tls, 465 with ssl, else 25. Raises ValueError, with what is wrong, for anything else.
    """
    parts = urlsplit(url)
    flags = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if parts.scheme != "smtp" or not parts.hostname:
        raise ValueError("EMAIL_URL must look like smtp://user:password@host:587/?tls=1")
    if unknown := set(flags) - {"tls", "ssl"} or {v for v in flags.values() if v not in {"0", "1"}}:
        raise ValueError(f"EMAIL_URL may end in ?tls=1 or ?ssl=1, not in {', '.join(sorted(unknown))}")
    tls, ssl = flags.get("tls") == "1", flags.get("ssl") == "1"
    if tls and ssl:
        raise ValueError("EMAIL_URL asks for both tls (STARTTLS) and ssl (TLS from the start): choose one")
    return {
        "host": parts.hostname,
        "port": parts.port or (587 if tls else 465 if ssl else 25),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": tls,
        "use_ssl": ssl,
    }
