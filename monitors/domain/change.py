"""What may become of a monitor."""

from enum import StrEnum


class Change(StrEnum):
    """The kinds of transition."""

    STARTED = "started"  # pending -> up: the first good news, told to nobody
    DOWN = "down"  # up or pending -> down: an incident opens
    UP = "up"  # down -> up: the incident is resolved
    NODATA = "nodata"  # nothing decided for too long: the verdict stays, but it is no longer shown as measured
    MEASURED = "measured"  # the first decided round after that
