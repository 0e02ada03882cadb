"""Retry-After is understood in all its forms, and nothing else is."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.kinds import Answer, Finding
from monitors.probes.reasons import Reason
from monitors.probes.waiting import asked_to_wait, retry_after

NOW = datetime(1994, 11, 6, 8, 47, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("99999999999", 86_400),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 120),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 120),
        ("Sun Nov  6 08:49:37 1994", 120),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Sun, 06 Nov 2094 08:00:00 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("9" * 5000, None),
        ("Sun, 99 Nov 1994 08:00:00 GMT", None),
    ],
)
def test_a_number_of_seconds_or_a_date_says_how_long(text, seconds):
    assert retry_after(text, NOW) == seconds


@given(st.text(max_size=60))
def test_no_text_of_a_server_breaks_it(text):
    found = retry_after(text, NOW)
    assert found is None or 0 <= found <= 86_400


@pytest.mark.parametrize(
    ("reason", "status", "seconds"),
    [
        (Reason.RATE_LIMITED, 429, 30),
        (Reason.BLOCKED, 429, 30),
        (Reason.STATUS, 503, 30),
        (Reason.STATUS, 500, None),
        (Reason.KEYWORD_MISSING, 200, None),
        (None, 503, None),
    ],
)
def test_only_a_failure_of_being_asked_too_often_or_unavailable_asks_to_wait(reason, status, seconds):
    answer = Answer(status, [("retry-after", "30")])
    assert asked_to_wait(Finding(reason, "seen"), answer) == Finding(reason, "seen", retry_after_s=seconds)
