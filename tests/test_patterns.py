"""Every hand-written regular expression takes linear time, whatever text a stranger sends.

Python's engine tries again from every earlier choice, so three shapes are looked for: a repeat within a repeat (too
many ways to share the text out: exponential), two repeats side by side that may take the same characters (quadratic),
and a pattern that is searched for and begins with a repeat (it begins anew at every character: quadratic). What has
one of them and is harmless all the same is in HARMLESS, with the reason.
"""

import ast
import re
import time
from pathlib import Path

import pytest

from uptime.lib import durations
from uptime.pingwire import read

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "monitors", "incidents", "alerts", "statuspages", "uptime")
CALLS = {"compile", "match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn"}
SEARCHING = {"search", "findall", "finditer", "split", "sub", "subn"}
MANY = 200  # repeats up to so many times cost next to nothing
CHARACTERS = [chr(number) for number in range(0x250)]

HARMLESS = {
    r"[a-z0-9]+(-[a-z0-9]+)*": "each round of the outer repeat begins with a hyphen, which the inner one cannot take",
    r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?": "what follows the digits may be missing: they are never given back",
    r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)": "the text has at most LONGEST_DURATION characters",
    r"[0-9A-Fa-f]{8,}|[\w+/=-]{20,}|\d+": "nothing follows the repeats: whatever they take is a match",
    r"\n{3,}": "nothing follows the repeat: whatever it takes is a match",
    r"[&;\s]+": "nothing follows the repeat: whatever it takes is a match",
    r"[\s().\-/]+": "nothing follows the repeat: whatever it takes is a match",
    r"[\w-]{1,25}(,[\w-]{1,25})*": "each round of the outer repeat begins with a comma",
    r"^[ \t]*(\[[^\]\n]{1,40}\]|[A-Za-z][A-Za-z0-9 /_-]{1,48}?)[ \t.]*(?:[:\]]|(?<=\]))[ \t]*(.*)$": (
        "begins at the start of a line only, and the name before the colon has at most 49 characters"
    ),
    r"^[ \t%#>*]*(no match|not found|no entries found|no data found|nothing found|no object foun"
    r"d|domain not found|the queried object does not exist|domain .{1,80} not found|.{1,80} is f"
    r"ree$|status:\s*(free|available)|no such domain|object does not exist|available$)": "begins at a line only",
    r"^[ \t]*record expires on[ \t]+(.+)$": "begins at the start of a line only",
    r"^[ \t]*([A-Za-z ]{4,40}):[ \t]*\n[ \t]+(\S.*)$": "begins at the start of a line only",
    r"<{x}>([^<]*)</{x}>": "the text between two tags holds no tag to begin anew at",
}


