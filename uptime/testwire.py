"""How tests go through a regional worker: the same engine, and never to be taken for checks of monitors.

On the wire a check of a test names its run where another one names its monitor; it travels under a purpose of its own,
in both directions. Inside the engine it bears a number below zero, as canaries do, so that whatever becomes of it,
its outcome cannot leave among those of monitors.
"""

from dataclasses import dataclass, replace

from monitors.probes.base import Check, Outcome

PURPOSE = "tests"
FIRST = -1_000  # the numbers above, below zero, are canaries'


@dataclass(frozen=True, slots=True)
class OfTest:
    """The outcome of a test, on its way home."""

    outcome: Outcome


def disguised(check: Check) -> Check:
    """The check as the engine sees it."""
    return replace(check, monitor=FIRST - check.monitor)


def revealed(outcome: Outcome) -> OfTest | None:
    """What came of a check that was disguised; None for any other."""
    return OfTest(replace(outcome, monitor=FIRST - outcome.monitor)) if outcome.monitor < FIRST else None
