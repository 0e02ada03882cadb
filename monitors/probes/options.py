"""A kind's options as one Django form, and the fields such forms share.

The form is the only description of the options: dashboard, admin, API, import and documentation all read it. Its
cleaned data is plain JSON. This module needs no Django settings, because regional workers have none.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

from django import forms
from django.core.exceptions import ValidationError

from uptime.lib.net import Guard

MAX_HEADERS = 20
MAX_HEADER = 1024  # characters of a name and its value together

# RFC 9110, 5.6.2: the characters of a header name.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# Headers that frame the message, that belong to one connection (RFC 9110, 7.6.1), or that open the metadata
# services of clouds.
_REFUSED_NAMES = """
host content-length transfer-encoding connection keep-alive te trailer upgrade expect http2-settings
metadata metadata-flavor
"""
_REFUSED = frozenset(_REFUSED_NAMES.split())
_REFUSED_PREFIXES = ("proxy-", "x-aws-ec2-metadata-token", ":")

Header = dict[str, str]


class OptionsForm(forms.Form):
    """The base of every kind's options."""

    use_required_attribute = False  # the browser must not refuse what the server explains better
    section = "What to check"  # where a page shows the fields that it has no better place for
    groups: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()  # titles, and the fields a page shows under each
    rare: ClassVar[frozenset[str]] = frozenset()  # stored only where chosen: every check carries what is stored

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """A bound form from JSON values in which anything may be left out: what is missing has its default."""
        defaults = {name: field.initial for name, field in cls.base_fields.items() if field.initial is not None}
        return cls({**defaults, **values})

    def clean_whole(self) -> None:
        """Add errors that only show with the secrets themselves; until now one that was kept is but its mask."""

    def clean_for(self, target: str, guard: Guard) -> None:
        """Add errors to the fields that do not go with `target`, once both are clean."""

    def is_usual(self, name: str) -> bool:
        """Whether a clean option has the value of somebody who chose nothing."""
        value, usual = self.cleaned_data[name], self.fields[name].initial
        return bool(value == usual or not (value or usual))

    def choose_from(self, monitors: Callable[[], Iterable[tuple[int, str]]]) -> None:
        """Let fields offer the monitors of the team, (id, name); most kinds need none of them."""

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The cleaned options of somebody who chose nothing."""
        form = cls.of({})
        form.full_clean()
        return form.cleaned_data


class HeadersField(forms.CharField):
    """Request headers: lines "Name: value" from a page, or a list of {"name", "value"} from the API.

    Cleans to that list. Refused: what frames the message or belongs to the connection, and anything a second
    header could be smuggled in with (RFC 9110, 5.5)."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[Header]:  # type: ignore[override]
        headers = _lines(value) if isinstance(value, str) else _pairs(value or [])
        if len(headers) > MAX_HEADERS:
            raise ValidationError(f"Send at most {MAX_HEADERS} headers, not {len(headers)}.")
        for header in headers:
            check_header(header["name"], header["value"])
        return headers

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Headers were checked one by one; a text field's own validators expect text."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(f"{each.get('name', '')}: {each.get('value', '')}" for each in value if isinstance(each, dict))


def _lines(text: str) -> list[Header]:
    headers = []
    for line in filter(None, map(str.strip, text.replace("\r\n", "\n").split("\n"))):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValidationError(f"“{line[:60]}” has no colon. Write one header per line, as in “Accept: text/html”.")
        headers.append({"name": name.strip(), "value": value.strip()})
    return headers


def _pairs(items: Any) -> list[Header]:
    if not isinstance(items, list | tuple):
        raise ValidationError("Headers are a list of objects with name and value.")
    headers = []
    for item in items:
        name, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValidationError("Each header is an object with name and value, both text.")
        headers.append({"name": name.strip(" \t"), "value": value.strip(" \t")})
    return headers


def check_header(name: str, value: str) -> None:
    """Raises ValidationError with a sentence for the person who typed the header."""
    if not _TOKEN.fullmatch(name):
        raise ValidationError(f"“{name[:60]}” is not a header name. Use letters, digits and hyphens.")
    if name.lower() in _REFUSED or name.lower().startswith(_REFUSED_PREFIXES):
        raise ValidationError(f"The header “{name[:60]}” is set by the connection itself. Leave it out.")
    if _FORBIDDEN_IN_VALUE.search(value):
        raise ValidationError(f"The header “{name[:60]}” contains a line break or control character. Remove it.")
    if len(name) + len(value) > MAX_HEADER:
        raise ValidationError(f"The header “{name[:60]}” is longer than {MAX_HEADER} characters.")


_RANGE = re.compile(r"([1-9][0-9]{2})(?:\s*-\s*([1-9][0-9]{2}))?|([1-5])xx", re.IGNORECASE)


