"""Response times as a histogram of a few numbers: percentiles of any stretch of time, within 2 %.

Cells are spaced by the logarithm: cell n holds the times from LEAST_MS * GROWTH**n up to the next one, and stands for a
time that is at most (GROWTH - 1) / (GROWTH + 1) = 1.96 % away from each of them. Only cells with something in them are
kept, so ten checks of one website take some five numbers. Histograms of parts add up to that of the whole, which
percentiles themselves do not.

Stored is one integer per cell, `cell << COUNT_BITS | count`, ascending; monitors/services/rollups.py says the same in
SQL.
"""

import math
from collections.abc import Iterable, Mapping

Histogram = Mapping[int, int]  # cell to how many times are in it

GROWTH = 1.04
LEAST_MS = 0.01  # what is shorter counts as this
LAST_CELL = 2047
COUNT_BITS = 20  # twelve days of checks every second
COUNT_MASK = (1 << COUNT_BITS) - 1


def cell(ms: float) -> int:
    """The cell a time belongs to."""
    return min(LAST_CELL, math.floor(math.log(max(ms, LEAST_MS) / LEAST_MS) / math.log(GROWTH)))


def middle(number: int) -> float:
    """The time (ms) a cell stands for."""
    return LEAST_MS * GROWTH**number * 2 * GROWTH / (1 + GROWTH)


def count(times: Iterable[float]) -> dict[int, int]:
    """The histogram of some times (ms)."""
    return merge({cell(ms): 1} for ms in times)


def merge(histograms: Iterable[Histogram]) -> dict[int, int]:
    """The histogram of everything that is in one of these."""
    found: dict[int, int] = {}
    for each in histograms:
        for number, times in each.items():
            found[number] = found.get(number, 0) + times
    return found


def total(histogram: Histogram) -> int:
    """How many times are in it."""
    return sum(histogram.values())


def percentile(histogram: Histogram, share: float) -> float | None:
    """The time (ms) that `share` (0.0 to 1.0) of the checks did not exceed, by nearest rank; None without any."""
    rank, seen = max(1, math.ceil(share * total(histogram))), 0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= rank:
            return middle(number)
    return None


def pack(histogram: Histogram) -> list[int]:
    """As it is stored."""
    return [number << COUNT_BITS | histogram[number] for number in sorted(histogram)]


def unpack(stored: Iterable[int]) -> dict[int, int]:
    """What `pack` made of a histogram, as one again."""
    return {each >> COUNT_BITS: each & COUNT_MASK for each in stored}
