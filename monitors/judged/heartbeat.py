"""The kind `heartbeat`: a job that reports in. It is never asked; what is expected of it, and which pings count."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from monitors.domain.heartbeat import PingKind, Settings
from monitors.domain.slots import Ms
from monitors.judged import schedules
from monitors.judged.sentences import expectation
from monitors.probes.options import OptionsForm, TextField
from uptime.lib import durations
from uptime.lib.zones import time_zones

A_YEAR = 365 * 86_400
LEAST_PERIOD = 10  # seconds
WORDS_HELP = "Separated by commas, in upper or lower case."


class DurationField(forms.CharField):
    """A length of time: words from a page ("1 h 30 min"), or whole seconds. Cleans to seconds."""

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**kwargs)
        self.validators = [
            MinValueValidator(least, f"At least {durations.words(least)}."),
            MaxValueValidator(most, f"At most {durations.words(most)}."),
        ]

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]
        if value in self.empty_values:
            return None
        try:
            return durations.parse(str(value))
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def prepare_value(self, value: Any) -> Any:
        return durations.words(value) if isinstance(value, int) else value


class Options(OptionsForm):
    section = "Which pings count"

    schedule = forms.ChoiceField(
        label="It reports in",
        choices=schedules.CHOICES,
        initial=schedules.PERIOD,
        help_text="An expression says when the job starts; its ping is expected from then on.",
    )
    period = DurationField(
        label="Period",
        least=LEAST_PERIOD,
        most=A_YEAR,
        initial=86_400,
        required=False,
        help_text="The longest time between two pings, as in “15 min”, “1 h 30 min” or “1 d”. Only without an "
        "expression.",
    )
    expression = TextField(
        label="Expression",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "30 2 * * 1-5", "spellcheck": "false", "autocomplete": "off"}),
        help_text="Of cron, as in “30 2 * * 1-5”, or of systemd, as in “Mon..Fri 02:30”.",
    )
    time_zone = forms.ChoiceField(
        label="Its time zone",
        choices=lambda: [(name, name) for name in time_zones()],
        initial="UTC",
        help_text="Of the machine the job runs on. Only for an expression.",
    )
    grace = DurationField(
        label="Grace",
        least=0,
        most=A_YEAR,
        initial=3_600,
        help_text="How long a ping may be late, and how long a job that said it started may run, until it counts as "
        "down.",
    )
    post_only = forms.BooleanField(
        label="Only POST counts",
        required=False,
        help_text="Other methods are answered and ignored: link previews and crawlers then mean nothing.",
    )
    failure_words = TextField(
        label="Words that mean failure",
        required=False,
        max_length=200,
        help_text=f"Looked for in the body of a ping that says neither start nor failure. {WORDS_HELP}",
    )
    success_words = TextField(label="Words that mean success", required=False, max_length=200, help_text=WORDS_HELP)
    start_words = TextField(label="Words that mean start", required=False, max_length=200, help_text=WORDS_HELP)
    otherwise_fail = forms.BooleanField(
        label="A body with none of these words is a failure",
        required=False,
        help_text="Off, such a ping is ignored. Only where words are given.",
    )
    manual_resume = forms.BooleanField(
        label="Stays paused when it pings",
        required=False,
        initial=True,
        help_text="Off, a ping ends a pause.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("schedule") == schedules.PERIOD:
            if cleaned.get("period") is None and "period" not in self.errors:
                self.add_error("period", "How often does it report in? Write it as in 15 min or 1 d.")
        elif "schedule" in cleaned:
            self._clean_expression(cleaned)
        return cleaned

    def _clean_expression(self, cleaned: dict[str, Any]) -> None:
        if "expression" in self.errors:
            return
        if not cleaned.get("expression"):
            self.add_error("expression", "When is it expected? Write an expression, or choose “Every so often”.")
            return
        try:
            schedules.check_expression(cleaned["schedule"], cleaned["expression"])
        except ValueError as error:
            self.add_error("expression", str(error))


class HeartbeatKind:
    name = "heartbeat"
    judged = True
    label = "Heartbeat"
    description = "A job that reports in, and is missed when it does not."
    target_label = "Short name"
    target_example = "nightly-backup"
    has_port = False
    target_help = (
        "Names it in the addresses that pings go to, beside a key of your team. Small letters, digits, dashes and "
        "underscores. Empty: made of its name."
    )
    Options = Options
    secret_fields = ()
    own_resource = True  # of the API
    sections = {
        "What to wait for": ["kind", "name", "target"],
        "When": ["schedule", "period", "expression", "time_zone", "grace"],
    }
    begins = "It waits for its first ping."
    changed = "What is expected of it counts from now."

    def clean_target(self, text: str, allow_private: bool) -> str:
        if not re.fullmatch("[a-z0-9_-]*", text):
            raise ValueError("Use small letters, digits, dashes and underscores.")
        if len(text) > 100:
            raise ValueError("Use at most 100 characters.")
        return text

    def columns(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a monitor with these options has in the columns that every monitor has: it is never checked, and
        `interval` is what lists call its rhythm."""
        rhythm = options["period"] if options["schedule"] == schedules.PERIOD else schedules.rhythm(options)
        return {"options": dict(options), "interval": rhythm, "timeout_ms": 0}

    def expectation(self, options: Mapping[str, Any]) -> str:
        return expectation(options)


KIND = HeartbeatKind()


def settings(options: Mapping[str, Any], since: Ms) -> Settings:
    """What is expected of a heartbeat with these options. `since`: when they were last changed."""
    return Settings(schedules.following(options), options["grace"] * 1000, since)


def counts_as(options: Mapping[str, Any], asked: PingKind, method: str, body: bytes) -> PingKind:
    """What a ping is, once the rules of the heartbeat have been applied to it."""
    if options.get("post_only") and method != "POST":
        return PingKind.IGNORED
    if asked is not PingKind.SUCCESS or not has_words(options):
        return asked
    text = body.decode(errors="replace").casefold()
    for name, kind in _WORDS.items():
        if any(word in text for word in _words(options.get(name, ""))):
            return kind
    return PingKind.FAIL if options.get("otherwise_fail") else PingKind.IGNORED


def has_words(options: Mapping[str, Any]) -> bool:
    return any(options.get(name) for name in _WORDS)


def is_plain(options: Mapping[str, Any]) -> bool:
    """Whether each ping simply puts the next one off by the period."""
    return options["schedule"] == schedules.PERIOD and not options.get("post_only") and not has_words(options)


# The first that is found decides.
_WORDS = {
    "failure_words": PingKind.FAIL,
    "success_words": PingKind.SUCCESS,
    "start_words": PingKind.START,
}


def _words(text: str) -> list[str]:
    return [word for each in text.split(",") if (word := each.strip().casefold())]
