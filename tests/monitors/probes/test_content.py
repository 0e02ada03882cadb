"""What the content of an answer means under assertions, without a network."""

import json

import jmespath
import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.content import QUICK_JSON, Content, is_quick, judge, same
from monitors.probes.expressions import ExpressionError, finder, pattern, plain_path
from monitors.probes.grammar import parse
from monitors.probes.reasons import Reason

DOCUMENT = {
    "status": "ok",
    "count": 3,
    "ratio": 0.5,
    "ready": True,
    "error": None,
    "text": "12",
    "empty": [],
    "tags": ["a", "b", 1],
    "items": [{"id": 1, "price": 5}, {"id": 2, "price": 50}],
    "odd name": "x",
}
HEADERS = [("content-type", "text/html; charset=utf-8"), ("x-count", "7"), ("via", "a"), ("via", "b")]


def options(*lines):
    return {"assertions": [parse(line)._asdict() for line in lines]}


def verdict(line, body=None, headers=HEADERS, truncated=False):
    body = json.dumps(DOCUMENT) if body is None else body
    return judge(options(line), Content(headers, body.encode() if isinstance(body, str) else body, truncated))


@pytest.mark.parametrize(
    "line",
    [
        "json status == ok",
        "json status != bad",
        "json count == 3",
        "json count == 3.0",
        "json count < 4",
        "json count <= 3",
        "json count > 2.5",
        "json count >= 3",
        "json ready == true",
        "json ready != 1",
        "json error == null",
        "json error not exists",
        "json nothing.at.all not exists",
        "json status exists",
        "json empty empty",
        "json nothing empty",
        "json tags not empty",
        "json tags contains 1",
        "json tags not contains 2",
        "json tags[-1] == 1",
        "json status contains o",
        "json items[0] contains price",
        'json tags == ["a", "b", 1]',
        "json status matches /^o/",
        "json count matches /^3$/",
        "json error not matches /x/",
        'json "odd name" == x',
        "json items[?price > `10`].id == [2]",
        "json length(items) == 2",
        "json max(items[].price) < 51",
        "json $.items[0].id == 1",
        "json $.items[*].id == [1, 2]",
        "json $..price contains 50",
        "json $.items[?@.price > 10].id == [2]",
        "json $.items[?match(@.id, 'x')] not exists",
        "json $.items[?search(@.name, '(a+)+$')] not exists",
        "json $['odd name'] == x",
        "json $.nothing not exists",
        "json text == '12'",
        "json text < '2'",
        "header content-type contains HTML",
        "header Content-Type matches /^text/",
        "header x-count == 7",
        "header x-count < 10",
        "header x-none not exists",
        "header via == 'a, b'",
        "body contains OK",
        "body not contains sorry",
        'body matches /"count": [0-9]/',
        "body not matches /sorry/",
        "body not empty",
    ],
)
def test_what_is_as_asserted_is_up(line):
    assert verdict(line) == (None, "")


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("header content-type contains json",
         "header content-type was “text/html; charset=utf-8”, expected to contain “json”"),
        ("header x-none == 5", "header x-none is missing, expected 5"),
        ("header x-none exists", "header x-none is missing"),
        ("header via not exists", "header via was “a, b”, expected none"),
        ("header x-count > 10", "header x-count was “7”, expected more than 10"),
        ("json status == bad", "json status was “ok”, expected “bad”"),
        ("json status != ok", "json status was “ok”, expected anything but “ok”"),
        ("json count < 3", "json count was 3, expected less than 3"),
        ("json text < 20", "json text was “12”, which is text, expected less than 20"),
        ("json count == '3'", "json count was 3 (not text), expected “3”"),
        ("json ready == 1", "json ready was true, expected 1"),
        ("json ready > 0", "json ready was true, expected more than 0"),
        ("json nothing == 1", "json nothing is missing, expected 1"),
        ("json nothing exists", "json nothing is missing"),
        ("json status not exists", "json status was “ok”, expected none"),
        ("json tags empty", 'json tags was ["a", "b", 1], expected nothing in it'),
        ("json tags contains c", 'json tags was ["a", "b", 1], expected to contain “c”'),
        ("json status matches /^x/", "json status was “ok”, expected to match /^x/"),
        ("json tags.status == 5", "json tags.status is missing, expected 5"),
        ("body contains sorry", "body was expected to contain “sorry”"),
        ("body matches /x{3}/", "body was expected to match /x{3}/"),
        ("body not contains status", "body was expected not to contain “status”"),
        ("body empty", None),
    ],
)  # fmt: skip
def test_what_is_not_is_down_and_says_what_was_seen(line, detail):
    reason, said = verdict(line)
    assert reason is Reason.ASSERTION
    assert said == detail or detail is None


