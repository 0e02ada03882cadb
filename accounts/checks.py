"""System checks of what the environment says about accounts and mail."""

from django.conf import settings
from django.core import checks

from accounts.mail import smtp_options


@checks.register
def check_email_url(app_configs, **kwargs):
    if not settings.EMAIL_URL:
        return []
    try:
        smtp_options(settings.EMAIL_URL)
    except ValueError as error:
        hint = "Correct EMAIL_URL, or unset it: messages then wait on the Mailbox page."
        return [checks.Error(str(error), hint=hint, id="accounts.E001")]
    return []


@checks.register(checks.Tags.security)
def check_setup_token(app_configs, **kwargs):
    if settings.LOOPBACK or settings.SETUP_TOKEN:
        return []
    hint = "Set SETUP_TOKEN to a secret of your choice, or make the first account with `manage.py createsuperuser`."
    text = f"HOST is {settings.HOST} and SETUP_TOKEN is not set: nobody can make the first account by page or API."
    return [checks.Warning(text, hint=hint, id="accounts.W001")]
