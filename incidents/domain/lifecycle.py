"""Where an incident stands, and what may be done with it.

Unconfirmed is shown while a monitor is confirming: nothing is stored of that, so it never is the status of an incident.
Standard library only.
"""

from datetime import datetime
from enum import StrEnum

VALIDATING = "validating"  # the status of a monitor that answers again and whose recovery is pending


class Status(StrEnum):
    """Where an incident stands."""

    UNCONFIRMED = "unconfirmed"
    STARTED = "started"
    ACKNOWLEDGED = "acknowledged"
    VALIDATING = "validating"
    RESOLVED = "resolved"


class Act(StrEnum):
    """What people do with an incident."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    DELETE = "delete"


def status(resolved_at: datetime | None, acknowledged_at: datetime | None, monitor_status: str) -> Status:
    """`monitor_status`: how its monitor stands; empty where that says nothing about the incident.

    That it answers again is newer, and says more, than that somebody sees to it.
    """
    if resolved_at is not None:
        return Status.RESOLVED
    if monitor_status == VALIDATING:
        return Status.VALIDATING
    return Status.STARTED if acknowledged_at is None else Status.ACKNOWLEDGED


def refusal(act: Act, *, resolved: bool, acknowledged: bool, manual: bool, another_open: bool = False) -> str:
    """Why `act` may not be done, as a sentence; empty where it may. `another_open`: of the same monitor and kind."""
    match act:
        case Act.ACKNOWLEDGE if resolved:
            why = "It is resolved: there is nothing left to acknowledge."
        case Act.ACKNOWLEDGE if acknowledged:
            why = "Somebody has acknowledged it already."
        case Act.RESOLVE if resolved:
            why = "It is resolved already."
        case Act.REOPEN if not resolved:
            why = "It is open already."
        case Act.REOPEN if another_open:
            why = "Its monitor has another open incident. Go on there."
        case Act.DELETE if not manual:
            why = "Only manual incidents can be deleted: the others are what was seen."
        case _:
            why = ""
    return why
