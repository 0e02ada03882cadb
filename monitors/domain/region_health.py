"""Whether what a region says is to be believed: from what is known of it to the troubles it is in.

A trouble begins as soon as something is wrong. A region that was merely silent is back with its first sign of life;
one whose word was false is trusted again only after a few clean minutes. What cannot be told (a silent region's clock)
neither begins a trouble nor counts as clean. Pure, like every rule: times are UTC milliseconds (`Ms`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from monitors.domain.slots import Ms

OPEN_ROUND_MS = 71_000  # no round waits for votes longer: the longest timeout and lateness, and a second for the way


class Trouble(StrEnum):
    """What may be wrong with a region."""

    OFFLINE = "offline"
    SKEWED = "skewed"
    CANARY = "canary"
    DISAGREES = "disagrees"
    IMPAIRED = "impaired"


WORDS = {  # "EU West is not trusted: ..."
    Trouble.OFFLINE: "it is offline",
    Trouble.SKEWED: "its clock is off",
    Trouble.CANARY: "it mistakes sites whose state is known",
    Trouble.DISAGREES: "it disagrees with the others",
    Trouble.IMPAIRED: "it cannot carry out its checks",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is wrong; each is a setting."""

    clock_ms: Ms = 2_000
    clean_ms: Ms = 180_000
    compared: int = 20  # monitors that must have been compared
    alone: int = 10  # of them, those that the region alone must see down, or of its own those it cannot look at ...
    share: int = 20  # ... as many per cent of all compared ...
    teams: int = 3  # ... and of so many teams, or all there are


@dataclass(frozen=True, slots=True)
class Canary:
    """What a worker last saw of a site whose state is known. `wrong`: how often in a row it saw the opposite."""

    url: str
    known_up: bool
    wrong: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Monitors that a region judged together with at least two trusted others, and those it alone sees down."""

    compared: int = 0
    teams: int = 0
    alone: int = 0
    alone_teams: int = 0


@dataclass(frozen=True, slots=True)
class Impairment:
    """Monitors that a region could not look at within the last minute for want of means of its own, such as file
    descriptors or ports; `detail` says what became of one of them."""

    monitors: int = 0
    of: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a region at a moment."""

    offline: bool = False
    clocks: Sequence[Ms | None] = ()  # how far each worker's clock is ahead of ours; None: cannot be told
    canaries: Sequence[Sequence[Canary]] = ()  # by worker
    comparison: Comparison | None = Comparison()  # None: there are no two trusted others
    impairment: Impairment = Impairment()


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong` is None where it cannot be told; `detail` says what is wrong, in words."""

    wrong: bool | None
    detail: str = ""


UNKNOWN, CLEAN = Finding(None), Finding(False)


@dataclass(frozen=True, slots=True)
class Case:
    """A trouble of a region; votes of slots in [doubted_from, end) are not believed, where `doubted_from` is set."""

    kind: Trouble
    start: Ms
    doubted_from: Ms | None = None
    detail: str = ""
    clean_since: Ms | None = None
    end: Ms | None = None


def examine(seen: Seen, limits: Limits) -> dict[Trouble, Finding]:
    """What is wrong with a region, one finding for each kind of trouble."""
    if seen.offline:
        silent = Finding(True, "It gives no sign of life")
        return dict.fromkeys(Trouble, UNKNOWN) | {Trouble.OFFLINE: silent}
    return {
        Trouble.OFFLINE: CLEAN,
        Trouble.SKEWED: _clock(seen.clocks, limits),
        Trouble.CANARY: _canaries(seen.canaries),
        Trouble.DISAGREES: _disagreement(seen.comparison, limits),
        Trouble.IMPAIRED: _impairment(seen.impairment, limits),
    }


def follow(case: Case | None, kind: Trouble, finding: Finding, now: Ms, limits: Limits) -> Case | None:
    """What becomes of an open trouble, or of none; the same object while nothing changes."""
    if case is None:
        return _begin(kind, finding.detail, now) if finding.wrong else None
    if finding.wrong:
        return replace(case, clean_since=None, detail=finding.detail)
    if finding.wrong is None:
        return replace(case, clean_since=None)
    since = now if case.clean_since is None else case.clean_since
    over = case.doubted_from is None or now - since >= limits.clean_ms
    return replace(case, clean_since=since, end=now if over else None)


def _begin(kind: Trouble, detail: str, now: Ms) -> Case:
    """A region that is silent or could not look has said nothing false; of any other, what it said in the rounds still
    open is doubted too."""
    return Case(kind, now, None if kind in {Trouble.OFFLINE, Trouble.IMPAIRED} else now - OPEN_ROUND_MS, detail)


def _clock(clocks: Sequence[Ms | None], limits: Limits) -> Finding:
    """A region's clock is as wrong as that of its worst worker."""
    known = [clock for clock in clocks if clock is not None]
    worst = max(known, key=abs, default=0)
    if abs(worst) > limits.clock_ms:
        return Finding(True, f"Its clock is {abs(worst) / 1000:.1f} s {'ahead' if worst > 0 else 'behind'}")
    return CLEAN if known else UNKNOWN


def _canaries(workers: Sequence[Sequence[Canary]]) -> Finding:
    """A region is as sick as its sickest worker, because any of them may look for any monitor."""
    for canaries in workers:
        if detail := _sick(canaries):
            return Finding(True, detail)
    return CLEAN


def _sick(canaries: Sequence[Canary]) -> str:
    """Most of the sites known to be up fail twice in a row, or one known to be down seems up."""
    fooled = next((each for each in canaries if not each.known_up and each.wrong), None)
    if fooled:
        return f"{fooled.url}, known to be down, seems up from there"
    up = [each for each in canaries if each.known_up]
    failing = [each for each in up if each.wrong >= 2]
    if not failing or 2 * len(failing) <= len(up):
        return ""
    first = f"{failing[0].url}: {failing[0].detail}" if failing[0].detail else failing[0].url
    return f"{len(failing)} of {len(up)} sites known to be up fail from there ({first})"


def _disagreement(seen: Comparison | None, limits: Limits) -> Finding:
    if seen is None:
        return UNKNOWN
    wrong = (
        seen.compared >= limits.compared
        and seen.alone >= max(1, limits.alone)
        and 100 * seen.alone >= limits.share * seen.compared
        and seen.alone_teams >= min(limits.teams, seen.teams)
    )
    return Finding(True, f"It alone sees {seen.alone} of {seen.compared} monitors down") if wrong else CLEAN


def _impairment(seen: Impairment, limits: Limits) -> Finding:
    if seen.monitors < max(1, limits.alone) or 100 * seen.monitors < limits.share * seen.of:
        return CLEAN
    return Finding(True, f"It could not look at {seen.monitors} of {seen.of} monitors within a minute: {seen.detail}")
