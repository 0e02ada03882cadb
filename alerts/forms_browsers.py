"""What a browser tells of itself when notifications are turned on in it (Push API, PushSubscription)."""

from django import forms
from django.core.exceptions import ValidationError

from alerts.channels.fields import UrlField
from uptime.lib import webpush

NOT_READ = "The browser told something that cannot be read here. Turn notifications off and on again."


class BrowserForm(forms.Form):
    """Its address and its keys. A browser fills it in, so that what is wrong is said of the whole."""

    endpoint = UrlField(schemes=("https",), max_length=2000)
    p256dh = forms.CharField(max_length=100)
    auth = forms.CharField(max_length=40)

    def clean_p256dh(self) -> str:
        try:
            webpush.public_key(self.cleaned_data["p256dh"])
        except ValueError as error:
            raise ValidationError(NOT_READ) from error
        return str(self.cleaned_data["p256dh"])

    def clean_auth(self) -> str:
        try:
            webpush.auth_secret(self.cleaned_data["auth"])
        except ValueError as error:
            raise ValidationError(NOT_READ) from error
        return str(self.cleaned_data["auth"])

    @property
    def problem(self) -> str:
        """What is wrong, in a sentence that names the field."""
        return " ".join(f"{name}: {error}" for name, errors in self.errors.items() for error in errors)
