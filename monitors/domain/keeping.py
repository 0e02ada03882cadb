"""Of which checks the evidence is kept: the failures, the first good one after them, and a good one a day.

Asked twice: by the worker, so that what nobody keeps is neither gathered nor sent, and by the centre, because a region
may have several workers that know nothing of each other.
"""

from typing import NamedTuple, Self

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote

FIRST = 3  # failures in a row of which every one is kept
AGAIN_MS = 600_000  # between those that are kept after them
GOOD_MS = 86_400_000  # between good ones


class Kept(NamedTuple):
    """The last check of a monitor in a region whose evidence was kept. `run`: how many of its vote came in a row."""

    vote: Vote
    run: int
    at: Ms

    def then(self, vote: Vote, at: Ms) -> Self:
        """One more was kept."""
        return self._replace(vote=vote, run=self.run + 1 if vote is self.vote else 1, at=at)


def is_due(vote: Vote, at: Ms, last: Kept | None) -> bool:
    """Whether the evidence of a check with this vote is kept. What we failed to see has none."""
    if vote is Vote.NODATA:
        return False
    if last is None or last.vote is not vote:
        return True
    if vote is Vote.UP:
        return at - last.at >= GOOD_MS
    return last.run < FIRST or at - last.at >= AGAIN_MS