def patterns(tree):
    """(pattern, methods it is used by) of every regular expression in a module."""
    used = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in CALLS:
            used.setdefault(node.value.id, set()).add(node.attr)
    names = {
        node.value: target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of_re = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re" and called in CALLS
        if of_re or called in {"RegexValidator", "RegexField", "re_path"}:
            methods = used.get(names.get(node, ""), set(SEARCHING)) if called == "compile" else {called}
            yield text_of(node.args[0]), methods | ({"search"} if not of_re else set())


def text_of(node):
    """The text of a pattern; what is put into it later stands as {x}."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{x}" for each in node.values)
    return node.value if isinstance(node, ast.Constant) else ""


def all_patterns():
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from patterns(ast.parse(path.read_text()))


# Reading a pattern ----------------------------------------------------------------------------------------------------
def is_repeat(item):
    return str(item[0]) in {"MAX_REPEAT", "MIN_REPEAT"} and item[1][1] > MANY


def inside(item):
    """The sequences within one item of a parsed pattern."""
    name, value = str(item[0]), item[1]
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        return [value[2]]
    if name == "SUBPATTERN":
        return [value[3]]
    if name == "BRANCH":
        return value[1]
    if name in {"ATOMIC_GROUP"}:
        return [value]
    return [value[1]] if name in {"ASSERT", "ASSERT_NOT"} else []


def varies(sequence):
    """Whether it holds a repeat that may take more or less."""
    return any(
        (str(item[0]) in {"MAX_REPEAT", "MIN_REPEAT"} and item[1][0] != item[1][1] and item[1][1] > 1)
        or any(varies(each) for each in inside(item))
        for item in sequence
    )


def taken(item):
    """The characters a repeat may take, as a sample."""
    body = item[1][2]
    sets = [part for part in body if str(part[0]) in {"IN", "LITERAL", "NOT_LITERAL", "ANY", "CATEGORY"}]
    if len(sets) != len(body):
        return set(CHARACTERS)
    found = set()
    for part in body:
        state = re._parser.State()
        state.str = ""
        compiled = re._compiler.compile(re._parser.SubPattern(state, [part]))
        found |= {char for char in CHARACTERS if compiled.fullmatch(char)}
    return found


def may_be_empty(item):
    return re._parser.SubPattern(re._parser.State(), [item]).getwidth()[0] == 0


def faults(pattern, methods):
    sequence = re._parser.parse(pattern)
    if methods & SEARCHING and begins_with_repeat(sequence):
        yield "is searched for and begins with a repeat"
    yield from _faults(sequence)


def begins_with_repeat(sequence):
    for item in sequence:
        if is_repeat(item):
            return True
        if str(item[0]) in {"SUBPATTERN", "BRANCH"} and any(begins_with_repeat(each) for each in inside(item)):
            return True
        if not may_be_empty(item):
            return False
    return False


def _faults(sequence):
    open_repeats = []
    for item in sequence:
        if is_repeat(item):
            if varies(item[1][2]):
                yield "a repeat within a repeat"
            if any(taken(item) & before for before in open_repeats):
                yield "two repeats side by side"
            open_repeats.append(taken(item))
        elif not may_be_empty(item):
            open_repeats = []
        for each in inside(item):
            yield from _faults(each)


# What must hold -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pattern", "methods", "found"),
    [
        (r"(a+)+$", {"match"}, {"a repeat within a repeat"}),
        (r"(\d{1,9}\s*[a-z]*\s*)+", {"fullmatch"}, {"a repeat within a repeat", "two repeats side by side"}),
        (r"x\s*,?\s*y", {"match"}, {"two repeats side by side"}),
        (r"\d+x", {"search"}, {"is searched for and begins with a repeat"}),
        (r"\d+x", {"match"}, set()),
        (r"[a-z]+\s*=\s*\d+", {"match"}, set()),
    ],
)
def test_the_shapes_are_known(pattern, methods, found):
    assert set(faults(pattern, methods)) == found


def test_every_pattern_takes_linear_time_or_says_why_it_is_harmless():
    every = list(all_patterns())
    assert len(every) > 20
    guilty = {pattern: found for pattern, methods in every if (found := list(faults(pattern, methods)))}
    assert {pattern: found for pattern, found in guilty.items() if pattern not in HARMLESS} == {}
    assert set(HARMLESS) <= {pattern for pattern, _ in every}, "HARMLESS names a pattern that is gone"


@pytest.mark.parametrize("hostile", ["1" * 60 + "!", "1 a" * 20_000 + "!", "1" + " " * 50_000 + "!", "9" * 50_000])
def test_a_hostile_length_of_time_is_refused_at_once(hostile):
    """As it could be sent to the period of a heartbeat."""
    began = time.thread_time()
    with pytest.raises(ValueError, match=r"no length of time|no unit of time"):
        durations.parse(hostile)
    assert time.thread_time() - began < 5


def test_a_ping_with_a_hostile_duration_is_answered_at_once():
    began = time.thread_time()
    read("/api/v1/endpoints/core_job/external", f"success=true&duration={'1' * 100_000}", "Bearer token")
    assert time.thread_time() - began < 5
