"""The options that say what an answer over HTTP must be like, and what becomes of an answer under them."""

from collections.abc import Generator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from monitors.probes.content import Content, assertions_of, is_quick, judge, judge_aside
from monitors.probes.expressions import finder, pattern
from monitors.probes.grammar import PATTERNS, Assertion, from_object, parse
from monitors.probes.kinds import Answer, Compute, Finding
from monitors.probes.options import StatusesField, TextField
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions

MAX_ASSERTIONS = 20
MAX_TEXT = 40_000  # characters of all lines together, more than so many assertions can have


class AssertionsField(forms.CharField):
    """Assertions: lines as monitors.probes.grammar reads them, or a list of lines or objects from the API.

    Cleans to a list of objects {"source", "path", "operator", "value"}. Their expressions are compiled here, so that
    an error is told to the person who wrote it."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[dict[str, Any]]:  # type: ignore[override]
        if value in self.empty_values:
            return []
        if isinstance(value, str):
            text = value.replace("\r\n", "\n")
            if len(text) > MAX_TEXT:
                raise ValidationError(f"Write at most {MAX_TEXT:,} characters.")
            items: list[Any] = [line.strip() for line in text.split("\n")]
        elif isinstance(value, list | tuple):
            items = list(value)
        else:
            raise ValidationError("Assertions are lines of text, or a list of objects.")
        numbered = [(number, item) for number, item in enumerate(items, 1) if item != ""]
        if len(numbered) > MAX_ASSERTIONS:
            raise ValidationError(f"Write at most {MAX_ASSERTIONS} assertions, not {len(numbered)}.")
        found, errors = [], []
        for number, item in numbered:
            try:
                found.append(compiled(parse(item) if isinstance(item, str) else from_object(item))._asdict())
            except ValueError as error:
                where = "Line" if isinstance(value, str) else "Assertion"
                errors.append(f"{where} {number}: {error}")
        if errors:
            raise ValidationError(errors)
        return found

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Assertions were checked one by one; a text field's own validators expect text."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(lines_of, value)) if isinstance(value, list) else value


def compiled(assertion: Assertion) -> Assertion:
    """The assertion itself, once its expressions have proved to be some. Raises ValueError."""
    if assertion.source == "json":
        finder(assertion.path)
    if assertion.operator in PATTERNS:
        pattern(assertion.value)
    return assertion


def lines_of(item: Any) -> str:
    """A stored assertion as its line; what is none, as it is."""
    return str(Assertion(**item)) if isinstance(item, dict) and set(item) == set(Assertion._fields) else str(item)


class AnswerOptions(ProbedOptions):
    """What of an answer counts as up."""

    expected_status = StatusesField(
        label="Expected status",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "200-299"}),
        help_text="Codes and ranges, as in “200-299, 301” or “2xx”. "
        "Empty: 200-299, or 200-399 where redirects are not followed.",
    )
    keyword = TextField(
        label="Keyword",
        required=False,
        max_length=1000,
        help_text="Text to look for on the page. Upper and lower case are the same; the first megabyte is searched.",
    )
    keyword_mode = forms.ChoiceField(
        label="The keyword must be",
        choices=[("present", "on the page"), ("absent", "nowhere on the page")],
        initial="present",
    )
    assertions = AssertionsField(
        label="Assertions",
        required=False,
        widget=forms.Textarea(
            attrs={
                "rows": 4,
                "spellcheck": "false",
                "placeholder": 'json data.status == "ok"\nheader content-type contains json\nbody matches /v[0-9]+/',
            }
        ),
        help_text="One a line, all must hold: json, header or body, then where, an operator and a value, as in "
        "“json data.status == ok”. Operators: == != contains matches < <= > >= exists empty, with not before words. "
        "Expressions are JMESPath, or JSONPath where they begin with $; matches takes a regular expression of RE2. "
        "All of it: docs/assertions.md.",
    )


def check_head(form: forms.Form, cleaned: Mapping[str, Any]) -> None:
    """Add errors for what a HEAD request cannot show."""
    if cleaned.get("method") != "HEAD":
        return
    if cleaned.get("keyword"):
        form.add_error("keyword", "A HEAD request fetches no page to search. Choose GET, or clear the keyword.")
    needing = [each for each in cleaned.get("assertions") or () if each["source"] != "header"]
    if needing:
        form.add_error(
            "assertions",
            f"A HEAD request fetches no page, and “{lines_of(needing[0])[:60]}” needs one. Choose GET, or assert "
            "headers only.",
        )


def judged(options: Mapping[str, Any], answer: Answer) -> Generator[Compute, Any, Finding]:
    """What the content of an answer means: at once where that is sure to be quick, else computed aside."""
    if not (options.get("keyword") or options.get("assertions")):
        return Finding(None)
    content = Content(answer.headers, answer.body, answer.truncated)
    if is_quick(options, content):
        reason, detail = judge(options, content)
    else:
        wanted = {name: options[name] for name in ("keyword", "keyword_mode", "assertions") if name in options}
        reason, detail = yield Compute(
            judge_aside, (wanted, answer.headers, answer.truncated), answer.body, _asked(options)
        )
    return Finding(Reason(reason) if reason else None, detail)  # type: ignore[call-arg]


def _asked(options: Mapping[str, Any]) -> str:
    """What is looked into, for the sentence that says that it took too long."""
    asserted = assertions_of(options)
    one = f"The assertion “{str(asserted[0])[:120]}”" if len(asserted) == 1 else f"One of {len(asserted)} assertions"
    return one if asserted else "The search for the keyword"
