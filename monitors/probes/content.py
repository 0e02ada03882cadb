"""What the content of an answer means under a monitor's assertions.

Pure, and light to import: the same code runs on the engine's thread, where it is sure to be quick, and in the processes
aside, where it need not be. The body is decoded once and parsed once, however many assertions look at it.
"""

import codecs
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from monitors.probes.expressions import EvaluationError, finder, pattern, plain_path
from monitors.probes.grammar import (
    ALONE,
    AT_LEAST,
    AT_MOST,
    CONTAINS,
    EMPTY,
    EQUAL,
    EXISTS,
    LESS,
    MATCHES,
    MORE,
    NEGATED,
    NOT_EQUAL,
    ORDERS,
    PATTERNS,
    Assertion,
)
from monitors.probes.reasons import Reason

SHOWN = 80  # characters of a value that a sentence quotes
QUICK_TEXT = 64 * 1024  # bytes of a body that are searched on the engine's thread, whatever they are
QUICK_JSON = 50 * 1024  # bytes of JSON that are parsed there: 0.8 ms, of which handing it over would cost a third

# Text encodings pages are written in. Python knows others under the same name that are no charsets of the web, and
# some of those (punycode, idna) take quadratic time on a hostile megabyte.
_CHARSETS = re.compile(
    r"(utf|us|ascii|latin|iso|windows|cp|koi|gb|big5|shift|euc|mac|hz|tis|johab)[\w.-]*", re.IGNORECASE
)
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# What Python decodes so slowly that a hostile page could hold up the other checks, and what stands in for it.
_COSTLY_CHARSETS = {"utf-7": "utf-8", "tis-620": "cp874", "iso8859-11": "cp874"}
_QUICK_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})

# What an assertion expects, for the end of a sentence; "not" goes in front of it.
_WORDS = {
    EQUAL: "{}",
    NOT_EQUAL: "anything but {}",
    CONTAINS: "to contain {}",
    NEGATED[CONTAINS]: "not to contain {}",
    MATCHES: "to match {}",
    NEGATED[MATCHES]: "not to match {}",
    LESS: "less than {}",
    AT_MOST: "at most {}",
    MORE: "more than {}",
    AT_LEAST: "at least {}",
    EXISTS: "a value",
    NEGATED[EXISTS]: "none",
    EMPTY: "nothing in it",
    NEGATED[EMPTY]: "something in it",
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    LESS: lambda a, b: a < b,
    AT_MOST: lambda a, b: a <= b,
    MORE: lambda a, b: a > b,
    AT_LEAST: lambda a, b: a >= b,
}


