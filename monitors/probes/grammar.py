"""An assertion about an answer, and the line people write it as.

    body contains "Welcome"            header content-type contains json
    body not matches /error|fatal/i    json data.items[0].price < 10
    json $.data.status == "ok"         json data.error not exists

A line is a source, for `header` its name and for `json` an expression, an operator, and a value: JSON where it reads as
JSON, a regular expression between slashes, and otherwise the text as it stands. Nothing here looks at answers.
"""

import json
import math
import re
from typing import Any, NamedTuple

EQUAL, NOT_EQUAL, CONTAINS, MATCHES, EXISTS, EMPTY = "==", "!=", "contains", "matches", "exists", "empty"
LESS, AT_MOST, MORE, AT_LEAST = "<", "<=", ">", ">="
NEGATED = {each: f"not {each}" for each in (CONTAINS, MATCHES, EXISTS, EMPTY)}
ORDERS = (LESS, AT_MOST, MORE, AT_LEAST)
OPERATORS = (EQUAL, NOT_EQUAL, CONTAINS, NEGATED[CONTAINS], MATCHES, NEGATED[MATCHES], *ORDERS,
             EXISTS, NEGATED[EXISTS], EMPTY, NEGATED[EMPTY])  # fmt: skip
ALONE = frozenset({EXISTS, NEGATED[EXISTS], EMPTY, NEGATED[EMPTY]})  # take no value
PATTERNS = frozenset({MATCHES, NEGATED[MATCHES]})
SOURCES = ("json", "header", "body")

MAX_PATH = 300  # characters of an expression, or of a header's name
MAX_VALUE = 500  # characters of a value as it is written

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OPERATOR = re.compile(rf"({'|'.join(re.escape(each) for each in sorted(OPERATORS, key=len, reverse=True))})(?=\s|$)")
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # in a path or an expression
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


class Assertion(NamedTuple):
    """`path`: a header's name or an expression over JSON, "" for the body. `value`: plain JSON; of PATTERNS the regular
    expression, of ALONE nothing. For header and body all other values are text or numbers."""

    source: str
    path: str
    operator: str
    value: Any = None

    def __str__(self) -> str:
        """The line that means it."""
        return " ".join(filter(None, [self.source, self.path, self.operator, written(self)]))


def written(assertion: Assertion) -> str:
    """The value as it stands in a line."""
    if assertion.operator in ALONE:
        return ""
    if assertion.operator in PATTERNS:
        return f"/{assertion.value}/"
    return json.dumps(assertion.value, ensure_ascii=False)


def parse(line: str) -> Assertion:
    """The assertion of a line. Raises ValueError with a sentence that names the bad part and the way out."""
    source, _, rest = line.strip().partition(" ")
    source, rest = source.lower(), rest.strip()
    if source not in SOURCES:
        raise ValueError(f"“{line.strip()[:40]}” begins with none of {', '.join(SOURCES)}.")
    path, operator, text = _split(source, rest)
    if operator in ALONE:
        if text:
            raise ValueError(f"“{operator}” takes no value. Leave “{text[:40]}” out.")
        return checked(Assertion(source, path, operator))
    if not text:
        raise ValueError(f'“{operator}” needs a value behind it, as in {operator} {_example(operator)}. Empty is "".')
    if len(text) > MAX_VALUE:
        raise ValueError(f"The value is longer than {MAX_VALUE} characters. Look for a part of it.")
    return checked(Assertion(source, path, operator, _pattern(text) if operator in PATTERNS else _value(text)))


def from_object(item: Any) -> Assertion:
    """The assertion of an object of the API. Raises ValueError as `parse` does."""
    if not isinstance(item, dict) or not isinstance(item.get("source"), str):
        raise ValueError("An assertion is a line of text, or an object with source, path, operator, value.")  # noqa: TRY004
    if unknown := set(item) - set(Assertion._fields):
        raise ValueError(f"“{min(map(str, unknown))[:40]}” is not known. Use source, path, operator and value.")
    source, operator, path = item["source"].strip().lower(), item.get("operator"), item.get("path") or ""
    if source not in SOURCES:
        raise ValueError(f"The source is one of {', '.join(SOURCES)}, not “{source[:40]}”.")
    if not isinstance(operator, str) or " ".join(operator.split()) not in OPERATORS:
        raise ValueError(f"The operator is one of {', '.join(OPERATORS)}.")
    if not isinstance(path, str):
        raise ValueError("The path is text.")  # noqa: TRY004 - one kind of error for who typed it
    found = Assertion(source, path.strip(), " ".join(operator.split()), item.get("value"))
    if found.operator in ALONE and found.value not in (None, ""):
        raise ValueError(f"“{found.operator}” takes no value. Leave it out.")
    return checked(found._replace(value=None) if found.operator in ALONE else found)


