"""Why a heartbeat went down, and what is expected of it, in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from monitors.domain.heartbeat import Cause, Move
from monitors.domain.slots import Ms
from monitors.judged.schedules import in_words, zone_of
from uptime.lib.durations import words

HALF_A_DAY = timedelta(hours=12)
MINUTES_MATTER = 300  # seconds of grace from which on nobody counts seconds


def why_down(options: Mapping[str, Any], move: Move) -> str:
    """One sentence without its full stop; times are in the zone of the schedule."""
    grace = f"{words(options['grace'])} of grace"
    if move.cause is Cause.JOB_FAILED:
        return "The job said it failed" + (f": exit code {move.exit_code}" if move.exit_code else "")
    assert move.due is not None  # noqa: S101 - the other causes have one
    if move.cause is Cause.NOT_FINISHED:
        return f"The job started at {_clock(options, move.due, move.at)} and did not finish within its {grace}"
    last = "No ping" if move.last_ping is None else f"No ping since {_clock(options, move.last_ping, move.at)}"
    return f"{last}; it was due at {_clock(options, move.due, move.at)} and had {grace}"


def expectation(options: Mapping[str, Any]) -> str:
    """The schedule and its grace: "Every 1 h, with 5 min of grace"."""
    return f"{in_words(options)}, with {words(options['grace'])} of grace"


def _clock(options: Mapping[str, Any], ms: Ms, seen_from: Ms) -> str:
    """A time of day; with its date where that is long ago, with its seconds where they matter."""
    zone = zone_of(options)
    moment, seen = datetime.fromtimestamp(ms / 1000, zone), datetime.fromtimestamp(seen_from / 1000, zone)
    clock = f"{moment:%H:%M:%S}" if options["grace"] < MINUTES_MATTER else f"{moment:%H:%M}"
    return f"{moment:%Y-%m-%d} {clock} {zone.key}" if seen - moment > HALF_A_DAY else f"{clock} {zone.key}"
