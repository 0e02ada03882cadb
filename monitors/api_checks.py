"""/api/v2/monitors/<id>/checks: what single checks of a monitor came to, and all that is known of one."""

from datetime import timedelta

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.response import Response

from monitors import api_schema as words
from monitors import queries_evidence
from monitors.api import MonitorView
from monitors.domain.bundle import PHASES
from monitors.models import Evidence, Region, Tick
from monitors.probes.base import MAX_TIME
from monitors.probes.reasons import Reason
from monitors.serializers import iso
from monitors.times import from_ms, to_ms
from uptime.api import Pagination

A_DAY = timedelta(days=1)
SECONDS = {"type": "number", "nullable": True, "description": "Seconds."}
NULLABLE = {"type": "string", "nullable": True}
CHECK = {
    "region": {**words.TEXT, "description": "Short name of the region it was made from."},
    "at": {**words.TIME, "description": "The moment it was due."},
    "vote": {**words.TEXT, "enum": ["up", "down", "nodata"]},
    "reason": {**NULLABLE, "enum": [reason.value for reason in Reason], "description": "Why it was not up."},
    "detail": {**NULLABLE, "description": "The same as a sentence."},
    "response_code": {"type": "integer", "nullable": True, "description": "Status of the last answer."},
    "response_time": SECONDS,
    **{f"{name}_time": SECONDS for name in PHASES},
    "address": {**NULLABLE, "description": "The address that was connected to."},
    "attempts": {"type": "integer", "nullable": True},
    "has_evidence": {**words.FLAG, "description": "Whether its evidence is kept."},
}
DETAIL = {
    **CHECK,
    "response_url": {**NULLABLE, "description": "Where the last answer came from."},
    "response_content": {**NULLABLE, "description": "The beginning of the page, or of what the server said."},
    "response_options": {
        "type": "object",
        "nullable": True,
        "description": "The evidence as it was kept: names, addresses, certificates, redirects, headers, body. Secrets "
        "are masked. Its keys are in docs/evidence.md.",
    },
    "difference": {
        "type": "array",
        "items": words.TEXT,
        "description": "Of a failure: what became different since the last good check of the same region.",
    },
    "compared_with": {**words.TIME, "description": "When that was; `null` where there is none."},
}
EXAMPLE = {
    "region": "eu-west",
    "at": words.A_MOMENT,
    "vote": "down",
    "reason": "status",
    "detail": "Answered 503 Service Unavailable, expected 200-299",
    "response_code": 503,
    "response_time": 0.412,
    "dns_time": 0.004,
    "connect_time": 0.021,
    "tls_time": 0.043,
    "first_byte_time": 0.34,
    "transfer_time": 0.004,
    "address": "192.0.2.9",
    "attempts": 2,
    "has_evidence": True,
}
DETAIL_EXAMPLE = {
    **EXAMPLE,
    "response_url": "https://example.com/",
    "response_content": "<h1>Service unavailable</h1>",
    "response_options": {"status": 503, "address": "192.0.2.9", "headers": [["server", "nginx"]]},
    "difference": ["address 192.0.2.1 became 192.0.2.9", "status 200 became 503", "first byte +340 ms"],
    "compared_with": "2026-01-31T11:59:30.000Z",
}
SHAPE = {"id": words.TEXT, "type": {**words.TEXT, "enum": ["check"]}}
ONE = {
    "type": "object",
    "properties": {
        "data": {"type": "object", "properties": {**SHAPE, "attributes": {"type": "object", "properties": DETAIL}}}
    },
}
MANY = {
    "type": "object",
    "properties": {
        "data": {
            "type": "array",
            "items": {"type": "object", "properties": {**SHAPE, "attributes": {"type": "object", "properties": CHECK}}},
        },
        "pagination": {"type": "object"},
    },
}


def _example(attributes):
    return {"id": "eu-west/1769860800000", "type": "check", "attributes": attributes}


