"""Markdown becomes HTML that can do nothing."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.markdown import TAGS, render


def test_what_people_write_is_rendered():
    html = render("# Why\n\nThe **disk** was full.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    for part in ("<h2>Why</h2>", "<strong>disk</strong>", "<li>one</li>", "<td>1</td>"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://evil.example/pixel.png)",
        '<img src=x onerror="alert(1)">',
        "<style>*{display:none}</style>",
        '[x](https://a.example "onmouseover=alert(1)")',
        "<iframe src=https://evil.example></iframe>",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
    ],
)
def test_nothing_active_survives(text):
    html = render(text)
    assert not re.search(r"<(script|img|style|iframe|form)|href=\"(javascript|data):|<[^>]* on\w+=", html)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("<>/\"'=()[]!#*`|-\n abhrefonscriptimgjavascript:&;\0"), max_size=80))
def test_whatever_is_written_only_known_elements_come_out(text):
    html = render(text)
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= TAGS
