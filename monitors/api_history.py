"""What was, in the wire format of Better Stack: a monitor's availability between two days, and its response times."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.response import Response

from monitors import api_schema as words
from monitors import availability, charts
from monitors.api import MonitorView
from monitors.models import Region
from monitors.serializers import iso

DAY_WORDS = "Use a day like 2026-01-31."
NUMBER, SECONDS = {"type": "number", "nullable": True}, {"type": "number", "nullable": True, "description": "Seconds."}
SLA = {
    "availability": {**NUMBER, "description": "Per cent of the time that was measured; `null` where none was."},
    "coverage": {"type": "number", "description": "Per cent that was measured of the time that should have been."},
    "total_downtime": {"type": "integer", "description": "Seconds."},
    "number_of_incidents": {"type": "integer"},
    "longest_incident": {"type": "integer", "description": "Seconds of it that lie between the two days."},
    "average_incident": {"type": "integer", "description": "Seconds."},
}
SLA_EXAMPLE = {
    "availability": 99.98,
    "coverage": 100.0,
    "total_downtime": 518,
    "number_of_incidents": 2,
    "longest_incident": 300,
    "average_incident": 259,
}
TIMES = {
    "at": {"type": "string", "format": "date-time", "description": "Begin of the five minutes."},
    "response_time": {"type": "number", "description": "Seconds."},
    "name_lookup_time": SECONDS,
    "connection_time": SECONDS,
    "tls_handshake_time": SECONDS,
    "data_transfer_time": {**SECONDS, "description": "Seconds until the first byte and from there to the last."},
}
TIMES_EXAMPLE = {
    "at": words.A_MOMENT,
    "response_time": 0.1284,
    "name_lookup_time": 0.0021,
    "connection_time": 0.0204,
    "tls_handshake_time": 0.0312,
    "data_transfer_time": 0.0747,
}


def _answer(kind, attributes, example):
    """An OpenAPI answer with one object of `kind`."""
    shape = {
        "type": "object",
        "properties": {
            "data": {
                "type": "object",
                "properties": {
                    "id": words.TEXT,
                    "type": {**words.TEXT, "enum": [kind]},
                    "attributes": {"type": "object", "properties": attributes},
                },
            }
        },
    }
    return OpenApiResponse(shape, "Found.", [OpenApiExample(kind, _object(7, kind, example))])


def _object(pk, kind, attributes):
    return {"data": {"id": str(pk), "type": kind, "attributes": attributes}}


def _list_of(properties):
    return {"type": "array", "items": {"type": "object", "properties": properties}}


class MonitorSla(MonitorView):
    @extend_schema(
        operation_id="monitors_sla",
        summary="Read the availability of a monitor",
        description="Time in which nothing could be measured, or nothing was to be, counts neither as up nor as down.",
        tags=["Monitors"],
        parameters=[
            words.ID,
            OpenApiParameter("from", date, description="First day (UTC). Left out: since it was made."),
            OpenApiParameter("to", date, description="Last day (UTC), all of it. Left out: until now."),
        ],
        responses={
            200: _answer("monitor_sla", SLA, SLA_EXAMPLE),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def get(self, request, id):
        monitor, now = self.found(request, id), timezone.now()
        since = _day(request, "from") or monitor.created_at
        last = _day(request, "to")
        until = now if last is None else min(now, last + timedelta(days=1))
        if since >= until:
            raise exceptions.ValidationError({"from": ["The first day must not be after the last, nor after today."]})
        found = availability.sla(monitor, since, until)
        return Response(_object(monitor.pk, "monitor_sla", _sla(found)))


class MonitorResponseTimes(MonitorView):
    @extend_schema(
        operation_id="monitors_response_times",
        summary="Read the response times of a monitor",
        description="Means of five minutes each, of the last 24 hours, by region. Five minutes without a good check "
        "are left out.",
        tags=["Monitors"],
        parameters=[words.ID],
        responses={
            200: _answer(
                "monitor_response_times",
                {"regions": _list_of({"region": words.TEXT, "response_times": _list_of(TIMES)})},
                {"regions": [{"region": "local", "response_times": [TIMES_EXAMPLE]}]},
            ),
            404: words.MISSING,
            **words.COMMON,
        },
    )
    def get(self, request, id):
        monitor = self.found(request, id)
        found = charts.five_minutes(monitor, timezone.now())
        slugs = Region.objects.filter(pk__in=found).values_list("pk", "slug")
        regions = [
            {"region": slug, "response_times": [_times(at, found[pk][at]) for at in sorted(found[pk])]}
            for pk, slug in slugs
        ]
        return Response(_object(monitor.pk, "monitor_response_times", {"regions": regions}))


def _day(request, name):
    """The begin of the day a parameter names; None where there is none. Raises ValidationError."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 -- a day has no zone yet
        return datetime.combine(min(day, date(9000, 1, 1)), time.min, UTC)
    except ValueError:
        raise exceptions.ValidationError({name: [DAY_WORDS]}) from None


def _sla(found):
    return {
        "availability": _percent(found.uptime.ratio),
        "coverage": _percent(found.uptime.coverage),
        "total_downtime": round(found.down),
        "number_of_incidents": len(found.lengths),
        "longest_incident": round(found.longest),
        "average_incident": round(found.average),
    }


def _percent(ratio):
    """Per cent, cut and never rounded: 100 means all of it."""
    return None if ratio is None else float((Decimal(str(ratio)) * 100).quantize(Decimal("0.0001"), ROUND_DOWN))


def _times(at, point):
    dns, connect, tls, first_byte, transfer = point.phases
    rest = [ms for ms in (first_byte, transfer) if ms is not None]
    return {
        "at": iso(datetime.fromtimestamp(at, UTC)),
        "response_time": _seconds(point.mean),
        "name_lookup_time": _seconds(dns),
        "connection_time": _seconds(connect),
        "tls_handshake_time": _seconds(tls),
        "data_transfer_time": _seconds(sum(rest) if rest else None),
    }


def _seconds(ms):
    return None if ms is None else round(ms / 1000, 4)
