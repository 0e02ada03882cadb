"""What the OpenAPI document says about heartbeats, read from the options of their kind."""

from typing import Any

from django import forms
from drf_spectacular.utils import OpenApiParameter

from monitors.api_schema import (
    A_MOMENT,
    COMMON,
    FILTERS,
    FLAG,
    INVALID,
    POLICY,
    TEXT,
    TIME,
    WHOLE,
    MonitorSchema,
    ref,
    refusal,
)
from monitors.judged import schedules
from monitors.judged.heartbeat import A_YEAR, LEAST_PERIOD, DurationField, Options
from monitors.serializers_heartbeats import ABSENT, FIELDS, REQUIRED, wire_name

STATUSES = ["pending", "up", "down", "paused"]
WORDS = {
    "name": "What lists and messages call it.",
    "slug": "Its short name in ping addresses that have the team's key. Left out: made of its name.",
    "period": "Seconds between two pings at the most. Only where `schedule` is `period`.",
    "grace": "Seconds a ping may be late, and a job that said it started may run.",
    "server_timezone": "The time zone of `expression`, such as Europe/Berlin.",
}
LIMITS = {"period": {"minimum": LEAST_PERIOD, "maximum": A_YEAR}, "grace": {"minimum": 0, "maximum": A_YEAR}}
OBSERVED: dict[str, Any] = {
    "url": {**TEXT, "format": "uri", "description": "Where it is pinged, as Better Stack's clients do."},
    "ping_url": {**TEXT, "format": "uri", "description": "Where it is pinged, as Healthchecks' clients do."},
    "status": {**TEXT, "enum": STATUSES, "description": "`pending` until its first ping."},
    "flags": {
        "type": "array",
        "items": {**TEXT, "enum": ["late", "flapping"]},
        "description": "`late`: a ping is due, and its time of grace is not over. `flapping`: it keeps changing.",
    },
    "paused_at": TIME,
    "last_ping_at": {**TIME, "description": "Of the last success or failure."},
    "due_at": {**TIME, "description": "When the next ping is due, while it is up."},
    "pings": {**WHOLE, "description": "How many there were."},
    "last_reason": {
        **TEXT,
        "nullable": True,
        "enum": ["no_ping", "not_finished", "job_failed"],
        "description": "Why it went down.",
    },
    "last_detail": {**TEXT, "nullable": True, "description": "The same as a sentence."},
    "last_duration_ms": {"type": "number", "nullable": True, "description": "Of the last run that said it started."},
    "created_at": TIME,
    "updated_at": TIME,
}
EXAMPLE = {"name": "Nightly backup", "period": 86_400, "grace": 3_600}
SEEN: dict[str, Any] = {
    "url": "http://127.0.0.1:8000/api/v1/heartbeat/4c6a2d7e9b1f3a5c8d0e2f41",
    "ping_url": "http://127.0.0.1:8000/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278",
    "slug": "nightly-backup",
    "status": "up",
    "flags": [],
    "team_name": "alice's team",
    "paused_at": None,
    "last_ping_at": A_MOMENT,
    "due_at": "2026-02-01T12:00:00.000Z",
    "pings": 41,
    "policy_id": None,
    "last_reason": None,
    "last_detail": None,
    "last_duration_ms": 61_250.0,
    "created_at": A_MOMENT,
    "updated_at": A_MOMENT,
}


def components():
    """The objects of this API, by name."""
    settings = _settings()
    absent = {
        name: {"nullable": True, "description": f"Always `{str(value).lower().replace('none', 'null')}` so far."}
        for name, value in ABSENT.items()
    }
    usual = {name: part.get("default", False if part["type"] == "boolean" else "") for name, part in settings.items()}
    attributes = {**settings, **OBSERVED, **absent}
    example = {"id": "8", "type": "heartbeat", "attributes": {**ABSENT, **usual, **EXAMPLE, **SEEN}}
    return {
        "Heartbeat": {
            "type": "object",
            "example": example,
            "properties": {
                "id": TEXT,
                "type": {**TEXT, "enum": ["heartbeat"]},
                "attributes": ref("HeartbeatAttributes"),
            },
        },
        "HeartbeatAttributes": {"type": "object", "properties": attributes},
        "HeartbeatSettings": {
            "type": "object",
            "description": "What may be set. What is left out keeps its value, or has its default in a new heartbeat; "
            "`null` is the default. Everything else in a body is ignored.",
            "required": ["name", *REQUIRED],
            "properties": settings,
            "example": EXAMPLE,
        },
    }


def _settings():
    found = {wire_name(name): _shape(wire_name(name), field) for name, field in FIELDS.items()}
    found["paused"] = {**FLAG, "default": False, "description": "Whether nothing is expected of it at present."}
    found["policy_id"] = POLICY
    found["team_name"] = {**TEXT, "description": "The team a new heartbeat belongs to. Left out: your own."}
    return found


def _shape(wire, field):
    text = WORDS.get(wire) or f"{field.label}. {field.help_text}".strip()
    if isinstance(field, DurationField):
        shape = {**WHOLE, **LIMITS[wire]}
    elif field is Options.base_fields["schedule"]:
        shape = {**TEXT, "enum": [value for value, _ in schedules.CHOICES]}
    else:
        shape = dict(FLAG if isinstance(field, forms.BooleanField) else TEXT)
    default = {"default": field.initial} if field.initial is not None else {}
    return {**shape, **default, "description": text}


class HeartbeatSchema(MonitorSchema):
    components = staticmethod(components)


ONE = {"type": "object", "properties": {"data": ref("Heartbeat")}}
MANY = {
    "type": "object",
    "properties": {"data": {"type": "array", "items": ref("Heartbeat")}, "pagination": ref("Pagination")},
}
BODY = {"application/json": ref("HeartbeatSettings")}
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The heartbeat's `id`.")
PAGE = [each for each in FILTERS if each.name in {"page", "per_page"}]
MISSING = refusal(
    "There is none with this id, or it is not yours.", "Resource type heartbeat with id = 8 was not found"
)

__all__ = ["BODY", "COMMON", "ID", "INVALID", "MANY", "MISSING", "ONE", "PAGE", "HeartbeatSchema"]
