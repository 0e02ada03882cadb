"""Lengths of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uptime.lib.durations import parse, words

WRITTEN = {
    "90": 90,
    "15 min": 900,
    "15m": 900,
    "1 h 30 min": 5_400,
    "1h30m": 5_400,
    "2 days": 172_800,
    "1 week": 604_800,
    "1 d, 4 h": 100_800,
    " 5 S ": 5,
    "0": 0,
}


@pytest.mark.parametrize(("text", "seconds"), WRITTEN.items())
def test_it_is_read_as_people_write_it(text, seconds):
    assert parse(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5 h", "5 parsecs", "min 5", "1e3", "٣ min x"])
def test_what_is_no_length_of_time_is_told_with_the_way_out(text):
    with pytest.raises(ValueError, match=r"Write it as in|Use d, h, min and s"):
        parse(text)


@given(st.integers(0, 10**8))
def test_what_is_written_can_be_read_again(seconds):
    assert parse(words(seconds)) == seconds


@pytest.mark.parametrize(("seconds", "text"), {0: "0 s", 90: "1 min 30 s", 3_600: "1 h", 86_460: "1 d 1 min"}.items())
def test_it_is_written_exactly(seconds, text):
    assert words(seconds) == text
