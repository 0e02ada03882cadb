"""What the OpenAPI document says about incidents."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from incidents.models import Incident
from monitors.api_schema import A_MOMENT, COMMON, INVALID, TEXT, TIME, MonitorSchema, ref, refusal
from monitors.api_schema import FILTERS as MONITOR_FILTERS

__all__ = ["COMMON", "FILTERS", "ID", "INVALID", "MISSING", "TIMELINE", "IncidentSchema", "body", "many", "one"]

MAYBE = {**TEXT, "nullable": True}
EXAMPLE = {"summary": "The warehouse cannot print labels", "description": "Since the update of the driver"}


def _attributes() -> dict[str, Any]:
    return {
        "name": {**TEXT, "description": "Of its monitor, or its own."},
        "url": MAYBE,
        "cause": TEXT,
        "kind": {**TEXT, "enum": list(Incident.Kind.values)},
        "status": {**TEXT, "enum": ["Started", "Acknowledged", "Validating", "Resolved"]},
        "flapping": {"type": "boolean", "description": "Its monitor keeps changing: nobody hears until it is steady."},
        "started_at": TIME,
        "acknowledged_at": TIME,
        "acknowledged_by": MAYBE,
        "resolved_at": TIME,
        "resolved_by": {**MAYBE, "description": "Who resolved it by hand."},
        "regions": {"type": "array", "items": TEXT},
        "team_name": TEXT,
        "postmortem": {**MAYBE, "description": "In Markdown."},
    }


def _resource(name: str, attributes: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "example": {"id": "7", "type": name, "attributes": example},
        "properties": {
            "id": TEXT,
            "type": {**TEXT, "enum": [name]},
            "attributes": {"type": "object", "properties": attributes},
        },
    }


def _settings(example: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "example": example}


def components() -> dict[str, Any]:
    seen = {"name": "Shop", "cause": "Answered 500.", "status": "Started", "started_at": A_MOMENT}
    person = {**TEXT, "description": "An email address of a member, or any name."}
    return {
        "Incident": _resource("incident", _attributes(), seen),
        "IncidentSettings": _settings(
            EXAMPLE,
            summary={**TEXT, "description": "What is wrong, in a sentence. Needed."},
            name=TEXT,
            description=TEXT,
            requester_email=person,
            monitor_id={**TEXT, "description": "Whose policy says who is told."},
            team_name=TEXT,
        ),
        "Acknowledged": _settings({"acknowledged_by": "ann@example.com"}, acknowledged_by=person),
        "Resolved": _settings({"resolved_by": "ann@example.com"}, resolved_by=person),
        "Comment": _resource("comment", {"content": TEXT, "user_name": TEXT, "created_at": TIME}, {"content": "Seen."}),
        "CommentSettings": _settings({"content": "Seen."}, content=TEXT),
    }


class IncidentSchema(MonitorSchema):
    components = staticmethod(components)


def one(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"data": ref(name)}}


def many(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"data": {"type": "array", "items": ref(name)}, "pagination": ref("Pagination")},
    }


def body(name: str) -> dict[str, Any]:
    return {"application/json": ref(name)}


TIMELINE = {
    "type": "object",
    "properties": {
        "data": {
            "type": "array",
            "items": {"type": "object", "properties": {"item_type": TEXT, "at": TIME, "data": {"type": "object"}}},
        }
    },
}
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The `id` it is listed with.")
FILTERS = [
    OpenApiParameter("from", str, description="Begun on this day (UTC) or later, such as 2026-12-24."),
    OpenApiParameter("to", str, description="Begun on this day (UTC) or earlier."),
    OpenApiParameter("monitor_id", str, description="Only those of this monitor."),
    OpenApiParameter("resolved", bool, description="Only resolved ones, or only open ones."),
    OpenApiParameter("acknowledged", bool, description="Only acknowledged ones, or only others."),
    OpenApiParameter("status", str, description="Started, Acknowledged, Validating or Resolved."),
    *MONITOR_FILTERS[-2:],
]
MISSING = refusal("There is none with this id, or it is not yours.", "Resource type incident with id = 7 was not found")
