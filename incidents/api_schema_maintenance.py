"""What the OpenAPI document says about maintenance."""

from typing import Any

from incidents.api_schema import COMMON, ID, INVALID, MAYBE, body, many, one
from incidents.maintenance_links import MOST_MINUTES
from monitors.api_schema import A_MOMENT, FILTERS, FLAG, TEXT, TIME, WHOLE, MonitorSchema, refusal

__all__ = ["COMMON", "ID", "INVALID", "MISSING", "PAGE", "MaintenanceSchema", "body", "many", "one"]

IDS = {"type": "array", "items": TEXT}
EXAMPLE = {
    "name": "Backups",
    "starts_at": "2026-12-24T02:00:00",
    "length": 1800,
    "rule": "FREQ=DAILY",
    "time_zone": "Europe/Berlin",
    "monitor_ids": ["7"],
}


def _settings() -> dict[str, Any]:
    return {
        "name": {**TEXT, "description": "Needed."},
        "starts_at": {
            **TEXT,
            "description": "When it begins for the first time: a moment with an offset, or one by the clock of "
            "`time_zone`. Left out: now.",
        },
        "length": {**WHOLE, "default": 3600, "description": "Seconds, from 60 to 2592000."},
        "rule": {**MAYBE, "description": "How it recurs: an RRULE (RFC 5545). Left out: once."},
        "time_zone": {**TEXT, "description": "Whose clock it recurs by. Left out: your own."},
        "everything": {**FLAG, "default": False, "description": "All monitors of the team, new ones too."},
        "monitor_ids": {**IDS, "description": "Needed without `everything`. Heartbeats may be among them."},
        "team_name": {**TEXT, "description": "The team a new one belongs to. Left out: your own."},
    }


def components() -> dict[str, Any]:
    times = {"type": "object", "properties": {"starts_at": TIME, "ends_at": TIME}}
    observed = {
        "under_way": FLAG,
        "coming": {"type": "array", "items": times, "description": "The time under way, and the next ones."},
        "ended_at": TIME,
        "created_at": TIME,
    }
    minutes = {**WHOLE, "minimum": 1, "maximum": MOST_MINUTES, "description": "Needed."}
    seen = {**EXAMPLE, "under_way": False, "coming": [{"starts_at": A_MOMENT, "ends_at": A_MOMENT}]}
    return {
        "Maintenance": {
            "type": "object",
            "example": {"id": "7", "type": "maintenance", "attributes": seen},
            "properties": {
                "id": TEXT,
                "type": {**TEXT, "enum": ["maintenance"]},
                "attributes": {"type": "object", "properties": {**_settings(), **observed}},
            },
        },
        "MaintenanceSettings": {"type": "object", "properties": _settings(), "example": EXAMPLE},
        "MaintenanceStart": {
            "type": "object",
            "properties": {
                "minutes": minutes,
                "monitor_ids": {**IDS, "description": "Left out: all of the team."},
                "name": TEXT,
                "team_name": TEXT,
            },
            "example": {"minutes": 30, "monitor_ids": ["7"]},
        },
    }


class MaintenanceSchema(MonitorSchema):
    components = staticmethod(components)


PAGE = FILTERS[-2:]
MISSING = refusal(
    "There is none with this id, or it is not yours.", "Resource type maintenance with id = 7 was not found"
)
