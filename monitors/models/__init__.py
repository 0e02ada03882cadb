"""What we watch, and what we saw."""

from monitors.domain.verdict import Status
from monitors.models.history import Gap, Round, StatusInterval, Tick
from monitors.models.monitors import STATUSES, ExtraSlot, Monitor, Schedule, State, WhenBlind
from monitors.models.pipeline import DeadLetter, Pulse
from monitors.models.regions import Region, RegionTrouble, RegionWorker

__all__ = [
    "STATUSES",
    "DeadLetter",
    "ExtraSlot",
    "Gap",
    "Monitor",
    "Pulse",
    "Region",
    "RegionTrouble",
    "RegionWorker",
    "Round",
    "Schedule",
    "State",
    "Status",
    "StatusInterval",
    "Tick",
    "WhenBlind",
]