def parse_statuses(text: str) -> list[tuple[int, int]]:
    """The ranges of "200-299, 301, 5xx", both ends included. Raises ValueError with a sentence naming the bad part."""
    ranges = []
    for part in filter(None, map(str.strip, text.replace(";", ",").split(","))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"“{part[:40]}” is not a status. Write codes and ranges, as in 200-299, 301.")
        first = int(match[1] or match[3] + "00")
        last = int(match[2] or (match[3] + "99" if match[3] else first))
        if not 100 <= first <= last <= 599:
            raise ValueError(f"“{part[:40]}” is not a range of statuses from 100 to 599, lowest first.")
        ranges.append((first, last))
    return ranges


def statuses_text(ranges: list[tuple[int, int]]) -> str:
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)


class StatusesField(forms.CharField):
    """Expected statuses: text as `parse_statuses` reads it, or a list of numbers from the API. Cleans to text."""

    def to_python(self, value: Any) -> str:
        if isinstance(value, list | tuple):
            value = ", ".join(str(each) for each in value)
        text = super().to_python(value) or ""
        try:
            return statuses_text(parse_statuses(text))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class TextField(forms.CharField):
    """Text that must be text: the API's numbers and lists are errors, not their Python spelling."""

    def to_python(self, value: Any) -> str:
        if value is not None and not isinstance(value, str):
            raise ValidationError("This must be text.")
        return super().to_python(value) or ""


class DefaultChoiceField(forms.ChoiceField):
    """Who leaves it out means what it is at first."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"initial": "", "required": False, **more})

    def clean(self, value: Any) -> Any:
        return super().clean(value or self.initial)


class SecretField(TextField):
    """One line that nobody may read over a shoulder. What is shown of a stored one is its mask."""

    def __init__(self, *, when: str = "", **more: Any) -> None:
        attrs = {"autocomplete": "new-password"} | ({"data-when": when} if when else {})
        widget = forms.PasswordInput(attrs=attrs, render_value=True)
        super().__init__(required=False, widget=widget, **{"max_length": 1000, **more})


class LinesField(TextField):
    """One text per line from a page, or a list of texts from the API. Cleans to that list, without empty ones."""

    widget = forms.Textarea

    def __init__(self, *, max_lines: int = 20, **more: Any) -> None:
        super().__init__(**more)
        self.max_lines = max_lines

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, list | tuple):
            if not all(isinstance(each, str) for each in value):
                raise ValidationError("This must be a list of texts.")
            value = "\n".join(value)
        lines = [line.strip() for line in super().to_python(value).splitlines() if line.strip()]
        if len(lines) > self.max_lines:
            raise ValidationError(f"Write at most {self.max_lines} lines, not {len(lines)}.")
        return lines

    def run_validators(self, value: Any) -> None:
        for line in value:
            super().run_validators(line)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value


THRESHOLDS = (60, 30, 14, 7, 3, 2, 1)  # days before an end at which people may be told of it
TELL_FROM = 14  # certificates of 90 days are renewed when 30 are left; two weeks later something has failed


class DaysField(forms.IntegerField):
    """From how many days before an end on people are told: one of THRESHOLDS, or 0 for never (also -1, as some
    clients of the API say it)."""

    def __init__(self, **more: Any) -> None:
        choices = [(0, "Never"), *((days, f"{days} day{'s' if days > 1 else ''} before") for days in THRESHOLDS)]
        super().__init__(initial=TELL_FROM, widget=forms.Select(choices=choices), **more)

    def clean(self, value: Any) -> int:
        days = TELL_FROM if value in self.empty_values else super().clean(value)
        if days not in (*THRESHOLDS, 0, -1):
            raise ValidationError(f"Choose one of {', '.join(map(str, reversed(THRESHOLDS)))} days, or 0 for never.")
        return max(0, days)


def certificate_days() -> DaysField:
    """The option of every kind that may see a certificate."""
    return DaysField(
        label="Tell of the certificate's end from",
        help_text="An incident is opened then, told of again at 7, 3, 2 and 1 days, and resolved by the renewal. "
        "The first certificate of the chain to end counts.",
    )


_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.|$)", re.DOTALL)


def unescape(text: str) -> bytes:
    r"""What goes over the wire for text in which \r, \n, \t, \0, \\ and \x1b stand for bytes; the rest is UTF-8.

    Raises ValueError with a sentence naming a sequence that stands for nothing."""
    found, at = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        found += text[at : match.start()].encode()
        at = match.end()
        if match[1] not in _ESCAPES and len(match[1]) != 3:
            raise ValueError(rf"“{match[0]}” stands for nothing. Write \r, \n, \t, \0, \x1b, or \\ for a backslash.")
        found += bytes([int(match[1][1:], 16)]) if len(match[1]) == 3 else _ESCAPES[match[1]].encode()
    return bytes(found + text[at:].encode())


class WordsField(TextField):
    """Text sent to, or expected from, a service; see `unescape`. It is kept as it was typed."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            unescape(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return text
