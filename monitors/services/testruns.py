"""Tests: settings that somebody tries out are asked of regions once, and the answers are kept for a quarter of an hour.

A test is no check of a monitor: it has no slot, its outcome is no tick and no vote, and no state changes by it. What is
tried, secrets included, leaves in the sealed message to each region and is stored nowhere.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from django.db import DataError, transaction

from accounts.models import Team
from monitors.models import Monitor, Region, TestAnswer, TestRun
from monitors.probes.base import Check, Outcome
from monitors.probes.reasons import Reason
from monitors.times import to_ms

logger = logging.getLogger(__name__)

LIFE = timedelta(minutes=15)
LATENESS_MS = 3_000  # of a region that is busy; somebody is waiting
PATIENCE = timedelta(seconds=5)  # beyond the longest timeout: lateness, and the way there and back
MOST, PER = 10, timedelta(minutes=1)  # tests of one team
PIECE = 1_000
Trouble = TestAnswer.Trouble


class TooManyTestsError(Exception):
    """`wait_s`: when the next one may be started."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"At most {MOST} tests a minute, so that nobody's server suffers. Try again in {wait_s} s.")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings to try. `options`: those of the kind, secrets included, and therefore never printed or stored."""

    kind: str
    target: str
    timeout_ms: int
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    key: str = "check"

    @classmethod
    def of(cls, monitor: Monitor) -> Self:
        return cls(monitor.kind, monitor.target, monitor.timeout_ms, monitor.all_options)


@dataclass(frozen=True, slots=True)
class Started:
    """A run, and what is still to be sent to each region for it."""

    run: TestRun
    checks: dict[Region, list[Check]]


def start(
    team: Team,
    user: Any,
    trials: Sequence[Trial],
    regions: Sequence[Region],
    now: datetime,
    *,
    silent: Mapping[int, Reason],
    monitor: Monitor | None = None,
    address: str = "",
) -> Started:
    """Write a run down, within the caller's transaction; who publishes what is to be sent does so after it.

    `silent`: regions that are not asked, and why. `address`: what a proposal is to be made of. Raises
    TooManyTestsError."""
    Team.objects.select_for_update().get(pk=team.pk)  # two clicks at once count as two
    _limit(team, now)
    run = TestRun.objects.create(
        team=team,
        created_by=user,
        monitor=monitor,
        created_at=now,
        due_at=now + timedelta(milliseconds=max(each.timeout_ms for each in trials)) + PATIENCE,
        expires_at=now + LIFE,
        checks=[
            {"key": each.key, "kind": each.kind, "target": shown(each.target), "timeout_ms": each.timeout_ms}
            for each in trials
        ],
        address=address or None,
    )
    troubles = {region: _trouble(region, silent) for region in regions}
    TestAnswer.objects.bulk_create(
        TestAnswer(run=run, number=number, region=region, trouble=trouble)
        for number in range(len(trials))
        for region, trouble in troubles.items()
    )
    checks = [_check(run, number, each, now) for number, each in enumerate(trials)]
    return Started(run, {region: checks for region, trouble in troubles.items() if not trouble})


def not_sent(run: TestRun, region: Region) -> None:
    """The broker took nothing of a run for a region: nobody need wait for it."""
    run.answers.filter(region=region, came_at=None).update(trouble=Trouble.UNSENT)


def take(region: Region, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Keep what `region` saw of runs that asked it; returns how many were kept. May run twice.

    The first word counts. Ignored is what nobody asked this region, or what comes when the run has expired."""
    return sum(_keep(region, each, now) for each in outcomes)


def prune(now: datetime) -> int:
    """Remove expired runs with their answers, at most PIECE; returns how many runs went."""
    expired = list(TestRun.objects.filter(expires_at__lt=now).values_list("pk", flat=True)[:PIECE])
    TestRun.objects.filter(pk__in=expired).delete()
    return len(expired)


def shown(target: str) -> str:
    """A target without the values of its query, which may be somebody's key."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return target
    return parts._replace(query="…").geturl() if parts.scheme and parts.query else target


def _limit(team: Team, now: datetime) -> None:
    recent = TestRun.objects.filter(team=team, created_at__gt=now - PER).order_by("-created_at")
    nth = recent.values_list("created_at", flat=True)[MOST - 1 : MOST].first()
    if nth:
        raise TooManyTestsError(max(1, round((nth + PER - now).total_seconds())))


def _trouble(region: Region, silent: Mapping[int, Reason]) -> str:
    if not region.enabled:
        return Trouble.OFF
    if region.pk in silent:
        return Trouble.OFFLINE if silent[region.pk] == Reason.REGION_OFFLINE else Trouble.UNSENT
    return ""


def _check(run: TestRun, number: int, trial: Trial, now: datetime) -> Check:
    """A check that names its run where another one names its monitor, and its place in it as the version."""
    return Check(
        monitor=run.pk,
        slot=to_ms(now),
        version=number,
        kind=trial.kind,
        target=trial.target,
        timeout_ms=trial.timeout_ms,
        lateness_ms=LATENESS_MS,
        options=trial.options,
    )


def _keep(region: Region, outcome: Outcome, now: datetime) -> int:
    asked = TestAnswer.objects.filter(
        run=outcome.monitor,
        number=outcome.version,
        region=region,
        came_at=None,
        trouble__in=["", Trouble.UNSENT],  # a broker that reported trouble may have taken it all the same
        run__expires_at__gt=now,
    )
    try:
        with transaction.atomic():
            return asked.update(outcome=outcome.to_wire(), came_at=now, trouble="")
    except (DataError, ValueError):  # a NUL or half a character, which only evidence can hold
        logger.warning("What region %s saw of test %s is kept without evidence", region.slug, outcome.monitor)
        return asked.update(outcome=replace(outcome, evidence=None).to_wire(), came_at=now, trouble="")


def read(answer: TestAnswer) -> Outcome | None:
    """The outcome a region gave; None while there is none."""
    return Outcome.from_wire(answer.outcome) if answer.outcome else None
