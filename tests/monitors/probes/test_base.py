import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.verdict import Vote
from monitors.probes.base import MAX_DETAIL, Check, Outcome, Phases, printable
from monitors.probes.reasons import Reason

BIG = st.integers(min_value=1, max_value=2**63 - 1)
TIMES = st.integers(min_value=0, max_value=253_402_300_799_999)
DURATIONS = st.none() | st.floats(min_value=0, max_value=3_600_000).map(lambda number: round(number, 2))
CLEAN = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=50)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | CLEAN, lambda inner: st.lists(inner, max_size=3))

CHECKS = st.builds(
    Check,
    monitor=BIG,
    slot=TIMES,
    version=st.integers(min_value=0, max_value=2**63 - 1),
    kind=CLEAN,
    target=CLEAN,
    timeout_ms=st.integers(min_value=1, max_value=60_000),
    lateness_ms=st.integers(min_value=0, max_value=60_000),
    options=st.dictionaries(CLEAN, JSON, max_size=3),
)


@st.composite
def outcomes(draw):
    reason = draw(st.none() | st.sampled_from(Reason))
    return Outcome(
        monitor=draw(BIG),
        slot=draw(TIMES),
        version=draw(st.integers(min_value=0, max_value=2**63 - 1)),
        vote=reason.vote if reason else Vote.UP,
        reason=reason,
        started_at=draw(st.none() | TIMES),
        response_ms=draw(DURATIONS),
        phases=Phases(*(draw(DURATIONS) for _ in range(5))),
        attempts=draw(st.integers(min_value=0, max_value=10)),
        status_code=draw(st.none() | st.integers(min_value=0, max_value=999)),
        address=draw(CLEAN),
        detail=draw(CLEAN),
        degraded=reason is None and draw(st.booleans()),
        expires_at=draw(st.none() | TIMES),
        retry_after_s=draw(st.none() | st.integers(min_value=0, max_value=86_400)),
        evidence=draw(st.none() | st.dictionaries(CLEAN, JSON, max_size=3)),
    )


@given(CHECKS)
def test_a_check_survives_the_wire(check):
    assert Check.from_wire(json.loads(json.dumps(check.to_wire()))) == check


@given(outcomes())
def test_an_outcome_survives_the_wire(outcome):
    assert Outcome.from_wire(json.loads(json.dumps(outcome.to_wire()))) == outcome


CHECK = Check(7, 1_790_000_000_000, 3, "http", "https://example.com", 5000, 2000, {}).to_wire()
OUTCOME = Outcome(7, 1_790_000_000_000, 3, Vote.UP, started_at=1_790_000_000_005, response_ms=12.5).to_wire()
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("index", "value"),
    [
        *((0, bad) for bad in (0, -1, 2**63, True, "7", 7.0, None)),
        *((1, bad) for bad in (-1, 253_402_300_800_000, 1.5, None)),
        *((2, bad) for bad in (-1, None, "3")),
        *((3, bad) for bad in (None, 5, "x" * 51, "ht\x00tp")),
        *((4, bad) for bad in (None, "x" * 2049, "a\nb", "\ud800")),
        *((5, bad) for bad in (0, 60_001, False, 5.0)),
        *((6, bad) for bad in (-1, 60_001, None)),
        *((7, bad) for bad in (None, [], "{}", 1)),
    ],
)
def test_a_check_that_cannot_be_is_refused(index, value):
    with pytest.raises(ValueError, match=r"\w"):
        Check.from_wire([*CHECK[:index], value, *CHECK[index + 1 :]])


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 0),
        (1, "now"),
        (2, True),
        *((3, bad) for bad in ("UP", "", None, "down", "nodata", 1)),  # "down" needs a reason that says so
        *((4, bad) for bad in ("refused", "nonsense", 5, "")),
        (5, -1),
        *((6, bad) for bad in (NAN, INFINITE, -0.1, 3_600_001, "5", True)),
        *((7, bad) for bad in (None, [], [1, 2, 3, 4], [NAN, None, None, None, None], [None] * 6)),
        *((8, bad) for bad in (-1, 11, None)),
        *((9, bad) for bad in (-1, 1000, "200")),
        *((10, bad) for bad in (None, "x" * 65, "\x00")),
        *((11, bad) for bad in (None, "x" * 301, "\x1b[31m", "\ud800", "a\u0085b")),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(index, value):
    with pytest.raises(ValueError, match=r"\w"):
        Outcome.from_wire([*OUTCOME[:index], value, *OUTCOME[index + 1 :]])


@pytest.mark.parametrize("wire", [None, {}, "x", 5, [], [*OUTCOME, 1], OUTCOME[:-1], [OUTCOME]])
def test_what_is_no_list_of_the_right_length_is_refused(wire):
    for message in (Check, Outcome):
        with pytest.raises(ValueError, match="not a list"):
            message.from_wire(wire)


@given(JSON | st.lists(JSON, min_size=8, max_size=8) | st.lists(JSON, min_size=16, max_size=16))
def test_no_message_does_worse_than_a_value_error(wire):
    for message in (Check, Outcome):
        try:
            read = message.from_wire(wire)
        except ValueError:
            continue
        assert message.from_wire(read.to_wire()) == read


def test_secrets_are_not_printed_with_a_check():
    check = Check(
        1, 0, 1, "http", "https://example.com", 1, 1, {"headers": [{"name": "Authorization", "value": "s3cret"}]}
    )
    assert "s3cret" not in repr(check)


def test_phases_of_two_hops_are_summed():
    assert Phases(1.0, 2.0, None, 3.0) + Phases(None, 0.5, None, 1.25, 4.0) == Phases(1.0, 2.5, None, 4.25, 4.0)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_vote_and_speaks_in_a_sentence(reason):
    assert reason.vote in (Vote.DOWN, Vote.NODATA)
    assert reason.value == reason.name.lower()
    assert reason.label[0].isupper()
    assert len(reason.label) <= 32
    assert not reason.label.endswith(".")
    assert reason.explanation.endswith(".")


NOT_OUR_FAULT_ALONE = """missed_window region_offline region_sick lost not_dispatched worker_stopping blocked_address
resolver_sick registry_silent local_error stale_config throttled bad_check"""


def test_what_we_failed_to_see_never_counts_against_the_target():
    assert {reason.value for reason in Reason if reason.vote is Vote.NODATA} == set(NOT_OUR_FAULT_ALONE.split())


def test_timeouts_are_told_by_what_was_waited_for():
    waited = {reason.value.removeprefix("timeout_") for reason in Reason if reason.is_timeout}
    assert waited == {"dns", "connect", "tls", "first_byte", "transfer"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain and ünïcode ✓", "plain and ünïcode ✓"),
        ("a\x00b", "a\\x00b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("two\r\nlines", "two\\r\\nlines"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_invisible_characters_are_shown_as_escapes(text, shown):
    assert printable(text) == shown


@given(st.text(max_size=700))
def test_what_is_shown_is_always_safe_and_short(text):
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= MAX_DETAIL