class MonitorChecks(MonitorView):
    @extend_schema(
        operation_id="monitors_checks",
        summary="List the checks of a monitor",
        description="Those of the last 24 hours, newest first.",
        tags=["Monitors"],
        parameters=[
            words.ID,
            OpenApiParameter("region", str, description="Only from the region of this short name."),
            OpenApiParameter("vote", str, enum=["up", "down", "nodata"], description="Only those with this vote."),
        ],
        responses={
            200: OpenApiResponse(MANY, "A page of checks.", [OpenApiExample("checks", {"data": [_example(EXAMPLE)]})]),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def get(self, request, id):
        monitor, params = self.found(request, id), request.query_params
        slugs = dict(Region.objects.values_list("pk", "slug"))
        ticks = Tick.objects.filter(monitor=monitor, slot__gte=timezone.now() - A_DAY, region_id__in=slugs)
        if "region" in params:
            ticks = ticks.filter(region_id__in=[pk for pk, slug in slugs.items() if slug == params["region"]])
        if "vote" in params:
            if params["vote"] not in ("up", "down", "nodata"):
                raise exceptions.ValidationError({"vote": ["Use up, down or nodata."]})
            ticks = ticks.filter(vote=params["vote"])
        pagination = Pagination()
        page = pagination.paginate_queryset(ticks.order_by("-slot", "region_id"), request)
        kept = _kept(monitor, page)
        data = [
            _object(slugs[tick.region_id], tick.slot, _check(tick, slugs, (tick.region_id, tick.slot) in kept))
            for tick in page
        ]
        return pagination.get_paginated_response(data)


class MonitorCheck(MonitorView):
    @extend_schema(
        operation_id="monitors_check",
        summary="Read a check with its evidence",
        description="Its `id` in the list is `<region>/<slot>`.",
        tags=["Monitors"],
        parameters=[
            words.ID,
            OpenApiParameter("region", str, OpenApiParameter.PATH, description="Short name of the region."),
            OpenApiParameter("slot", int, OpenApiParameter.PATH, description="`at` in milliseconds since 1970."),
        ],
        responses={
            200: OpenApiResponse(ONE, "Found.", [OpenApiExample("check", {"data": _example(DETAIL_EXAMPLE)})]),
            404: words.MISSING,
            **words.COMMON,
        },
    )
    def get(self, request, id, region, slot):
        monitor = self.found(request, id)
        place = Region.objects.filter(slug=region).defer("key").first()
        sight = queries_evidence.sight(monitor, place, from_ms(slot)) if place and slot <= MAX_TIME else None
        if sight is None:
            raise Http404(f"Resource type check with id = {region}/{slot} was not found")
        return Response({"data": _object(region, sight.slot, _detail(sight))})


def _object(region, slot, attributes):
    return {"id": f"{region}/{to_ms(slot)}", "type": "check", "attributes": attributes}


def _kept(monitor, ticks):
    """(region id, slot) of those whose evidence is kept."""
    if not ticks:
        return set()
    first, last = ticks[-1].slot, ticks[0].slot
    return set(
        Evidence.objects.filter(monitor=monitor, slot__gte=first, slot__lte=last).values_list("region_id", "slot")
    )


def _check(tick, slugs, has_evidence):
    return {
        "region": slugs[tick.region_id],
        "at": iso(tick.slot),
        "vote": tick.vote,
        "reason": tick.reason or None,
        "detail": tick.detail or None,
        "response_code": tick.status_code,
        "response_time": _seconds(tick.response_ms),
        **{f"{name}_time": _seconds(getattr(tick, f"{name}_ms")) for name in PHASES},
        "address": tick.address or None,
        "attempts": tick.attempts,
        "has_evidence": has_evidence,
    }


def _detail(sight):
    slugs = {sight.region.pk: sight.region.slug}
    bundle = sight.bundle
    content = (bundle.body.text if bundle.body else bundle.said) if bundle else ""
    known = _check(sight.tick, slugs, bundle is not None) if sight.tick else _without_tick(sight)
    return known | {
        "response_url": (bundle.url or None) if bundle else None,
        "response_content": content or None,
        "response_options": sight.evidence.bundle if sight.evidence else None,
        "difference": sight.changes,
        "compared_with": iso(sight.before.slot) if sight.before else None,
    }


def _without_tick(sight):
    """Its tick is older than ticks are kept; its evidence is there."""
    bundle = sight.bundle
    return dict.fromkeys(CHECK) | {
        "region": sight.region.slug,
        "at": iso(sight.slot),
        "vote": sight.vote,
        "response_code": bundle.status,
        "response_time": _seconds(bundle.response_ms),
        **{f"{name}_time": _seconds(bundle.phases.get(name)) for name in PHASES},
        "address": bundle.address or None,
        "has_evidence": True,
    }


def _seconds(ms):
    return None if ms is None else round(ms / 1000, 4)
