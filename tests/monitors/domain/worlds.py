"""Random histories for the domain's properties, and the domain run on one of them as the services run it."""

import json
import math
from dataclasses import asdict, replace
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from monitors.domain import availability, slots
from monitors.domain.availability import Interval
from monitors.domain.pace import Grid, Pace
from monitors.domain.verdict import Judgement, Policy, Quorum, Round, State, Status, Vote, judge
from tests import verdict_spec as spec

UP, DOWN, NODATA = "up", "down", "nodata"
MONITOR = 7
START = 1_790_000_000_000
VERDICTS = ("started", "down", "up")

# No deadline: it would only measure a busy machine.
examples = settings(max_examples=150, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def policy_of(site: spec.Site) -> Policy:
    return Policy(
        regions=site.regions,
        quorum=Quorum(site.quorum),
        at_least=site.at_least,
        confirm=site.confirm,
        recover=site.recover,
        confirmation_period_s=site.confirmation_period // 1000,
        recovery_period_s=site.recovery_period // 1000,
        interval_s=site.interval // 1000,
        timeout_ms=site.timeout,
    )


class Watched:
    """A monitor with its stored votes, judged by the domain."""

    def __init__(self, history: spec.History):
        self.history = history
        self.slots = history.slots
        self.site = history.site
        self.policy = replace(policy_of(history.site), grid=Grid(MONITOR, history.site.interval // 1000, history.paces))
        self.state = State.fresh(history.start)
        self.votes: dict[int, dict[int, Vote]] = {}
        self.doubts: list[tuple[int, int, int | None]] = []  # region, first slot, end
        self.transitions = []
        self.closed = []
        self.intervals = [Interval(Status.PENDING, history.start, None)]

    def store(self, event: spec.Heard | spec.Swept | spec.Looked | spec.Doubted | spec.Trusted) -> None:
        """First write wins; a sweep writes NODATA for the votes that are missing past the watermark."""
        if isinstance(event, spec.Heard):
            self.votes.setdefault(event.slot, {}).setdefault(event.region, Vote(event.vote))
        if isinstance(event, spec.Swept):
            for slot, eligible in self.slots.items():
                if slots.watermark(slot, self.policy.timeout_ms, self.site.lateness) <= event.now:
                    missing = dict.fromkeys(eligible, Vote.NODATA)
                    self.votes[slot] = missing | self.votes.get(slot, {})
        if isinstance(event, spec.Doubted):
            self.doubts.append((event.region, event.since, None))
        if isinstance(event, spec.Trusted):
            ended = [
                (r, since, end or event.now) if r == event.region else (r, since, end) for r, since, end in self.doubts
            ]
            self.doubts = ended

    def believed(self, slot: int) -> dict[int, Vote]:
        """The votes of a slot; a region in doubt says nothing."""
        in_doubt = {r for r, since, end in self.doubts if since <= slot and (end is None or slot < end)}
        return {r: Vote.NODATA if r in in_doubt else vote for r, vote in self.votes.get(slot, {}).items()}

    def judge(self, now: int, next_slot: int = 0) -> Judgement:
        rounds = [
            Round(
                slot,
                self.believed(slot),
                None if eligible == self.policy.regions else eligible,
                muted=spec.is_quiet(self.history, slot),
            )
            for slot, eligible in self.slots.items()
            if slot > self.state.judged_until
        ]
        judgement = judge(self.state, self.policy, rounds, now, next_slot)
        self.state = judgement.state
        self.closed += judgement.closed
        self.transitions += judgement.transitions
        for change in judgement.transitions:
            self.intervals = availability.apply(self.intervals, change.after, change.at)
        return judgement

    def restart(self) -> None:
        """Keep only what a database row keeps: plain numbers and strings."""
        self.state = State(**json.loads(json.dumps(asdict(self.state))))

    def verdict_changes(self) -> list[tuple[str, int, int]]:
        return [(str(c.kind), c.at, c.decided_at) for c in self.transitions if c.kind in VERDICTS]


def watch(history: spec.History) -> Watched:
    """Judge after every event, as the results worker does."""
    watched = Watched(history)
    for event in history.log:
        watched.store(event)
        watched.judge(event.now)
    return watched


@st.composite
def sites(draw: st.DrawFn) -> spec.Site:
    interval = draw(st.sampled_from([30, 3, 120, 300]))
    return spec.Site(
        regions=frozenset([1, 2, 3, 5, 8][: draw(st.integers(1, 4))]),
        quorum=draw(st.sampled_from(["majority", "majority", "any", "all", "at_least"])),
        at_least=draw(st.integers(1, 5)),
        confirm=draw(st.integers(1, 3)),
        recover=draw(st.integers(1, 3)),
        confirmation_period=draw(st.sampled_from([0, 0, 5, 45, 150])) * 1000,
        recovery_period=draw(st.sampled_from([0, 0, 5, 45, 150])) * 1000,
        interval=interval * 1000,
        timeout=draw(st.sampled_from([1_000, slots.default_timeout(interval), slots.max_timeout(interval)])),
    )


OTHERS = [13, 21]  # regions that are not the monitor's own
MOODS = {
    "up": [UP],
    "down": [DOWN],
    "silent": [None],
    "split": [UP, DOWN],
    "mixed": [UP, UP, DOWN, DOWN, NODATA, None],
}


@st.composite
def histories(draw: st.DrawFn, max_slots: int = 16, sick: bool | None = None) -> spec.History:
    """Slots, votes and sweeps of one monitor, votes late, early, lost, doubled, out of order, and not believed."""
    site = draw(sites())
    interval_s = site.interval // 1000
    runs = draw(st.lists(st.tuples(st.sampled_from([*MOODS, "blind", "down", "up"]), st.integers(1, 4)), min_size=1))
    moods = [mood for mood, length in runs for _ in range(length)][:max_slots]
    span = len(moods) * site.interval
    grid = slots.grid(MONITOR, interval_s, START - 1, START - 1 + span)
    extra = draw(st.lists(st.tuples(st.integers(0, span), st.sampled_from([*MOODS])), max_size=4))
    moods_at = dict(zip(grid, moods, strict=True)) | {START + after: mood for after, mood in extra}
    paces = draw(_paces(site, grid)) if grid and draw(st.booleans()) else ()
    left_out = _left_out(site, paces, grid)
    due = {slot: mood for slot, mood in sorted(moods_at.items()) if mood != "blind" and slot not in left_out}
    scarce, stalled = draw(st.booleans()), draw(st.booleans())
    sick = draw(st.booleans()) if sick is None else sick
    rnd = Random(draw(st.integers(0, 1 << 32)))
    regions = sorted(site.regions)
    eligible = {slot: _eligible(rnd, regions) if scarce else site.regions for slot in due}
    heard = [
        event
        for slot, mood in due.items()
        for event in _votes(rnd, site, slot, sorted(site.regions | eligible[slot]), MOODS[mood])
    ]
    doubts = _doubts(rnd, span, sorted({*regions, *OTHERS})) if sick else []
    heard = [_lied(event, doubts) for event in heard] if doubts else heard
    sweeps = [spec.Swept(site.watermark(slot) + rnd.choice([0, 700, 90_000])) for slot in due if rnd.random() < 0.8]
    events = _stall(rnd, span, [*heard, *sweeps]) if stalled else [*heard, *sweeps]
    end = max([event.now for event in events], default=START) + rnd.choice([1, 200_000, 2_000_000])
    log = sorted([*events, *doubts, spec.Swept(end)], key=lambda event: event.now)
    quiet = _quiet(rnd, span) if draw(st.booleans()) else ()
    return spec.History(site, START, eligible, log, left_out, paces, quiet)


@st.composite
def _paces(draw: st.DrawFn, site: spec.Site, grid: list[int]) -> tuple[Pace, ...]:
    """One or two stretches in which slots are left out, each one by a turn, by a moment, or by both."""
    most = max(1, min(8, 600_000 // site.interval))
    marks = sorted(draw(st.lists(st.sampled_from([*grid, grid[-1] + 1]), max_size=4, unique=True)))
    found = []
    for start, end in zip(marks[::2], marks[1::2], strict=False):
        every = draw(st.sampled_from([each for each in (1, 2, 4, 8) if each <= most]))
        later = start + draw(st.sampled_from([0, site.interval * 3 // 2, 100_000]))
        found.append(Pace(start, None if end > grid[-1] else end, every, min(later, end)))
    return tuple(found)


def _left_out(site: spec.Site, paces: tuple[Pace, ...], grid: list[int]) -> frozenset[int]:
    """The slots that these paces leave out, far into the future where the last one lasts."""
    slots = [slot + turn * site.interval for slot in grid[-1:] for turn in range(1, 3_000_000 // site.interval)]
    return frozenset(
        slot
        for slot in [*grid, *slots]
        for start, end, every, not_before in paces
        if start <= slot < (end or math.inf) and (slot < not_before or (slot // site.interval + MONITOR) % every)
    )


def _quiet(rnd: Random, span: int) -> tuple:
    """A time of maintenance or two, some of which no slot falls into."""
    moments = sorted(START + rnd.randint(-1_000, span) for _ in range(2 * rnd.randint(1, 2)))
    return tuple(zip(moments[::2], moments[1::2], strict=True))


def _stall(rnd: Random, span: int, events: list) -> list:
    """For a while nothing reaches us, and nothing is swept; then all of it comes, in any order."""
    begin = START + rnd.randint(0, span)
    end = begin + rnd.randint(1, 1_200_000)
    looks = [spec.Looked(rnd.randint(begin, end)) for _ in range(4)]
    caught = [event for event in events if begin <= event.now < end and isinstance(event, spec.Heard)]
    rnd.shuffle(caught)
    return [
        *(event for event in events if not begin <= event.now < end),
        *looks,
        *(replace(event, now=end) for event in caught),
    ]


def _doubts(rnd: Random, span: int, regions: list[int]) -> list:
    """Some regions are not trusted for a while, once or twice, from a little before it is noticed."""
    found = []
    for region in rnd.sample(regions, rnd.randint(1, len(regions))):
        moments = sorted(START + each for each in rnd.sample(range(-1_000, span + 20_000), 2 * rnd.randint(1, 2)))
        for i, moment in enumerate(moments):
            since = moment - rnd.choice([0, 20_000, 71_000])
            found.append(spec.Trusted(moment, region) if i % 2 else spec.Doubted(moment, region, since))
        if rnd.random() < 0.3:
            found.pop()  # it lasts
    return found


def _lied(event: spec.Heard, doubts: list) -> spec.Heard:
    """A sick region sees everything down.

    No vote is early where there are doubts: whether its round is closed before or after its slot then makes a
    difference, and either is right.
    """
    event = replace(event, now=max(event.now, event.slot))
    since = [doubt.since for doubt in doubts if isinstance(doubt, spec.Doubted) and doubt.region == event.region]
    return replace(event, vote=DOWN) if since and min(since) <= event.slot else event


def _eligible(rnd: Random, regions: list[int]) -> frozenset[int]:
    """Some of its own regions; now and then none of them, and others look in their place."""
    if rnd.random() < 0.15:
        return frozenset(OTHERS[: min(2, len(regions))])
    return frozenset(rnd.sample(regions, rnd.choice([len(regions), rnd.randint(0, len(regions)), 1])))


def _votes(rnd: Random, site: spec.Site, slot: int, regions: list[int], mood: list[str | None]) -> list[spec.Heard]:
    """One vote a region at most, most in time; some come twice, the second time perhaps with another word."""
    found = []
    for region in regions:
        vote = rnd.choice(mood)
        if vote is None:
            continue
        delay = rnd.choice([rnd.randint(-200, 900), rnd.randint(0, site.timeout + site.lateness)])
        late = rnd.random() < 0.05
        found.append(spec.Heard(slot + delay + (rnd.randint(0, 400_000) if late else 0), slot, region, vote))
        if rnd.random() < 0.15:
            again = rnd.choice([UP, DOWN, NODATA])
            found.append(spec.Heard(found[-1].now + rnd.randint(0, 100_000), slot, region, again))
    return found
