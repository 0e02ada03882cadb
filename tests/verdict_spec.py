"""The executable specification of verdicts: what monitors/domain must agree with, vote for vote.

Slow and obvious on purpose, and it shares no code and no idea of how with what it judges: a round is
decided by trying every way the unknown regions might have voted, a streak by looking back over all closed
rounds, a silence by measuring the distance between decided slots. Nothing is counted along the way, and
there is no state to keep. Times and durations are milliseconds, verdicts and statuses plain strings.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise, product

UP, DOWN, NODATA = "up", "down", "nodata"
PENDING, VALIDATING = "pending", "validating"


@dataclass(frozen=True)
class Site:
    """A monitor's policy."""

    regions: frozenset
    quorum: str = "majority"
    at_least: int = 2
    confirm: int = 2
    recover: int = 2
    confirmation_period: int = 0
    recovery_period: int = 0
    interval: int = 30_000
    timeout: int = 10_000

    @property
    def lateness(self):
        return min(max(self.interval // 3, 2_000), 10_000)

    @property
    def silence(self):
        """The longest distance between two decided slots that still counts as measured."""
        return max(300_000, 3 * self.interval)

    def watermark(self, slot):
        return slot + self.timeout + self.lateness


@dataclass(frozen=True)
class Heard:
    """A vote reached us."""

    now: int
    slot: int
    region: int
    vote: str


@dataclass(frozen=True)
class Swept:
    """We looked for rounds whose watermark has passed, and gave up on their missing votes."""

    now: int


@dataclass(frozen=True)
class Looked:
    """Time passed, and a monitor was judged although its regions' results are still on their way to us."""

    now: int


@dataclass(frozen=True)
class Doubted:
    """A region is not trusted any more: nor are its votes of slots from `since` on, in rounds that are open now."""

    now: int
    region: int
    since: int


@dataclass(frozen=True)
class Trusted:
    """A region is trusted again: its votes of slots from now on."""

    now: int
    region: int


@dataclass
class History:
    """All that happened to a monitor: its slots with their eligible regions, and a log in time order."""

    site: Site
    start: int
    slots: dict = field(default_factory=dict)  # slot -> eligible regions: its own, or others that stand in for them
    log: list = field(default_factory=list)  # Heard, Swept, Looked, Doubted and Trusted
    left_out: frozenset = frozenset()  # slots of the grid that nobody is asked at
    paces: tuple = ()  # how what is judged says the same
    quiet: tuple = ()  # (from, to) of maintenance: slots in it are looked at, and nothing follows from them


@dataclass(frozen=True)
class Closed:
    slot: int
    verdict: str
    at: int
    votes: dict
    partial: bool


def downs_needed(site, n):
    if site.quorum == "any":
        return 1
    if site.quorum == "all":
        return n
    if site.quorum == "at_least":
        return max(1, min(n, max(site.at_least, 2 if n >= 2 else 1)))
    return next(q for q in range(n + 1) if 2 * q > n)


def round_says(site, eligible, votes):
    """DOWN or UP where it would be so however the unknown regions had voted, else NODATA: undecided."""
    if not eligible:
        return NODATA
    needed = downs_needed(site, len(eligible))
    known = [votes[r] for r in eligible if votes.get(r) in (UP, DOWN)]
    ways = product((UP, DOWN), repeat=len(eligible) - len(known))
    ends = {(known + list(rest)).count(DOWN) >= needed for rest in ways}
    if ends == {False}:
        return UP
    if ends == {True} and not alone(site, eligible):
        return DOWN
    return NODATA


def alone(site, eligible):
    """One region left of several: it may say that a site is up, but its word does not take a site down."""
    return len(eligible) == 1 and len(site.regions) >= 2 and site.quorum != "any"


def votes_of(history, slot, upto):
    """First write wins; a sweep past the watermark writes NODATA for whatever is missing by then."""
    votes = {}
    for event in history.log[: upto + 1]:
        if isinstance(event, Heard) and event.slot == slot:
            votes.setdefault(event.region, event.vote)
        if isinstance(event, Swept) and event.now >= history.site.watermark(slot):
            for region in history.slots[slot]:
                votes.setdefault(region, NODATA)
    known = [event for event in history.log[: upto + 1] if isinstance(event, Doubted | Trusted)]
    return {
        region: NODATA if doubted(known, slot, region) else vote
        for region, vote in votes.items()
        if region in history.slots[slot]
    }


def doubted(known, slot, region):
    """Whether, by the doubts known by then, the slot lies in a time in which the region was not trusted."""
    mine = [event for event in known if event.region == region]
    for i, event in enumerate(mine):
        if isinstance(event, Doubted) and event.since <= slot:
            ends = [later.now for later in mine[i:] if isinstance(later, Trusted)]
            if not ends or slot < ends[0]:
                return True
    return False


def closings(history):
    """Each slot, in order, closes at the first event by which it is settled and none before it is open."""
    closed, earliest = [], 0
    for slot in sorted(history.slots):
        eligible = history.slots[slot]
        for i in range(earliest, len(history.log)):
            votes, now = votes_of(history, slot, i), history.log[i].now
            verdict = round_says(history.site, eligible, votes)
            if now >= slot and (verdict != NODATA or len(votes) == len(eligible)):
                lone = alone(history.site, eligible)
                partial = DOWN in votes.values() and (verdict == UP or lone)
                closed.append(Closed(slot, verdict, now, votes, partial))
                earliest = i
                break
        else:
            break  # still open, and so is everything after it
    return closed


def is_quiet(history, slot):
    return any(begin <= slot < end for begin, end in history.quiet)


def changes_of_verdict(history):
    """([(kind, event time, decided at)], verdict, index after the last change), by looking back."""
    site, closed = history.site, closings(history)
    found, verdict, after = [], PENDING, 0
    for j, last in enumerate(closed):
        if is_quiet(history, last.slot):
            after = j + 1  # no streak leads into maintenance, or through it
            continue
        if verdict == PENDING and last.verdict == UP:
            found.append(("started", last.slot, last.at))
            verdict, after = UP, j + 1
            continue
        wanted = UP if verdict == DOWN else DOWN
        rounds, period = (
            (site.recover, site.recovery_period) if wanted == UP else (site.confirm, site.confirmation_period)
        )
        run = unbroken_run(history, closed[after : j + 1], wanted) if last.verdict == wanted else []
        if run and len(run) >= rounds and last.slot - run[0].slot >= period:
            found.append((wanted, run[0].slot, last.at))
            verdict, after = wanted, j + 1
    return found, verdict, after


def transitions(history):
    return changes_of_verdict(history)[0]


def unbroken_run(history, closed, wanted):
    """The longest tail of decided rounds that all say `wanted`, each near the one before."""
    run = []
    for i in range(len(closed) - 1, -1, -1):
        one = closed[i]
        if one.verdict == NODATA:
            continue
        between = closed[i + 1 : closed.index(run[0])] if run else []
        near = len(between) < 3 and (not run or silent_time(history, one.slot, run[0].slot) <= history.site.silence)
        if one.verdict != wanted or not near:
            break
        run.insert(0, one)
    return run


def standing(history):
    """(verdict, slots of the contrary rounds that have not changed it yet)."""
    closed = closings(history)
    _, verdict, after = changes_of_verdict(history)
    run = unbroken_run(history, closed[after:], UP if verdict == DOWN else DOWN)
    since = len(closed) - 1 - closed.index(run[-1]) if run else 0
    return verdict, [one.slot for one in run] if since < 3 else []


def status(history, now):
    verdict, run = standing(history)
    if any(end is None for _, end in silences(history, now)):
        return NODATA
    return VALIDATING if verdict == DOWN and run else verdict


def rechecks(history, next_slot):
    """The extra slots asked for: 2 s after a first contrary round closed, where no slot is planned in 5 s.

    `next_slot(now)` says when the next one is. Asked once per first round, and only where more than one
    round is needed and nothing due is still open.
    """
    wanted = []
    for i, event in enumerate(history.log):
        past, here = (replace(history, log=history.log[:end]) for end in (i, i + 1))
        verdict, run = standing(here)
        fresh = len(run) == 1 and run != standing(past)[1]
        rounds = history.site.recover if verdict == DOWN else history.site.confirm
        open_ = [slot for slot in history.slots if slot <= event.now and slot > closings(here)[-1].slot] if run else []
        if fresh and rounds > 1 and not open_ and next_slot(event.now) - event.now >= 5_000:
            wanted.append(event.now + 2_000)
    return wanted


def silences(history, now):
    """[from, to) without a measurement; `to` is None while it lasts."""
    site = history.site
    decided = [one.slot for one in closings(history) if one.verdict != NODATA]
    known = [history.start, *decided]
    gaps = [(a, b) for a, b in pairwise(known) if silent_time(history, a, b) > site.silence]
    if silent_time(history, known[-1], now) > site.watermark(site.silence):
        gaps.append((known[-1], None))
    return [(first_slot_after(history, a, a in decided), b) for a, b in gaps]


def silent_time(history, a, b):
    """The time between two moments, without the intervals whose slot at their end is left out."""
    interval = history.site.interval
    return (b - a) - sum(max(0, min(slot, b) - max(slot - interval, a)) for slot in history.left_out)


def first_slot_after(history, moment, decided):
    """The first slot that was due, or, where none is known, the first full interval with nothing left out."""
    later = [slot for slot in history.slots if slot > moment or (slot == moment and not decided)]
    interval = history.site.interval
    expected = moment + interval
    while any(expected - interval < slot <= expected for slot in history.left_out):
        expected += interval
    return min([expected, *later])


def wanted_pace(history, now):
    """Every how many slots it should be checked: rarer the longer it has been plainly down, at most ten minutes apart.

    Whatever is not plainly so, a good round or an undecided one, brings every slot back.
    """
    closed = closings(history)
    verdict, run = standing(history)
    if verdict != DOWN or run or closed[-1].verdict != DOWN or status(history, now) != DOWN:
        return 1
    since = timeline(history, now)[-1][1]
    hours = (closed[-1].slot - since) / 3_600_000
    paces = [n for n, least in ((1, 0), (2, 1), (4, 3), (8, 12)) if hours >= least]
    return max(n for n in paces if n == 1 or n * history.site.interval <= 600_000)


def timeline(history, now):
    """[(status, from, to)] from the start on, as it stands when everything up to `now` is known."""
    flips = transitions(history)
    gaps = silences(history, now)
    marks = {history.start, *(at for _, at, _ in flips), *(t for gap in gaps for t in gap if t is not None)}
    pieces = []
    for mark in sorted(marks):
        status = PENDING
        for kind, at, _ in flips:
            if at <= mark:
                status = UP if kind == "started" else kind
        if any(a <= mark and (b is None or mark < b) for a, b in gaps):
            status = NODATA
        if not pieces or pieces[-1][0] != status:
            pieces.append((status, mark))
    ends = [begin for _, begin in pieces[1:]] + [None]
    return [(status, begin, end) for (status, begin), end in zip(pieces, ends, strict=True)]
