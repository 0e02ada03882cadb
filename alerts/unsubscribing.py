"""Leaving a channel by the link in its emails: signed, so that it needs no account (RFC 8058)."""

from django.conf import settings
from django.core import signing
from django.urls import reverse

SALT = "alerts.unsubscribe"


def unsubscribe_url(options, addresses):
    """The link for the mails of a channel whose options these are; empty where they were not made from a channel."""
    channel = options.get("channel_id")
    if channel is None or len(addresses) != 1:
        return ""  # a link in a mail to several would let one of them end it for the others
    token = signing.dumps([channel, addresses[0]], salt=SALT, compress=True)
    return settings.BASE_URL + reverse("alerts:unsubscribe", args=[token])


def read(token):
    """(channel, address) of a link of ours. Raises signing.BadSignature."""
    channel, address = signing.loads(token, salt=SALT)
    return channel, address
