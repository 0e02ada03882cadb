"""The lines assertions are written as: read, refused with a way out, and written down again."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitors.probes.grammar import ALONE, OPERATORS, PATTERNS, SOURCES, Assertion, from_object, parse


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('json data.status == "ok"', ("json", "data.status", "==", "ok")),
        ("json data.status == ok", ("json", "data.status", "==", "ok")),
        ("json data.status == 'ok'", ("json", "data.status", "==", "ok")),
        ("JSON  data.count   <   5", ("json", "data.count", "<", 5)),
        ("json price >= 1.5", ("json", "price", ">=", 1.5)),
        ("json ready == true", ("json", "ready", "==", True)),
        ("json error == null", ("json", "error", "==", None)),
        ("json version == 1.2.3", ("json", "version", "==", "1.2.3")),
        ('json tags == ["a", "b"]', ("json", "tags", "==", ["a", "b"])),
        ("json error not exists", ("json", "error", "not exists", None)),
        ("json items not   empty", ("json", "items", "not empty", None)),
        ('json "odd name".x exists', ("json", '"odd name".x', "exists", None)),
        ("json items[?price > `10`].name contains pen", ("json", "items[?price > `10`].name", "contains", "pen")),
        ("json items[?a == 'x == y'] | [0] exists", ("json", "items[?a == 'x == y'] | [0]", "exists", None)),
        ("json $..book[?@.price < 10] not empty", ("json", "$..book[?@.price < 10]", "not empty", None)),
        ("header content-type contains json", ("header", "content-type", "contains", "json")),
        ("header X-Count < 5", ("header", "x-count", "<", 5)),
        ("header x-cached == true", ("header", "x-cached", "==", "true")),
        ("header server not exists", ("header", "server", "not exists", None)),
        ("body matches /v[0-9]+/", ("body", "", "matches", "v[0-9]+")),
        ("body matches /a b/i", ("body", "", "matches", "(?i)a b")),
        ("body matches //api//", ("body", "", "matches", "/api/")),
        ("body not matches fatal|error", ("body", "", "not matches", "fatal|error")),
        ('body not contains "two  words"', ("body", "", "not contains", "two  words")),
        ("body empty", ("body", "", "empty", None)),
        ('body == ""', ("body", "", "==", "")),
    ],
)
def test_a_line_means(line, found):
    assert parse(line) == found
    assert parse(str(parse(line))) == found
    assert from_object(parse(line)._asdict()) == found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("status == 200", ["“status == 200”", "json, header, body"]),
        ("json data.status", ["no operator", "json data.status exists"]),
        ("json data.status = 5", ["no operator", "==, !="]),
        ("json data.status ==", ["needs a value", '""']),
        ("json == 5", ["Say where"]),
        ("header == 5", ["Name the header"]),
        ("header bad/name exists", ["bad/name", "letters"]),
        ("json a exists now", ["takes no value", "“now”"]),
        ('json a == "open', ["no JSON", "double quotes"]),
        ("json a == {1}", ["no JSON at character 2"]),
        ("json a matches /open", ["two slashes"]),
        ("json a matches /x/g", ["two slashes"]),
        ("json a < [1]", ["compares numbers"]),
        ("header a == [1]", ["text or a number"]),
        ("body exists", ["body contains"]),
        (f"json {'a' * 301} exists", ["longer than 300"]),
        (f"json a == {'b' * 501}", ["longer than 500"]),
        ('json a == "\\ud800"', ["cannot be stored"]),
        ('json a == "\\u0000"', ["cannot be stored"]),
        ("json a == 1e999", ["cannot be stored"]),
    ],
)
def test_a_line_that_says_nothing_is_refused_with_the_way_out(line, words):
    with pytest.raises(ValueError, match=r"\S") as refused:
        parse(line)
    for each in words:
        assert each in str(refused.value)


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        [],
        {},
        {"source": "cookie", "operator": "exists"},
        {"source": "json", "path": "a"},
        {"source": "json", "path": "a", "operator": "~"},
        {"source": "json", "path": 5, "operator": "exists"},
        {"source": "json", "path": "a", "operator": "exists", "value": 5},
        {"source": "json", "path": "a\nb", "operator": "exists"},
        {"source": "json", "path": "a == b", "operator": "exists"},
        {"source": "body", "path": "a", "operator": "empty"},
        {"source": "body", "operator": "matches", "value": "a\nb"},
        {"source": "json", "path": "a", "operator": "==", "value": float("nan")},
        {"source": "json", "path": "a", "operator": "==", "value": {"a": ["\0"]}},
        {"source": "json", "path": "a", "operator": "exists", "color": "red"},
    ],
)
def test_an_object_of_the_api_that_says_nothing_is_refused(item):
    with pytest.raises(ValueError, match=r"\.$|\)$|…$"):
        from_object(item)


SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | st.text(max_size=20)
VALUES = st.recursive(SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each))
PATHS = st.text(max_size=30) | st.from_regex(r"[a-z.\[\]?='\"`$@ <>()|]{1,20}", fullmatch=True)


@given(
    source=st.sampled_from(SOURCES),
    path=PATHS,
    operator=st.sampled_from(OPERATORS),
    value=VALUES | st.text(max_size=20),
)
@example(source="json", path="a", operator="==", value="'x'")
@example(source="json", path="a", operator="matches", value="'x'")
@example(source="json", path="a not", operator="exists", value=None)
@example(source="json", path="not", operator="exists", value=None)
@example(source="json", path="a\u2028", operator="==", value="\u2028")
def test_what_is_taken_from_the_api_reads_back_from_its_line(source, path, operator, value):
    item = {"source": source, "path": "" if source == "body" else path, "operator": operator, "value": value}
    if operator in ALONE:
        item["value"] = None
    try:
        found = from_object(item)
    except ValueError:
        return
    assert parse(str(found)) == found
    assert "\n" not in str(found)
    assert json.loads(json.dumps(found._asdict())) == found._asdict()
    assert from_object(found._asdict()) == found


@given(st.text(max_size=60) | st.from_regex(r"(json|body|header) [a-z=<>!\"'/ {}\[\]]{0,30}", fullmatch=True))
def test_any_line_is_refused_in_words_or_reads_the_same_twice(line):
    try:
        found = parse(line)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - most lines are refused
        return
    assert isinstance(found, Assertion)
    assert (found.operator in PATTERNS) <= isinstance(found.value, str)
    assert parse(str(found)) == found
