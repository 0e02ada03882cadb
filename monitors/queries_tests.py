"""Nouns that read: what came of a test, region by region, and where the time of each answer went."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone

from monitors.domain.bundle import Bundle
from monitors.domain.proposal import Seen
from monitors.models import Region, TestAnswer, TestRun
from monitors.probes.base import Outcome
from monitors.probes.kinds import KINDS
from monitors.services.testruns import read
from monitors.times import from_ms

PHASES = {"dns": "DNS", "connect": "Connect", "tls": "TLS", "first_byte": "First byte", "transfer": "Transfer"}
SCALE = 1000  # user units of the waterfall's width
SLIVER = 4  # that is seen of whatever took any time at all


@dataclass(frozen=True)
class Bar:
    """One phase in a waterfall. `start`, `width`: in SCALE units; `waiting`: the time ran out in it."""

    phase: str
    title: str
    ms: float
    start: float
    width: float
    waiting: bool = False


@dataclass(frozen=True)
class Result:
    """What one region made of one check. `state`: checking, up, down, nodata, offline, off, unsent or silent."""

    region: Region
    state: str
    outcome: Outcome | None = None
    bars: list[Bar] = field(default_factory=list)

    @property
    def flags(self):
        return ["degraded"] if self.outcome and self.outcome.degraded else []

    @property
    def expires_at(self):
        return from_ms(self.outcome.expires_at) if self.outcome and self.outcome.expires_at else None

    @property
    def bundle(self):
        """What was seen in full."""
        evidence = self.outcome.evidence if self.outcome else None
        return Bundle.of(evidence) if evidence else None


@dataclass(frozen=True)
class Tried:
    """One check of a run with its results."""

    key: str
    kind: str
    target: str
    results: list[Result]

    @property
    def label(self):
        return KINDS.get(self.kind).label if self.kind in KINDS else self.kind

    @property
    def seen(self):
        asked = [each for each in self.results if each.state not in {"offline", "off", "unsent"}]
        return Seen(
            up=sum(each.state == "up" for each in asked),
            asked=len(asked),
            done=all(each.state != "checking" for each in asked),
        )


@dataclass(frozen=True)
class Progress:
    """A run as it stands. `over`: nothing more is waited for; `version`: changes with whatever there is to draw."""

    run: TestRun
    tried: list[Tried]
    over: bool
    version: str


def visible_run(user, pk):
    """The run, or None when `user` may not see it, or it has expired, or there is none."""
    runs = TestRun.objects.filter(team__memberships__user=user, expires_at__gt=timezone.now())
    return runs.select_related("team", "monitor").filter(pk=pk).first()


def progress(run, now=None):
    """A run's checks and what has come of each, by one query."""
    now = now or timezone.now()
    answers = list(run.answers.select_related("region").defer("region__key").order_by("region__name", "region_id"))
    late = now > run.due_at
    waiting = sum(not each.came_at and not each.trouble for each in answers)
    tried = [_tried(check, [a for a in answers if a.number == number], late) for number, check in enumerate(run.checks)]
    over = late or not waiting
    return Progress(run, tried, over, f"{waiting}.{int(over)}")


def _tried(check: dict, answers: list[TestAnswer], late: bool) -> Tried:
    outcomes = [(each, read(each)) for each in answers]
    longest = max([_whole(outcome, check["timeout_ms"]) for _, outcome in outcomes if outcome], default=0.0)
    results = [
        Result(
            each.region,
            outcome.vote.value if outcome else each.trouble or ("silent" if late else "checking"),
            outcome,
            list(_bars(outcome, check["timeout_ms"], longest)) if outcome else [],
        )
        for each, outcome in outcomes
    ]
    return Tried(check["key"], check["kind"], check["target"], results)


def _spent(outcome: Outcome, timeout_ms: int) -> Iterator[tuple[str, float, bool]]:
    """(phase, ms, whether the time ran out in it) of the last attempt, in the order they come."""
    spent = dict(zip(PHASES, outcome.phases.to_wire(), strict=True))
    stuck = outcome.reason.removeprefix("timeout_") if outcome.reason and outcome.reason.is_timeout else ""
    known = sum(ms for ms in spent.values() if ms)
    for phase, ms in spent.items():
        if phase == stuck:
            yield phase, max(ms or 0.0, (ms or 0.0) + timeout_ms - known), True
        elif ms is not None:
            yield phase, ms, False


def _whole(outcome: Outcome, timeout_ms: int) -> float:
    return sum(ms for _, ms, _ in _spent(outcome, timeout_ms))


def _bars(outcome: Outcome, timeout_ms: int, longest: float) -> Iterator[Bar]:
    """All answers to one check share one scale, so that regions can be compared at a glance."""
    begun = 0.0
    for phase, ms, waiting in _spent(outcome, timeout_ms):
        start, width = (SCALE * begun / longest, SCALE * ms / longest) if longest else (0.0, 0.0)
        shown = max(width, SLIVER)
        yield Bar(phase, PHASES[phase], ms, round(min(start, SCALE - shown), 1), round(shown, 1), waiting)
        begun += ms


def duplicates(team, wanted):
    """Which of `wanted`, pairs of kind and target, the team watches already: {pair: its monitor}."""
    targets = {target for _, target in wanted}
    found = team.monitors.alive().filter(target__in=targets).order_by("-id")
    return {(each.kind, each.target): each for each in found if (each.kind, each.target) in wanted}


def offered_regions(offline: frozenset[int], most: int) -> list[Region]:
    """Enabled regions to ask, at most so many, those first that are not offline."""
    enabled = Region.objects.filter(enabled=True)
    return sorted(enabled, key=lambda region: (region.pk in offline, region.slug))[:most]
