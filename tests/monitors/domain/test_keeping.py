"""Of which checks the evidence is kept."""

import pytest

from monitors.domain.keeping import AGAIN_MS, FIRST, GOOD_MS, Kept, is_due
from monitors.domain.verdict import Vote

UP, DOWN, NODATA = Vote.UP, Vote.DOWN, Vote.NODATA


@pytest.mark.parametrize(
    ("vote", "last", "after", "due"),
    [
        (UP, None, 0, True),
        (DOWN, None, 0, True),
        (NODATA, None, 0, False),
        (NODATA, Kept(DOWN, 1, 0), GOOD_MS, False),
        (UP, Kept(DOWN, 9, 0), 1, True),
        (DOWN, Kept(UP, 9, 0), 1, True),
        (UP, Kept(UP, 1, 0), GOOD_MS - 1, False),
        (UP, Kept(UP, 1, 0), GOOD_MS, True),
        (DOWN, Kept(DOWN, FIRST - 1, 0), 1, True),
        (DOWN, Kept(DOWN, FIRST, 0), AGAIN_MS - 1, False),
        (DOWN, Kept(DOWN, FIRST, 0), AGAIN_MS, True),
    ],
)
def test_which_evidence_is_kept(vote, last, after, due):
    assert is_due(vote, after, last) is due


def test_an_outage_of_a_day_keeps_three_bundles_and_then_one_every_ten_minutes():
    last, kept = None, 0
    for slot in range(0, 86_400_000, 30_000):
        if is_due(DOWN, slot, last):
            last = last.then(DOWN, slot) if last else Kept(DOWN, 1, slot)
            kept += 1
    assert kept == FIRST + 86_400_000 // AGAIN_MS - 1
    assert is_due(UP, 86_400_000, last)
