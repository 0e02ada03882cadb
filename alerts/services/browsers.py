"""Verbs on the browsers that show notifications: turned on, renewed, removed, and what a message found there."""

from datetime import datetime
from email.utils import parseaddr
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User
from alerts.channels.base import Places
from alerts.models import Browser, Channel, PushKey
from alerts.recipients import WEB_PUSH, automatic, saved
from alerts.services.policies import look_again
from uptime.lib import webpush

LIMIT = 20  # of one member


class LimitError(Exception):
    """A member has as many browsers as there may be; the text says the way out."""


def fingerprint(endpoint: str) -> str:
    """The name a browser goes by here: whoever knows its address could push to it, and nobody can tell it from this."""
    return sha256(endpoint.encode()).hexdigest()


# The site's key -------------------------------------------------------------------------------------------------------
def signing_key() -> str:
    """The private key of this site, made now if there is none yet."""
    found = PushKey.objects.filter(pk=1).first()
    if found is None:
        try:
            with transaction.atomic():
                found = PushKey.objects.create(private=webpush.new_private_key())
        except IntegrityError:  # somebody else was faster
            found = PushKey.objects.get(pk=1)
    return str(found.private)


def public_key() -> str:
    """What a browser is told of whom it may take messages from (the Push API's applicationServerKey)."""
    return webpush.encode(webpush.point(webpush.private_key(signing_key())))


def identity() -> dict[str, str]:
    """The options of a kind that sends to browsers: the key, and the contact RFC 8292 asks for."""
    contact = settings.BASE_URL if settings.HTTPS else f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
    return {"push_key": signing_key(), "contact": contact}


# Browsers -------------------------------------------------------------------------------------------------------------
@transaction.atomic
def turn_on(user: User, subscription: dict[str, str], name: str) -> Browser:
    """Tell `user` in a browser from now on. `subscription`: endpoint, p256dh and auth. A browser that somebody else
    used before changes hands: it has one subscription whoever is signed in. Raises LimitError."""
    User.objects.select_for_update().get(pk=user.pk)  # two at once are counted one after the other
    mark = fingerprint(subscription["endpoint"])
    others = Browser.objects.filter(user=user).exclude(fingerprint=mark)
    if others.count() >= LIMIT:
        raise LimitError(f"Notifications are on in {LIMIT} browsers, which is as many as there may be. Remove one.")
    told: dict[str, Any] = {"user": user, "secrets": subscription, "name": name, "last_key": ""}
    browser, _ = Browser.objects.update_or_create(fingerprint=mark, defaults=told)
    for membership in user.memberships.select_related("team", "user"):
        _ready(saved_channel(membership))
        look_again(membership.team_id)
    return browser


def saved_channel(membership: Any) -> Channel:
    """The channel that leads to a member's browsers, made now if there is none yet."""
    own = Channel.objects.filter(team=membership.team_id, member=membership.user_id, kind=WEB_PUSH)
    return own.order_by("automatic", "id").first() or saved(automatic(membership, WEB_PUSH))


def _ready(channel: Channel) -> None:
    """Whoever turns a browser on wants to be told there, whatever became of the one before."""
    Channel.objects.filter(pk=channel.pk).update(
        enabled=True, disabled_reason="", disabled_at=None, last_failed_at=None, last_error=""
    )


@transaction.atomic
def remove(browser: Browser) -> None:
    """Nothing is pushed there any more."""
    teams = list(browser.user.memberships.values_list("team_id", flat=True))
    browser.delete()
    for team in teams:
        look_again(team)


def renew(endpoint: str, subscription: dict[str, str]) -> bool:
    """A browser has got a new address: whoever knows the old one, which nobody else does, speaks for it. False where
    no browser had that."""
    with transaction.atomic():
        browser = Browser.objects.select_for_update().filter(fingerprint=fingerprint(endpoint)).first()
        if browser is None:
            return False
        mark = fingerprint(subscription["endpoint"])
        Browser.objects.filter(fingerprint=mark).exclude(pk=browser.pk).delete()
        browser.fingerprint, browser.secrets = mark, subscription
        browser.save(update_fields=["fingerprint", "secrets"])
    return True


def note(places: Places, key: str, now: datetime) -> None:
    """Write down which browsers took the message `key`, and forget those that are no more."""
    if places.told:
        Browser.objects.filter(pk__in=places.told).update(last_ok_at=now, last_key=key)
    if places.gone:
        Browser.objects.filter(pk__in=places.gone).delete()
