"""Incidents, their timeline and comments as JSON in Better Stack's words."""

from typing import Any

from incidents.models import Incident, TimelineEntry
from monitors.serializers import iso


def incident(found: Incident) -> dict[str, Any]:
    monitor = found.monitor
    return {
        "id": str(found.pk),
        "type": "incident",
        "attributes": {
            "name": found.title,
            "url": found.what or None,
            "http_method": (monitor.options.get("method") or None) if monitor else None,
            "cause": found.summary,
            "kind": found.kind,
            "description": found.description or None,
            "incident_group_id": None,
            "started_at": iso(found.started_at),
            "acknowledged_at": iso(found.acknowledged_at),
            "acknowledged_by": found.acknowledger or None,
            "resolved_at": iso(found.resolved_at),
            "resolved_by": found.resolved_name or None,
            "resolution": found.resolution or None,
            "status": found.status.capitalize(),
            "flapping": found.flapping,
            "team_name": found.team.name,
            "regions": found.regions,
            "postmortem": found.postmortem or None,
            "response_content": None,
            "response_options": None,
            "response_url": None,
            "screenshot_url": None,
            "origin_url": None,
            "escalation_policy_id": None,
            "ssl_certificate_expires_at": None,
            "domain_expires_at": None,
            "metadata": {},
        },
        "relationships": {
            "monitor": {"data": {"id": str(monitor.pk), "type": "monitor"} if monitor else None},
        },
    }


def timeline(found: Incident) -> list[dict[str, Any]]:
    return [
        {
            "item_type": entry.kind,
            "at": iso(entry.at),
            "data": {
                "title": f"{entry.get_kind_display()} by {entry.who}" if entry.who else entry.get_kind_display(),
                "content": entry.text,
            },
        }
        for entry in found.timeline.all()
    ]


def comment(entry: TimelineEntry) -> dict[str, Any]:
    said = {"content": entry.text, "user_name": entry.who, "created_at": iso(entry.at), "updated_at": iso(entry.at)}
    return {"id": str(entry.pk), "type": "comment", "attributes": said}
