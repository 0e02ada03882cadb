"""From the statuses of its members to the status of a group: pure, and the same however often somebody looks.

Up and down members decide; one that is coming back still counts as down. One that is not measured, or not yet, could be
either: while it could tip the scales, the group is not measured either. One that is paused, deleted or in maintenance
is absent: the rule is applied to the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitors.domain.verdict import Status

DEPTH = 5  # groups within groups


class Rule(StrEnum):
    """When a group is up."""

    ALL = "all"
    ANY = "any"
    AT_LEAST = "at_least"
    WEIGHTED = "weighted"


@dataclass(frozen=True, slots=True)
class Member:
    status: Status
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Demand:
    """What a group asks of its members. `least`: members, for AT_LEAST; `share`: per cent of weight, for WEIGHTED."""

    rule: Rule
    least: int = 1
    share: int = 50

    def met(self, up: Sequence[Member], present: Sequence[Member]) -> bool:
        """Whether these members being up is enough; more than are present is never asked for."""
        match self.rule:
            case Rule.ALL:
                return len(up) == len(present)
            case Rule.ANY:
                return bool(up)
            case Rule.AT_LEAST:
                return len(up) >= min(self.least, len(present))
            case Rule.WEIGHTED:
                return 100 * _weight(up) >= self.share * _weight(present)


ABSENT = frozenset({Status.PAUSED, Status.MAINTENANCE})
EITHER = frozenset({Status.PENDING, Status.NODATA})


def status(members: Sequence[Member], demand: Demand) -> Status:
    """UP or DOWN where it would be so whatever the unknown members are; NODATA, or PENDING while all of them are new;
    and MAINTENANCE where nobody else is left."""
    present = [each for each in members if each.status not in ABSENT]
    if not present:
        return Status.MAINTENANCE if any(each.status is Status.MAINTENANCE for each in members) else Status.NODATA
    up = [each for each in present if each.status is Status.UP]
    unknown = [each for each in present if each.status in EITHER]
    if demand.met(up, present):
        return Status.UP
    if not demand.met([*up, *unknown], present):
        return Status.DOWN
    return Status.PENDING if all(each.status is Status.PENDING for each in unknown) else Status.NODATA


def _weight(members: Sequence[Member]) -> int:
    return sum(each.weight for each in members)