class Content:
    """What came of an answer. Header names are lower case. `truncated`: the server had more than `body`."""

    def __init__(self, headers: Sequence[Sequence[str]], body: bytes = b"", truncated: bool = False) -> None:
        self.headers, self.body, self.truncated = headers, body, truncated

    def header(self, name: str) -> str | None:
        """Its value; several are joined, as RFC 9110, 5.3 has it. None: it is not there."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @cached_property
    def charset(self) -> str:
        """Of the Content-Type header, else UTF-8; in Python's own spelling."""
        match = _CHARSET_PARAMETER.search(self.header("content-type") or "")
        charset = match[1] if match and _CHARSETS.fullmatch(match[1]) else "utf-8"
        try:
            charset = codecs.lookup(charset).name
        except LookupError:
            charset = "utf-8"
        return _COSTLY_CHARSETS.get(charset, charset)

    @cached_property
    def text(self) -> str:
        """The body as text; what is no text becomes U+FFFD."""
        return self.body.decode(self.charset, "replace")

    def holds(self, words: str, likely: bool) -> bool:
        """Whether the body contains `words`, in upper or lower case. Where that is likely, they are looked for as they
        stand first, which is found for half the cost."""
        return (likely and words in self.text) or words.casefold() in self._folded

    @cached_property
    def _folded(self) -> str:
        return self.text.casefold()

    @cached_property
    def document(self) -> Any:
        """The body as JSON. Raises EvaluationError."""
        try:
            return json.loads(self.body if self.charset == "utf-8" else self.text, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            raise EvaluationError(f"the answer is no JSON ({error.msg}, character {error.pos + 1})") from None
        except (RecursionError, ValueError) as error:
            raise EvaluationError(f"the answer is no JSON that can be read ({str(error)[:SHOWN]})") from None


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def assertions_of(options: Mapping[str, Any]) -> list[Assertion]:
    """The assertions of a monitor's cleaned options. Raises TypeError and KeyError where they are no such thing."""
    return [Assertion(**each) for each in options.get("assertions") or ()]


def wants_body(options: Mapping[str, Any]) -> bool:
    return bool(options.get("keyword")) or any(each.source != "header" for each in assertions_of(options))


def is_quick(options: Mapping[str, Any], content: Content) -> bool:
    """Whether the engine's thread may do this itself: its work is bounded, and less than handing it over would be."""
    asserted = assertions_of(options)
    if any(each.operator in PATTERNS for each in asserted):
        return False
    if any(each.source == "json" for each in asserted) and (
        len(content.body) > QUICK_JSON or any(each.source == "json" and not plain_path(each.path) for each in asserted)
    ):
        return False
    searched = options.get("keyword") or any(each.source == "body" for each in asserted)
    size = len(content.body)
    return not searched or size <= QUICK_TEXT or (content.body.isascii() and content.charset in _QUICK_CHARSETS)


def judge(options: Mapping[str, Any], content: Content) -> tuple[Reason | None, str]:
    """The first thing that is not as asserted: why, and a sentence with what was seen. (None, "") where all is well.

    Raises ExpressionError for expressions that no form has cleaned."""
    reason, detail = _keyword(options, content)
    if reason:
        return reason, detail
    for each in assertions_of(options):
        reason, detail = _check(each, content)
        if reason:
            return reason, detail
    return None, ""


def judge_aside(options: Mapping[str, Any], headers: list[list[str]], truncated: bool, body: bytes) -> list[str | None]:
    """`judge`, as it is called in another process."""
    return list(judge(options, Content(headers, body, truncated)))


def _keyword(options: Mapping[str, Any], content: Content) -> tuple[Reason | None, str]:
    """An absent keyword is judged on the megabyte that is read; a present one cannot be missed on a page cut short."""
    keyword = options.get("keyword") or ""
    if not keyword:
        return None, ""
    absent, shown = options.get("keyword_mode") == "absent", keyword[:SHOWN]
    found = content.holds(keyword, likely=not absent)
    if absent:
        return (Reason.KEYWORD_PRESENT, f"The page contains “{shown}”") if found else (None, "")
    if found:
        return None, ""
    if content.truncated:
        return Reason.BODY_TOO_LARGE, f"“{shown}” is not in the first megabyte of the page"
    return Reason.KEYWORD_MISSING, f"The page does not contain “{shown}”"


def _check(assertion: Assertion, content: Content) -> tuple[Reason | None, str]:
    if assertion.source == "body":
        return _check_body(assertion, content)
    what = f"{assertion.source} {assertion.path}"
    if content.truncated and assertion.source == "json":
        return Reason.BODY_TOO_LARGE, f"The JSON is longer than the first megabyte, which is all that is read: {what}"
    try:
        seen = content.header(assertion.path) if assertion.source == "header" else _found(assertion.path, content)
    except EvaluationError as error:
        return Reason.ASSERTION, f"{what} was not to be found, expected {expected(assertion)}: {error}"
    return (None, "") if holds(assertion, seen) else (Reason.ASSERTION, _sentence(what, seen, assertion))


def _found(path: str, content: Content) -> Any:
    return finder(path)(content.document)


def _check_body(assertion: Assertion, content: Content) -> tuple[Reason | None, str]:
    operator = assertion.operator
    if operator == CONTAINS or operator == NEGATED[CONTAINS]:
        good = content.holds(_text(assertion.value), operator == CONTAINS) == (operator == CONTAINS)
    else:
        good = holds(assertion, content.text if operator in PATTERNS else content.text.strip())
    if good:
        return None, ""
    if content.truncated and operator not in {NEGATED[CONTAINS], NEGATED[MATCHES]}:
        return Reason.BODY_TOO_LARGE, f"body is longer than the first megabyte, expected {expected(assertion)}"
    if operator in {CONTAINS, NEGATED[CONTAINS], *PATTERNS}:
        return Reason.ASSERTION, f"body was expected {expected(assertion)}"
    return Reason.ASSERTION, _sentence("body", content.text.strip(), assertion)


def holds(assertion: Assertion, seen: Any) -> bool:
    """Whether a value is as asserted. None is a value that is not there."""
    source, _, operator, value = assertion
    if operator in (EXISTS, NEGATED[EXISTS]):
        return (seen is not None) == (operator == EXISTS)
    if operator in (EMPTY, NEGATED[EMPTY]):
        return (seen is None or seen in ("", [], {})) == (operator == EMPTY)
    if operator in PATTERNS:
        text = _text(seen)
        return (seen is not None and bool(pattern(value).search(text))) == (operator == MATCHES)
    if operator in (CONTAINS, NEGATED[CONTAINS]):
        return (_contains_text if source != "json" else _contains)(seen, value) == (operator == CONTAINS)
    if source != "json":
        seen = _as_typed(seen, value)
    if operator in (EQUAL, NOT_EQUAL):
        return same(seen, value) == (operator == EQUAL)
    comparable = (_is_number(seen) and _is_number(value)) or (isinstance(seen, str) and isinstance(value, str))
    return comparable and _ORDER[operator](seen, value)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_typed(seen: Any, value: Any) -> Any:
    """A header or body, which is text, as a number where it is compared with one."""
    if seen is None or not _is_number(value):
        return seen
    try:
        return float(seen) if len(seen) < SHOWN else seen
    except ValueError:
        return seen


def _contains_text(seen: Any, value: Any) -> bool:
    return seen is not None and _text(value).casefold() in seen.casefold()


def _contains(seen: Any, value: Any) -> bool:
    """A text within a text, an element of a list, a key of an object."""
    if isinstance(seen, str):
        return isinstance(value, str) and value in seen
    if isinstance(seen, list):
        return any(same(each, value) for each in seen)
    return isinstance(seen, dict) and isinstance(value, str) and value in seen


def _text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def expected(assertion: Assertion) -> str:
    value = assertion.value
    shown = f"/{value}/" if assertion.operator in PATTERNS else "" if assertion.operator in ALONE else quoted(value)
    return _WORDS[assertion.operator].format(shown[: 2 * SHOWN])


def quoted(value: Any) -> str:
    """A value as a sentence may quote it: short, with text in quotes."""
    if isinstance(value, str):
        return f"“{value[:SHOWN]}{'…' if len(value) > SHOWN else ''}”"
    if isinstance(value, list | dict) and len(value) > SHOWN:
        return f"a list of {len(value)}" if isinstance(value, list) else f"an object of {len(value)}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _sentence(what: str, seen: Any, assertion: Assertion) -> str:
    if seen is None and assertion.value is not None:
        return f"{what} is missing, expected {expected(assertion)}"
    if seen is None:
        return f"{what} is missing"
    note = ""
    if assertion.operator in ORDERS and isinstance(seen, str) and _is_number(assertion.value):
        note = ", which is text" if assertion.source == "json" else ""
    elif assertion.operator in (EQUAL, *ORDERS) and type(seen) is not type(assertion.value):
        note = _kind_note(seen, assertion.value)
    return f"{what} was {quoted(seen)}{note}, expected {expected(assertion)}"


def _kind_note(seen: Any, value: Any) -> str:
    """Says that a text is no number, where the two look alike."""
    return " (not text)" if isinstance(value, str) and _text(seen) == value else ""