def checked(found: Assertion) -> Assertion:
    """`found` in its stored form, which its line means again. Raises ValueError."""
    source, path, operator, value = found
    if source == "body" and (path or operator in (EXISTS, NEGATED[EXISTS])):
        raise ValueError("Of the body itself say what it contains, matches or is: body contains “…”.")
    if source != "body" and not path:
        raise ValueError("Name the header: header content-type …" if source == "header" else "Say where: json a.b …")
    if source == "header" and not _TOKEN.fullmatch(path):
        raise ValueError(f"“{path[:40]}” is not a header name. Use letters, digits and hyphens.")
    if len(path) > MAX_PATH:
        raise ValueError(f"“{path[:40]}…” is longer than {MAX_PATH} characters.")
    if _UNWRITABLE.search(path):
        raise ValueError("The expression contains a line break or control character. Remove it.")
    if source == "header":
        path = path.lower()
    found = Assertion(source, path, operator, _checked_value(source, operator, value))
    if len(written(found)) > MAX_VALUE + 2:
        raise ValueError(f"The value is longer than {MAX_VALUE} characters. Look for a part of it.")
    if source == "json" and _split(source, f"{path} {operator}") != (path, operator, ""):
        raise ValueError(f"“{path[:60]}” holds an operator of its own. Put it in brackets: ({path[:60]})")
    return found


def _checked_value(source: str, operator: str, value: Any) -> Any:
    if operator in ALONE:
        return None
    if operator in PATTERNS:
        if not isinstance(value, str) or _UNWRITABLE.search(value):
            raise ValueError(r"A regular expression is text without line breaks. Write \n for one.")
        return value
    if source != "json" and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        if value is not None and not isinstance(value, bool):
            raise ValueError(f"A {source} is text: compare it with text or a number.")
        value = json.dumps(value)  # who writes: header x-cached == true
    if operator in ORDERS and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        raise ValueError(f"“{operator}” compares numbers, or texts. Give it one of these.")
    if not _is_plain(value):
        raise ValueError("The value holds something that cannot be stored. Use text, numbers, true, false and null.")
    return value


def _is_plain(value: Any) -> bool:
    """Whether PostgreSQL can store it and everybody can write it down."""
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    if isinstance(value, int | float):
        return abs(value) < 1e300 and math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(key) and _is_plain(each) for key, each in value.items())
    return value is None or (isinstance(value, list) and all(map(_is_plain, value)))


def _split(source: str, rest: str) -> tuple[str, str, str]:
    """Path, operator and the text behind it: the operator is the first one outside of brackets and quotes."""
    at = 0 if source == "body" else len(rest.partition(" ")[0]) if source == "header" else _end_of_path(rest)
    if at == len(rest) or _OPERATOR.fullmatch(rest[:at]):
        at = 0  # perhaps there is nothing before it
    match = _OPERATOR.match(re.sub(r"^not\s+", "not ", rest[at:].lstrip()))
    if match is None:
        hint = "body contains “Welcome”" if source == "body" else f"{source} {rest[:40] or '…'} exists"
        raise ValueError(f"There is no operator. Write one with spaces around it, as in “{hint}”. They are: "
                         f"{', '.join(OPERATORS)}.")  # fmt: skip
    return rest[:at].strip(), match[1], re.sub(r"^not\s+", "not ", rest[at:].lstrip())[match.end() :].strip()


def _end_of_path(rest: str) -> int:
    """Where the operator begins; the length of `rest` where there is none."""
    closing: list[str] = []
    at = 0
    while at < len(rest):
        char = rest[at]
        if char in "'\"`":
            at = _end_of_quotes(rest, at)
        elif char in _CLOSERS:
            closing.append(_CLOSERS[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif not closing and char.isspace() and _OPERATOR.match(re.sub(r"^not\s+", "not ", rest[at:].lstrip())):
            return at + len(rest[at:]) - len(rest[at:].lstrip())
        at += 1
    return len(rest)


def _end_of_quotes(rest: str, start: int) -> int:
    """The index of the closing quote, or of the end."""
    at = start + 1
    while at < len(rest) and rest[at] != rest[start]:
        at += 2 if rest[at] == "\\" else 1
    return at


def _pattern(text: str) -> str:
    """The regular expression of `/…/` or `/…/i`; without slashes, of the text as it stands or within quotes."""
    if not text.startswith("/"):
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    pattern, slash, flags = text[1:].rpartition("/")
    if not slash or flags not in ("", "i"):
        raise ValueError("The regular expression has no end. Write it between two slashes, as in /v[0-9]+/ or /ok/i.")
    return f"(?i){pattern}" if flags else pattern


def _value(text: str) -> Any:
    """JSON where it reads as JSON, else the text as it stands, without single quotes around it."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if text[0] in '"[{':
            at = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
            raise ValueError(f"“{text[:40]}” is no JSON{at}. Write text as it is, or in double quotes.") from None
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _example(operator: str) -> str:
    return "/v[0-9]+/" if operator in PATTERNS else "5" if operator in ORDERS else '"ok"'
