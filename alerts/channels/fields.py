"""Form fields that several kinds of channels share."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from monitors.masks import MASK
from monitors.probes.options import LinesField, TextField
from uptime.lib.net import Guard, UrlError, check_url


class SecretField(TextField):
    """Text that is stored encrypted and never shown again but for its last four characters. `check` raises ValueError
    with a sentence where it cannot be right; what comes back masked stays as it is."""

    widget = forms.TextInput

    def __init__(self, *, check: Callable[[str], object] | None = None, **more: Any) -> None:
        more.setdefault("max_length", 2000)
        super().__init__(**more)
        self.check = check
        self.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if self.check and text and not text.startswith(MASK):
            try:
                self.check(text)
            except ValueError as error:
                raise ValidationError(str(error)) from error
        return text


class UrlField(TextField):
    """A web address something is sent to, in its one spelling; `schemes` may be narrowed to https. With `hosts`, one
    of these or of their subdomains. What comes back masked stays as it is."""

    widget = forms.TextInput

    def __init__(
        self, *, schemes: tuple[str, ...] = ("http", "https"), hosts: tuple[str, ...] = (), **more: Any
    ) -> None:
        super().__init__(**more)
        self.schemes, self.hosts = schemes, hosts
        self.widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}

    def clean(self, value: Any) -> str:
        text: str = super().clean(value).strip()
        if not text or text.startswith(MASK):
            return text
        try:
            url = check_url(text, self.schemes, Guard(settings.ALLOW_PRIVATE_TARGETS))
        except UrlError as error:
            raise ValidationError(str(error)) from error
        if self.hosts and not any(url.host == host or url.host.endswith(f".{host}") for host in self.hosts):
            raise ValidationError(f"This address leads to {url.host}. It should be one of {', '.join(self.hosts)}.")
        return str(url)


class AddressesField(LinesField):
    """Email addresses, one a line or with commas between them; a list from the API."""

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, str):
            value = value.replace(",", "\n").replace(";", "\n")
        found = []
        for address in super().to_python(value):
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(f"“{address[:80]}” is not an email address.") from None
            found.append(address)
        return list(dict.fromkeys(found))
