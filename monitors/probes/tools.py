"""What the runs of an engine share, and what must hold for each of them whatever happens."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from monitors.domain.verdict import Vote
from monitors.probes.aside import Aside
from monitors.probes.base import Outcome
from monitors.probes.evidence import Memory
from monitors.probes.kinds import Finding
from monitors.probes.reasons import Reason
from monitors.probes.talk import Talks
from monitors.probes.transfer import Transfers
from uptime.lib.loop import Loop
from uptime.lib.net import Guard
from uptime.lib.resolver import Resolver

if TYPE_CHECKING:
    from monitors.probes.run import Run

log = logging.getLogger(__name__)

STANDSTILL_S = 1.0  # past a deadline; an engine that is merely busy is later by some hundredths
F = TypeVar("F", bound=Callable[..., None])


@dataclass(slots=True)
class Tools:
    """What all runs of an engine share."""

    loop: Loop
    resolver: Resolver
    transfers: Transfers
    talks: Talks
    aside: Aside
    guard: Guard
    memory: Memory
    finished: "Callable[[Run, Outcome], None]"


def accounted(method: F) -> F:
    """An exception must not leave a check without an outcome."""

    @wraps(method)
    def wrapped(run: "Run", *arguments: Any) -> None:
        try:
            method(run, *arguments)
        except Exception as error:
            log.exception("the check of monitor %s failed in %s", run.check.monitor, method.__name__)
            run.finish(Finding(Reason.LOCAL_ERROR, f"Internal error: {type(error).__name__}"))
            run.drop()

    return wrapped  # type: ignore[return-value]


def excused(finding: Finding, deadline: float) -> Finding:
    """A failure that is found long past the deadline is ours: this process stood still, and so did nobody else."""
    over_s = time.monotonic() - deadline if deadline else 0.0
    if over_s < STANDSTILL_S or finding.reason is None or finding.reason.vote is not Vote.DOWN:
        return finding
    return Finding(Reason.LOCAL_ERROR, f"This region's worker stood still for {over_s:.0f} s")
