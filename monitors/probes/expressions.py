"""What assertions are written in: JMESPath, JSONPath (an expression that begins with `$`) and RE2.

Compiled once and kept. All of them can be made to take long, RE2 too, which is linear only in the length of the text:
what is not plain (see `plain_path`) is therefore evaluated aside (monitors.probes.aside), within bounds of its own.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jmespath
import jmespath.exceptions
import jsonpath
import re2
from jmespath.functions import Functions

PATTERN_MEMORY = 2 * 1024 * 1024  # bytes that a compiled regular expression and its cache may take

_STEP = r"(?:[A-Za-z_][A-Za-z0-9_]*)"
_INDEX = r"(?:\[(?:0|-?[1-9][0-9]{0,8})\])"
_PLAIN = re.compile(rf"\$(?:\.{_STEP}|{_INDEX})*|(?:{_STEP}|{_INDEX})(?:\.{_STEP}|{_INDEX})*|@")
_PARTS = re.compile(rf"({_STEP})|\[(-?[0-9]+)\]")

Find = Callable[[Any], Any]


class ExpressionError(ValueError):
    """Something is wrong with an expression; the message is for the person who wrote it."""


class EvaluationError(Exception):
    """An expression cannot be computed on this answer."""


@lru_cache(maxsize=2048)
def plain_path(text: str) -> tuple[str | int, ...] | None:
    """The names and indexes of a path that has nothing else, such as `data.items[0].id`; None for any other."""
    if not _PLAIN.fullmatch(text):
        return None
    return tuple(name or int(index) for name, index in _PARTS.findall(text))


def walk(path: tuple[str | int, ...], document: Any) -> Any:
    """What a plain path leads to; None where that is nothing."""
    for step in path:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        elif isinstance(document, list) and -len(document) <= step < len(document):
            document = document[step]
        else:
            return None
    return document


@lru_cache(maxsize=512)
def finder(text: str) -> Find:
    """What finds the value that an expression leads to in a document. Raises ExpressionError.

    What it returns is None where there is nothing; of JSONPath a list, unless the expression can lead to one value
    only. What it raises is EvaluationError."""
    plain = plain_path(text)
    if plain is not None:
        return lambda document: walk(plain, document)
    return _jsonpath(text) if text.startswith("$") else _jmespath(text)


def _jmespath(text: str) -> Find:
    try:
        compiled = jmespath.compile(text)
    except jmespath.exceptions.ParseError as error:
        raise ExpressionError(_at(text, error.lex_position, "is no JMESPath")) from None
    except (ValueError, RecursionError):
        raise ExpressionError(f"“{text[:60]}” is no JMESPath. See jmespath.org for how it is written.") from None
    if unknown := next(_called(compiled.parsed), None):
        raise ExpressionError(f"“{text[:60]}”: JMESPath has no function “{unknown[:40]}”.")

    def find(document: Any) -> Any:
        try:
            return compiled.search(document)
        except (jmespath.exceptions.JMESPathError, ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise EvaluationError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None

    return find


def _called(node: Any) -> Iterator[str]:
    """The functions an expression calls that do not exist: the library would find out at the first answer."""
    if node["type"] == "function_expression" and node["value"] not in Functions.FUNCTION_TABLE:
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _called(child)


def _at(text: str, position: Any, what: str) -> str:
    if isinstance(position, int) and 0 <= position < len(text):
        return f"“{text[:60]}” {what}: look at “{text[position : position + 20]}”, character {position + 1}."
    return f"“{text[:60]}” {what}: it ends too early."


class _Pattern(jsonpath.function_extensions.FilterFunction):
    """JSONPath's `match` and `search` (RFC 9535, 2.4.6 and 2.4.7) by RE2: the library would use `re`, which a short
    pattern keeps busy for ever."""

    arg_types = [jsonpath.function_extensions.ExpressionType.VALUE] * 2
    return_type = jsonpath.function_extensions.ExpressionType.LOGICAL

    def __init__(self, whole: bool) -> None:
        self.whole = whole

    def __call__(self, *values: Any) -> bool:
        value, text = values
        if not isinstance(value, str) or not isinstance(text, str):
            return False
        try:
            compiled = pattern(text)
        except ExpressionError:
            return False  # as the RFC has it
        return bool(compiled.fullmatch(value) if self.whole else compiled.search(value))


@lru_cache(maxsize=1)
def _environment() -> jsonpath.JSONPathEnvironment:
    """Strictly RFC 9535: the library's own extensions would bring Python's regular expressions back."""
    environment = jsonpath.JSONPathEnvironment(strict=True)
    environment.function_extensions["match"] = _Pattern(whole=True)
    environment.function_extensions["search"] = _Pattern(whole=False)
    return environment


def _jsonpath(text: str) -> Find:
    try:
        compiled = _environment().compile(text)
    except (jsonpath.JSONPathError, ValueError, RecursionError) as error:
        why = str(error).splitlines()[0] if str(error) else "it is too deep"
        token = getattr(error, "token", None)
        where = f" at character {token.index + 1}" if token is not None and token.index > 0 else ""
        raise ExpressionError(f"“{text[:60]}” is no JSONPath (RFC 9535): {why}{where}.") from None
    singular = isinstance(compiled, jsonpath.JSONPath) and compiled.singular_query()

    def find(document: Any) -> Any:
        try:
            found = compiled.findall(document)
        except (jsonpath.JSONPathError, ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise EvaluationError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
        return (found[0] if singular else found) if found else None

    return find


@lru_cache(maxsize=64)
def pattern(text: str) -> Any:
    """A compiled regular expression of RE2's. Raises ExpressionError."""
    options = re2.Options()
    options.max_mem, options.log_errors = PATTERN_MEMORY, False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else error
        raise ExpressionError(
            f"“/{text[:60]}/” is no regular expression of RE2: {why}. It knows no look-around and no back-references."
        ) from None
    except (UnicodeError, RecursionError):
        raise ExpressionError(f"“/{text[:60]!a}/” is no text.") from None
