"""Where an incident stands, and what may be done with it."""

from datetime import UTC, datetime

import pytest

from incidents.domain.lifecycle import Act, Status, refusal, status

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resolved_at", "acknowledged_at", "monitor_status", "expected"),
    [
        (None, None, "down", Status.STARTED),
        (None, None, "", Status.STARTED),
        (None, None, "nodata", Status.STARTED),
        (None, NOON, "down", Status.ACKNOWLEDGED),
        (None, None, "validating", Status.VALIDATING),
        (None, NOON, "validating", Status.VALIDATING),
        (NOON, None, "down", Status.RESOLVED),
        (NOON, NOON, "validating", Status.RESOLVED),
    ],
)
def test_the_newest_that_is_known_says_where_it_stands(resolved_at, acknowledged_at, monitor_status, expected):
    assert status(resolved_at, acknowledged_at, monitor_status) is expected


OPEN = {"resolved": False, "acknowledged": False, "manual": False}
SEEN, DONE = {**OPEN, "acknowledged": True}, {**OPEN, "resolved": True}


@pytest.mark.parametrize(
    ("act", "facts", "may"),
    [
        (Act.ACKNOWLEDGE, OPEN, True),
        (Act.ACKNOWLEDGE, SEEN, False),
        (Act.ACKNOWLEDGE, DONE, False),
        (Act.RESOLVE, OPEN, True),
        (Act.RESOLVE, SEEN, True),
        (Act.RESOLVE, DONE, False),
        (Act.REOPEN, OPEN, False),
        (Act.REOPEN, DONE, True),
        (Act.REOPEN, {**DONE, "another_open": True}, False),
        (Act.DELETE, OPEN, False),
        (Act.DELETE, {**OPEN, "manual": True}, True),
        (Act.DELETE, {**DONE, "manual": True}, True),
    ],
)
def test_a_refusal_is_a_sentence_and_nothing_where_it_may_be_done(act, facts, may):
    said = refusal(act, **facts)
    assert (said == "") is may
    assert may or said.endswith(".")
