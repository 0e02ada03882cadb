"""Texts cut to a limit, and what a provider's answer means."""

from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.base import Permanent, Temporary
from alerts.channels.discord import escaped as markdown
from alerts.channels.saying import cut, json_octets, octets, one_line, same, taken, units
from alerts.channels.slack import escaped as mrkdwn
from alerts.transport import Answer

ESCAPES = st.sampled_from([same, escape, mrkdwn, markdown])
SIZES = st.sampled_from([units, octets, json_octets])


@given(st.text(), st.integers(0, 40), ESCAPES, SIZES)
def test_nothing_is_larger_than_its_limit(text, limit, escaping, size):
    assert size(cut(text, limit, escaping, size)) <= limit


@given(st.text(st.characters(categories=["L", "N", "P", "S"])), ESCAPES, SIZES)
def test_what_fits_is_whole(text, escaping, size):
    assert cut(text, size(escaping(text)), escaping, size) == escaping(text)


@given(st.text("&<>'\"a", min_size=20), st.integers(8, 60))
def test_no_escape_is_cut_in_two(text, limit):
    said = unescape(cut(text, limit, escape)).removesuffix("…")
    assert text.startswith(said)


def test_what_is_cut_says_so_and_leaves_out_control_characters():
    assert cut("The shop is down", 9) == "The shop…"
    assert cut("a\0b\x1b\nc", 9) == "ab\nc"
    assert one_line(" a\r\nBcc: b\t") == "a Bcc: b"


@pytest.mark.parametrize("status", [301, 408, 425, 429, 500, 503])
def test_what_may_yet_become_well_is_temporary(status):
    with pytest.raises(Temporary, match=f"^It answered {status} no$") as raised:
        taken(Answer(status, {"Retry-After": "9"}, b"no"), "It")
    assert raised.value.retry_after_s == 9


@pytest.mark.parametrize(
    ("status", "more", "disable"),
    [(400, {}, False), (404, {"gone": {404}}, True), (400, {"gone": {404}}, False), (400, {"lost": True}, True)],
)
def test_every_other_refusal_is_for_good(status, more, disable):
    with pytest.raises(Permanent) as raised:
        taken(Answer(status, {}, b"no"), "It", **more)
    assert raised.value.disable is disable
