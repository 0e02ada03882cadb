"""What we watch, and what we saw."""

from monitors.domain.verdict import Status
from monitors.models.archive import ArchivedDay
from monitors.models.evidence import Evidence
from monitors.models.expiry import Expiry
from monitors.models.groups import GroupMember
from monitors.models.heartbeats import Heartbeat, IngestGap, Ping
from monitors.models.history import Gap, Round, StatusInterval, Tick
from monitors.models.monitors import STATUSES, ExtraSlot, Monitor, PlainRound, Schedule, State, WhenBlind
from monitors.models.pipeline import DeadLetter, Pulse
from monitors.models.politeness import Bucket, Pace
from monitors.models.regions import Region, RegionTrouble, RegionWorker
from monitors.models.rollups import DayRollup, FiveMinuteRollup, HourRollup, RolledUp, Rollup
from monitors.models.tests import TestAnswer, TestRun

__all__ = [
    "STATUSES",
    "ArchivedDay",
    "Bucket",
    "DayRollup",
    "DeadLetter",
    "Evidence",
    "Expiry",
    "ExtraSlot",
    "FiveMinuteRollup",
    "Gap",
    "GroupMember",
    "Heartbeat",
    "HourRollup",
    "IngestGap",
    "Monitor",
    "Pace",
    "Ping",
    "PlainRound",
    "Pulse",
    "Region",
    "RegionTrouble",
    "RegionWorker",
    "RolledUp",
    "Rollup",
    "Round",
    "Schedule",
    "State",
    "Status",
    "StatusInterval",
    "TestAnswer",
    "TestRun",
    "Tick",
    "WhenBlind",
]
