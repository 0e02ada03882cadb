"""What the OpenAPI document says about channels, policies, mail templates and deliveries."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from alerts.channels.base import KINDS, Event
from alerts.models import Status, all_severities
from monitors.api_schema import A_MOMENT, COMMON, FILTERS, FLAG, INVALID, TEXT, TIME, WHOLE, MonitorSchema, ref, refusal

__all__ = [
    "COMMON", "DELIVERY_FILTERS", "ID", "INVALID", "MISSING", "PAGE", "AlertsSchema", "body", "list_of", "many", "one",
]  # fmt: skip

SEVERITIES = {"type": "array", "items": {**TEXT, "enum": all_severities()}}
MAYBE = {**TEXT, "nullable": True}
CHANNEL_EXAMPLE = {"kind": "webhook", "name": "Pager", "options": {"url": "https://example.com/hook"}}
POLICY_EXAMPLE = {
    "name": "By night",
    "repeat_count": 2,
    "repeat_delay": 600,
    "steps": [{"type": "escalation", "wait_before": 0, "step_members": [{"type": "entire_team"}]}],
}
MAIL_EXAMPLE = {"subject": "[$SEVERITY] $MONITOR is down", "text": "$TEXT\n\n$URL", "html": "<p>$TEXT</p>"}
_MAIL = {
    "subject": {**TEXT, "description": "With `$VARIABLES`, as in text and HTML; at most 200 characters."},
    "text": {**TEXT, "description": "At most 10000 characters."},
    "html": {**TEXT, "description": "What stands inside `<body>`; at most 50000 characters."},
}


def _channel_settings() -> dict[str, Any]:
    return {
        "kind": {**TEXT, "enum": KINDS.names, "description": "A channel keeps its kind."},
        "name": {**TEXT, "description": "Left out: where it leads."},
        "options": {"type": "object", "description": "What its kind asks for; secrets are answered masked."},
        "whose": {
            **TEXT,
            "enum": ["team", "me"],
            "default": "team",
            "description": "`me`: used where a policy names you.",
        },
        "severities": {**SEVERITIES, "description": "Of your own channel: what you want to hear of."},
        "fallback": {**MAYBE, "description": "The id of the channel that is told when this one fails."},
        "per_minute": {**WHOLE, "description": "Messages; more come in one digest."},
        "per_hour": {**WHOLE, "description": "Messages; more come in one digest."},
        "enabled": {**FLAG, "default": True},
        "team_name": {**TEXT, "description": "The team a new channel belongs to. Left out: your own."},
    }


def _policy_settings() -> dict[str, Any]:
    member = {
        "type": {
            **TEXT,
            "description": "`entire_team`, `current_on_call` (the owners), `user`, `channel`, `webhook`, …",
        },
        "id": {**TEXT, "description": "Of the user or the channel."},
        "email": {**TEXT, "description": "Of the user, instead of an id."},
    }
    step = {
        "type": {**TEXT, "enum": ["escalation"]},
        "wait_before": {**WHOLE, "description": "Seconds after the step before."},
        "severities": SEVERITIES,
        "step_members": {"type": "array", "items": {"type": "object", "properties": member}},
    }
    return {
        "name": TEXT,
        "repeat_count": {**WHOLE, "default": 0, "description": "Until somebody acknowledges."},
        "repeat_delay": {**WHOLE, "default": 1800, "description": "Seconds from the last step to the first again."},
        "steps": {"type": "array", "items": {"type": "object", "properties": step}},
        "remind_every": {**WHOLE, "enum": [0, 900, 3600, 21_600, 86_400], "default": 0, "description": "Seconds."},
        "tell_recovery": {**FLAG, "default": True},
        "tell_expiry": {**FLAG, "default": True, "description": "Certificates and domains that end soon."},
        "quiet_from": {**MAYBE, "description": "Such as 22:00. What is said in quiet hours waits until they are over."},
        "quiet_to": {**MAYBE, "description": "Such as 07:00."},
        "quiet_zone": {**MAYBE, "description": "Such as Europe/Berlin."},
        "quiet_days": {"type": "array", "items": WHOLE, "description": "On which they begin; 0 is Monday."},
        "quiet_up_to": {**TEXT, "enum": all_severities(), "default": "low", "description": "What waits."},
        "team_name": {**TEXT, "description": "The team a new policy belongs to. Left out: your own."},
    }


def _delivery() -> dict[str, Any]:
    return {
        "event": {**TEXT, "enum": [event.value for event in Event]},
        "severity": {**TEXT, "enum": all_severities()},
        "status": {**TEXT, "enum": [status.value for status in Status]},
        "title": MAYBE,
        "text": MAYBE,
        "why": {**TEXT, "description": "Which step of the policy it was."},
        "answer": {**MAYBE, "description": "The provider's, or what went wrong."},
        "attempts": WHOLE,
        "key": {**TEXT, "description": "The same when it is sent once more, as in `webhook-id`."},
        "channel_id": MAYBE,
        "channel_name": TEXT,
        "channel_kind": TEXT,
        "incident_id": MAYBE,
        "due_at": TIME,
        "next_attempt_at": TIME,
        "finished_at": TIME,
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


def components() -> dict[str, Any]:
    channel = {**_channel_settings(), "problem": MAYBE, "last_ok_at": TIME, "last_failed_at": TIME, "last_error": MAYBE}
    seen = {"event": "down", "status": "sent", "title": "Shop is down", "answer": "200 ok", "finished_at": A_MOMENT}
    return {
        "Channel": _resource("channel", channel, CHANNEL_EXAMPLE),
        "ChannelSettings": {"type": "object", "properties": _channel_settings(), "example": CHANNEL_EXAMPLE},
        "Policy": _resource("policy", {**_policy_settings(), "default": FLAG}, POLICY_EXAMPLE),
        "PolicySettings": {"type": "object", "properties": _policy_settings(), "example": POLICY_EXAMPLE},
        "MailTemplate": _resource("mail_template", {**_MAIL, "own": FLAG, "problem": MAYBE}, MAIL_EXAMPLE),
        "MailTemplateSettings": {"type": "object", "properties": _MAIL, "example": MAIL_EXAMPLE},
        "Delivery": _resource("delivery", _delivery(), seen),
    }


class AlertsSchema(MonitorSchema):
    components = staticmethod(components)


def one(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"data": ref(name)}}


def many(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"data": {"type": "array", "items": ref(name)}, "pagination": ref("Pagination")},
    }


def list_of(name: str) -> dict[str, Any]:
    """All there are, without pages."""
    return {"type": "object", "properties": {"data": {"type": "array", "items": ref(name)}}}


def body(name: str) -> dict[str, Any]:
    return {"application/json": ref(name)}


ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The `id` it is listed with.")
PAGE = FILTERS[-2:]
DELIVERY_FILTERS = [
    OpenApiParameter("status", str, description="Only deliveries in this state, such as `dead`."),
    OpenApiParameter("incident_id", str, description="Only deliveries about this incident."),
]
MISSING = refusal("There is none with this id, or it is not yours.", "Resource type channel with id = 7 was not found")
