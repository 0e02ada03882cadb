"""Secrets are taken out of whatever a target says, however it says them."""

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.masks import MASK
from monitors.probes.base import Check
from monitors.probes.redaction import Redactor, harmless

NASTY = 'p@ss <w> "o\'rd" +&ü'


def redactor(**options):
    return Redactor(Check(1, 0, 1, "http", "https://shop.example/", 1000, 1000, options))


def header(value, name="X-Api-Key"):
    return {"headers": [{"name": name, "value": value}]}


SPELLINGS = [
    str,
    quote,
    lambda text: quote(text, safe=""),
    html.escape,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: text.encode().decode("latin-1"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_masked_in_every_spelling(spelling):
    clean = redactor(**header(NASTY))
    assert clean.text(f"before {spelling(NASTY)} after", 500) == f"before {MASK} after"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (header("Bearer s3cr3t-token-0815", "Authorization"), "s3cr3t-token-0815"),
        (header("Basic " + base64.b64encode(b"joe:hunter22").decode(), "Authorization"), "hunter22"),
        (header("sid=abcdefgh1; theme=dark", "Cookie"), "abcdefgh1"),
        ({"body": "user=joe&password=hunter2"}, "hunter2"),
        ({"body": json.dumps({"login": {"pin_secret": "1234", "x": ["longer-value"]}})}, "1234"),
        ({"body": json.dumps({"login": {"x": ["longer-value"]}})}, "longer-value"),
        ({"body": "a whole text that is sent"}, "a whole text that is sent"),
    ],
)
def test_what_is_secret_within_an_option_is_masked_too(options, told):
    assert redactor(**options).text(f"you said {told}.", 500) == f"you said {MASK}."


@pytest.mark.parametrize("name", ["Accept", "User-Agent", "content-type"])
def test_what_every_client_sends_is_no_secret(name):
    assert redactor(**header("application/json", name)).text("application/json", 500) == "application/json"


def test_a_short_secret_is_one_only_where_it_stands_alone():
    assert redactor(**header("live")).text("delivery live now", 500) == f"delivery {MASK} now"


@given(st.integers(0, 40), st.text("s3cr", min_size=0, max_size=30))
def test_no_part_of_a_secret_is_left_at_the_end(limit, before):
    secret = "Zyxwvutsrqponmlk"
    shown = redactor(**header(secret)).text(before + secret * 3, limit)
    assert "Z" not in shown
    assert "lk" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://joe:pw@shop.example/", f"https://{MASK}shop.example/"),
        ("/a?access_token=abc&page=2", f"/a?access_token={MASK}&page=2"),
        ("/a?X-Amz-Signature=abc&x=1", f"/a?X-Amz-Signature={MASK}&x=1"),
        ("/cb#id_token=abc", f"/cb#id_token={MASK}"),
        ("/a?code=abc", f"/a?code={MASK}"),
        ("/a?q=0123456789abcdefghij0123456789", f"/a?q={MASK}"),
        ("/a?q=shoes&colour=red", "/a?q=shoes&colour=red"),
        ('{"refresh_token": "abc", "name": "x"}', f'{{"refresh_token": "{MASK}", "name": "x"}}'),
        ("Authorization: Bearer abc123def456", f"Authorization: Bearer {MASK}"),
        ("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", f"see {MASK}"),
        ("the basic authentication is bearer of news", "the basic authentication is bearer of news"),
    ],
)
def test_what_looks_like_somebodys_secret_is_masked(text, shown):
    assert redactor().text(text, 500) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("set-cookie", "sid=abc; Path=/; HttpOnly", f"sid={MASK}; Path=/; HttpOnly"),
        ("set-cookie", "abc", MASK),
        ("authorization", "Bearer x", MASK),
        ("x-csrf-token", "abc", MASK),
        ("access-control-allow-credentials", "true", "true"),
        ("server", "nginx", "nginx"),
        ("location", "/login?session_id=7", f"/login?session_id={MASK}"),
    ],
)
def test_headers_keep_what_is_no_secret(name, value, shown):
    assert redactor().header(name, value, 500) == shown


@given(st.text(), st.integers(1, 50), st.booleans())
def test_what_comes_out_can_be_shown(text, limit, lines):
    shown = redactor().text(text, limit, lines)
    assert len(shown) <= limit
    assert all(char.isprintable() or (lines and char == "\n") for char in shown)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4))
def test_what_was_made_harmless_can_be_stored_and_stays_so(value):
    once = harmless(value)
    assert harmless(once) == once
    assert not set(str(once)) & {"\0", "\u202e", "\x1b", "\ud800"}


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "&a=" * 30_000, "eyJ" * 30_000, "https://" + "a" * 90_000, '"' * 90_000]
)
def test_hostile_text_costs_no_more_than_other_text(text):
    redactor(**header("s3cr3t-token"), body="x=" * 5000).text(text, 1000, lines=True)