def test_all_must_hold_and_the_first_that_does_not_is_named():
    content = Content(HEADERS, json.dumps(DOCUMENT).encode())
    assert judge(options("json status == ok", "header via exists"), content) == (None, "")
    reason, detail = judge(options("json status == ok", "json count == 4", "json status == x"), content)
    assert (reason, detail) == (Reason.ASSERTION, "json count was 3, expected 4")


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "{", '{"status": NaN}', "[" * 100_000, "9" * 5000, b"\xff\xfe\xfa", b'{"status": "\xff"}', "{}x"],
)
def test_what_is_no_json_is_down_and_says_so(body):
    reason, detail = verdict("json status == ok", body)
    assert reason is Reason.ASSERTION
    assert "expected “ok”: the answer is no JSON" in detail


def test_what_cannot_be_computed_on_an_answer_is_the_answers_fault():
    reason, detail = verdict("json length(count) == 3")
    assert reason is Reason.ASSERTION
    assert "json length(count) was not to be found, expected 3" in detail


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("body contains ok", None),
        ("body contains sorry", Reason.BODY_TOO_LARGE),
        ("body not contains ok", Reason.ASSERTION),
        ("json status == ok", Reason.BODY_TOO_LARGE),
        ("header via exists", None),
    ],
)
def test_of_a_page_cut_short_only_what_was_seen_is_judged(line, reason):
    assert verdict(line, truncated=True)[0] is reason


def test_the_body_is_decoded_and_parsed_once(monkeypatch):
    calls, loads, body = [], json.loads, b'{"status": "ok", "count": 3, "ready": true}'
    monkeypatch.setattr(json, "loads", lambda text, **how: calls.append(text) or loads(text, **how))
    asserted = options("json status == ok", "json count == 3", "json $.ready == true")
    calls.clear()
    assert judge(asserted, Content(HEADERS, body)) == (None, "")
    assert calls == [body]


@pytest.mark.parametrize(
    ("line", "size", "quick"),
    [
        ("header via exists", 1_000_000, True),
        ("header via matches /a/", 10, False),
        ("json a.b[0] == 1", QUICK_JSON, True),
        ("json a.b[0] == 1", QUICK_JSON + 1, False),
        ("json $.a.b == 1", 10, True),
        ("json a[?b] == 1", 10, False),
        ("json $..a == 1", 10, False),
        ("json a matches /b/", 10, False),
        ("body contains x", 1_000_000, True),
        ("body matches /x/", 10, False),
    ],
)
def test_only_what_is_sure_to_be_quick_is_done_at_once(line, size, quick):
    assert is_quick(options(line), Content([], b"x" * size)) is quick


def test_a_long_page_of_costly_text_is_searched_aside():
    assert is_quick({"keyword": "x"}, Content([], "ß".encode() * 30_000))
    assert not is_quick({"keyword": "x"}, Content([], "ß".encode() * 40_000))
    assert not is_quick({"keyword": "x"}, Content([("content-type", "text/html; charset=hz")], b"x" * 100_000))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[0].c[-1]", ("a", "b", 0, "c", -1)),
        ("[0]", (0,)),
        ("@", ()),
        ("$", ()),
        ("$.a[0]", ("a", 0)),
        ("a.*", None),
        ("a[]", None),
        ("a[0:1]", None),
        ("a-b", None),
        ('"a"', None),
        ("length(a)", None),
        ("$..a", None),
        ("$['a']", None),
        ("a.", None),
        ("$a", None),
        ("a[-0]", None),
    ],
)
def test_plain_paths_are_told_from_expressions(text, path):
    assert plain_path(text) == path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from("ab"), each),
    max_leaves=8,
)


@given(JSON, st.from_regex(r"[ab](\.[ab]|\[(0|-?[12])\]){0,3}", fullmatch=True))
def test_a_plain_path_finds_what_the_libraries_find(document, path):
    assert finder(path)(document) == jmespath.search(path, document)
    found = jsonpath.JSONPathEnvironment(strict=True).findall(f"$.{path}", document)
    assert finder(f"$.{path}")(document) == (found[0] if found else None)


@given(JSON, JSON)
def test_equality_is_that_of_json(one, other):
    assert same(one, one)
    assert same(one, other) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a[", "ends too early"),
        ("a b", "character 3"),
        ("a[?b ==]", "is no JMESPath"),
        ("foo(a)", "no function “foo”"),
        ("$.a[", "no JSONPath (RFC 9535)"),
        ("$[?foo(@)]", "'foo'"),
        ("$[?@.a =~ /(a+)+$/]", "no JSONPath"),
        ("$.a | $.b", "no JSONPath"),
        ("(" * 300, "is no JMESPath"),
        ("$[?" + "(" * 290, "no JSONPath"),
    ],
)
def test_an_expression_that_is_none_says_where(text, words):
    with pytest.raises(ExpressionError) as refused:
        finder(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["(", "(?=a)", r"(a)\1", "a{2000}", r"\Z", "((a{0,30}){0,30}){0,30}", "\ud800"])
def test_a_regular_expression_that_re2_does_not_know_says_so(text):
    with pytest.raises(ExpressionError, match=r"RE2|no text"):
        pattern(text)
