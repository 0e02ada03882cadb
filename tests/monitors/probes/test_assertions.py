"""Assertions in the form: how they are taken from a page and from a program, and how an error points at its line."""

import pytest

from monitors.probes.assertions import MAX_ASSERTIONS, AssertionsField
from monitors.probes.http import Options

LINES = 'json data.status == "ok"\nheader content-type contains "json"\nbody matches /v[0-9]+/'
OBJECTS = [
    {"source": "json", "path": "data.status", "operator": "==", "value": "ok"},
    {"source": "header", "path": "content-type", "operator": "contains", "value": "json"},
    {"source": "body", "path": "", "operator": "matches", "value": "v[0-9]+"},
]


def cleaned(given, **more):
    form = Options.of({"assertions": given, **more})
    assert form.is_valid(), form.errors
    return form.cleaned_data["assertions"]


@pytest.mark.parametrize(
    "given",
    [
        LINES,
        LINES.replace("\n", "\r\n\r\n  "),
        OBJECTS,
        LINES.split("\n"),
        [OBJECTS[0], LINES.split("\n")[1], {"source": "body", "operator": "matches", "value": "v[0-9]+"}],
    ],
)
def test_lines_and_objects_mean_the_same(given):
    assert cleaned(given) == OBJECTS


@pytest.mark.parametrize("nothing", ["", "\n \n", [], None, "  "])
def test_nothing_is_no_assertion(nothing):
    assert cleaned(nothing) == []


def test_a_page_shows_what_is_stored_as_lines():
    assert AssertionsField().prepare_value(OBJECTS) == LINES
    assert AssertionsField().prepare_value("json a is wrong") == "json a is wrong"


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        (
            "json a == 1\n\njson b = 2\nbody matches /(/",
            ["Line 3: There is no operator", "Line 4: “/(/” is no regular"],
        ),
        ("json a[ exists", ["Line 1: There is no operator"]),
        ("json foo(a) exists", ["Line 1: “foo(a)”: JMESPath has no function “foo”"]),
        ("json $.a[?@.b = 1] exists", ["Line 1: “$.a[?@.b = 1]” is no JSONPath (RFC 9535)"]),
        ([OBJECTS[0], {"source": "x"}], ["Assertion 2: The source is one of"]),
        ([5], ["Assertion 1: An assertion is a line of text, or an object"]),
        ({"source": "body"}, ["Assertions are lines of text, or a list of objects."]),
        (5, ["Assertions are lines of text, or a list of objects."]),
        ("json a exists\n" * (MAX_ASSERTIONS + 1), ["Write at most 20 assertions, not 21."]),
        ("x" * 50_000, ["Write at most 40,000 characters."]),
    ],
)
def test_an_error_points_at_its_line(given, errors):
    found = Options.of({"assertions": given}).errors["assertions"]
    assert len(found) == len(errors)
    for text, begin in zip(found, errors, strict=True):
        assert text.startswith(begin)


def test_a_head_request_can_assert_headers_only():
    assert cleaned("header via exists", method="HEAD")
    found = Options.of({"assertions": LINES, "method": "HEAD"}).errors["assertions"]
    assert found == [
        'A HEAD request fetches no page, and “json data.status == "ok"” needs one. Choose GET, or assert headers only.'
    ]
