"""Forms about oneself. allauth builds its sign-up form on SignupForm, so nothing here may import allauth's forms."""

from allauth.account.adapter import get_adapter
from django import forms

from accounts import services
from uptime.lib.zones import time_zones


class SignupForm(forms.Form):
    """What our sign-up asks beyond allauth's: the set-up token, for a first account that others could snatch."""

    field_order = ["username", "email", "password1", "setup_token"]

    setup_token = forms.CharField(
        label="Set-up token",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="Printed in the terminal when the site was started. Only the first account needs it.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not services.setup_token_needed():
            del self.fields["setup_token"]

    def clean_setup_token(self):
        token = self.cleaned_data["setup_token"].strip()
        services.check_setup_token(token)
        return token

    def signup(self, request, user):
        """allauth asks for this method; the adapter's save_user has done it all."""


class TimeZoneField(forms.ChoiceField):
    """A name from the time zone database; empty means UTC."""

    def __init__(self, **kwargs):
        kwargs = {"label": "Time zone", "required": False, **kwargs}
        super().__init__(choices=lambda: [("", "UTC"), *((name, name) for name in time_zones())], **kwargs)


class ProfileForm(forms.Form):
    """Email and time zone. Another email needs the password: whoever finds an open browser could take the account."""

    email = forms.EmailField(
        label="Email",
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="Where a link to choose a new password is sent. Leave it empty for none.",
    )
    password = forms.CharField(
        label="Current password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Only needed to change the email.",
    )
    time_zone = TimeZoneField(help_text="Times are shown in this zone, the exact UTC time on hover.")

    def __init__(self, data=None, *, user):
        super().__init__(data, initial={"email": user.email, "time_zone": user.time_zone})
        self.user = user

    @property
    def email_changes(self):
        return (self.cleaned_data.get("email") or None) != self.user.email

    def clean_email(self):
        email = self.cleaned_data["email"].lower()
        services.refuse_taken_email(email, but=self.user)
        return email

    def clean(self):
        super().clean()
        said = self.cleaned_data
        if self.errors or not self.email_changes:
            return said
        if not said["password"]:
            self.add_error("password", "Give your current password to change the email.")
        elif not get_adapter().reauthenticate(self.user, said["password"]):
            self.add_error("password", "This is not your password.")
        return said

    def save(self):
        """Store what was said. Returns the EmailAddress that now waits for confirmation, or None."""
        address = services.change_email(self.user, self.cleaned_data["email"]) if self.email_changes else None
        self.user.time_zone = self.cleaned_data["time_zone"]
        self.user.save(update_fields=["time_zone"])
        return address
