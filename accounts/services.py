"""Verbs on people: signing up, and what may be changed later."""

import unicodedata

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.crypto import constant_time_compare

from accounts.models import User

USERNAME_LONGEST = 150  # characters, as many as the column has
PASSWORD_LONGEST = 1000  # characters; hashing more only serves who wants to keep us busy
SIGN_UP_LOCK = 0x5E7_0F1  # the PostgreSQL advisory lock that lets one sign-up through at a time
FIRST_ACCOUNT_REFUSED = (
    "The first account of a site that other machines can reach needs the set-up token, "
    "which was printed when the site was started."
)


def sign_up(username, password, email=None, setup_token=""):
    """Make an account with its personal team; the very first one administers the site.

    Raises ValidationError, keyed by username, password, email or setup_token, for what the visitor can put right,
    without a key when sign-up is closed.
    """
    username = _keyed("username", clean_username, username)
    _keyed("password", clean_password, password)
    user = User(username=username, email=email or None)
    user.set_password(password)  # slow on purpose, therefore before the lock
    with transaction.atomic():
        _one_at_a_time()
        if not sign_up_open():
            raise ValidationError("This site accepts no new accounts.", code="closed")
        _keyed("username", refuse_taken_username, username)
        _keyed("email", refuse_taken_email, user.email)
        if is_first_account():
            _keyed("setup_token", check_setup_token, setup_token)
            user.is_staff = user.is_superuser = True
        user.save()
        user.ensure_team()
    return user


def _one_at_a_time():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SIGN_UP_LOCK])


def _keyed(field, check, value):
    """What `check` returns; what it refuses is said of `field`."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValidationError({field: error}) from error


def is_first_account():
    return not User.objects.exists()


def sign_up_open():
    """Whether strangers may make accounts; the first account always may be made."""
    return settings.SIGNUP_OPEN or is_first_account()


def setup_token_needed():
    """Only for the first account, and only where more than this machine can reach the site."""
    guarded = bool(settings.SETUP_TOKEN) or not settings.LOOPBACK
    return guarded and is_first_account()


def check_setup_token(token):
    """Raise ValidationError when the token is needed and this is not it."""
    right = bool(settings.SETUP_TOKEN) and constant_time_compare(token, settings.SETUP_TOKEN)
    if setup_token_needed() and not right:
        raise ValidationError(FIRST_ACCOUNT_REFUSED, code="setup_token")


def normal_username(text):
    """The form a username is stored and looked up in: what looks the same is the same account."""
    return unicodedata.normalize("NFKC", text).strip()


def clean_username(text):
    """The username to store. Free text: only what cannot be stored is refused."""
    username = normal_username(text)
    if not username:
        raise ValidationError("Choose a username.")
    if len(username) > USERNAME_LONGEST:
        raise ValidationError(f"A username has at most {USERNAME_LONGEST} characters; this has {len(username)}.")
    if not storable(username):
        raise ValidationError("This username contains a character that cannot be stored.")
    return username


def clean_password(password):
    """Refuse what no password can be. How good it must be is for the form to say."""
    if len(password) > PASSWORD_LONGEST:
        raise ValidationError(f"A password has at most {PASSWORD_LONGEST} characters.")
    if not storable(password):
        raise ValidationError("This password contains a character that cannot be stored.")


def storable(text):
    """Neither NUL, which PostgreSQL refuses, nor half a surrogate pair, which JSON can smuggle in."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def refuse_taken_username(username):
    """Raise ValidationError for a taken one, compared as the constraint compares: upper case would tell less apart."""
    if User.objects.filter(Exact(Lower("username"), Lower(Value(username)))).exists():
        raise ValidationError("This username is taken.", code="taken")


def refuse_taken_email(email, but=None):
    """Raise ValidationError when another account than `but` uses `email`."""
    others = User.objects.exclude(pk=but.pk) if but else User.objects.all()
    if email and others.filter(Exact(Lower("email"), Lower(Value(email)))).exists():
        raise ValidationError("Another account uses this email address.", code="taken")


@transaction.atomic
def change_email(user, email):
    """Give `user` another address, or none; unconfirmed until its owner follows the link in a mail.

    Returns the new EmailAddress row, None when there is none to confirm. Raises ValidationError (email) if taken.
    """
    _one_at_a_time()
    _keyed("email", lambda text: refuse_taken_email(text, but=user), email)
    EmailAddress.objects.filter(user=user).delete()
    user.email = email
    user.save(update_fields=["email"])
    return EmailAddress.objects.create(user=user, email=user.email, primary=True) if user.email else None
