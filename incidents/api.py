"""/api/v2/incidents and /api/v3/incidents in the wire format of Better Stack.

What goes in passes the same forms as the pages; whatever a person may not see is not found.
"""

from datetime import UTC, datetime, timedelta

from django.db.models import Q
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response

from accounts.models import User
from incidents import api_schema as words
from incidents import handling, serializers
from incidents.domain.lifecycle import Status
from incidents.forms import CommentForm, DeclareForm
from incidents.handling import Person
from incidents.models import Incident, TimelineEntry
from incidents.queries import standing
from monitors.api import chosen_team
from uptime.api import Pagination, ResourceView

STATUSES = {each.value for each in Status} - {Status.UNCONFIRMED}


class IncidentPages(Pagination):
    per_page, most = 10, 50


class IncidentView(ResourceView):
    schema = words.IncidentSchema()
    noun = "incident"

    def all(self, request):
        return Incident.objects.visible_to(request.user).select_related("monitor__state", "team", "acknowledged_by")

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": serializers.incident(self.all(request).get(pk=pk))}, status=code)

    def act(self, request, id, verb, by=""):
        """`by`: the field of the body that names on whose behalf this is done."""
        incident = self.found(request, id)
        try:
            verb(incident, _person(request, by))
        except handling.RefusedError as refusal:
            raise exceptions.ValidationError({"base": [str(refusal)]}) from refusal
        return self.answer(request, incident.pk)


def _person(request, field):
    """The member whom the body names by email, whatever other name it gives, or the caller."""
    name = request.data.get(field) if field else None
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return Person.of(request.user)
    user = User.objects.filter(email__iexact=name.strip(), teams__in=request.user.teams.all()).first()
    return Person.of(user) if user else Person(name.strip())


class Incidents(IncidentView):
    @extend_schema(
        operation_id="incidents_list",
        summary="List incidents",
        description="Those of all your teams, the newest first.",
        tags=["Incidents"],
        parameters=words.FILTERS,
        responses={200: OpenApiResponse(words.many("Incident"), "A page of incidents."), **words.COMMON},
    )
    def get(self, request):
        found = _filtered(self.all(request), request.query_params).order_by("-started_at", "-id")
        return self.page(request, found, serializers.incident, IncidentPages)

    @extend_schema(
        operation_id="incidents_create",
        summary="Open a manual incident",
        description="People are told of it as of an outage, until somebody resolves it.",
        tags=["Incidents"],
        request=words.body("IncidentSettings"),
        responses={201: OpenApiResponse(words.one("Incident"), "Opened."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        team = chosen_team(request)
        form = DeclareForm({**request.data, "monitor": request.data.get("monitor_id")}, team=team)
        if not form.is_valid():
            raise exceptions.ValidationError(
                {("monitor_id" if k == "monitor" else k): [str(each) for each in v] for k, v in form.errors.items()}
            )
        made = handling.declare(team, _person(request, "requester_email"), **form.cleaned_data)
        return self.answer(request, made.pk, status.HTTP_201_CREATED)


def _filtered(found, wanted):
    if "from" in wanted or "to" in wanted:
        first, last = (_day(wanted, name) for name in ("from", "to"))
        found = found.filter(started_at__gte=first) if first else found
        found = found.filter(started_at__lt=last + timedelta(days=1)) if last else found
    for name in ("monitor_id", "heartbeat_id"):
        if name in wanted:
            text = wanted[name]
            known = text.isascii() and text.isdigit() and len(text) < 19
            found = found.filter(monitor=int(text)) if known else found.none()
    for name in ("resolved", "acknowledged"):
        if name in wanted:
            nothing = Q(**{f"{name}_at": None})
            found = found.filter(~nothing if wanted[name].lower() in {"true", "1"} else nothing)
    if "status" in wanted:
        said = wanted["status"].lower()
        found = found.filter(standing(said)) if said in STATUSES else found.none()
    return found


def _day(wanted, name):
    if name not in wanted:
        return None
    try:
        return datetime.strptime(wanted[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise exceptions.ValidationError({name: ["Write the day as in 2026-12-24."]}) from error


class OneIncident(IncidentView):
    @extend_schema(
        operation_id="incidents_read",
        summary="Read an incident",
        tags=["Incidents"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.one("Incident"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": serializers.incident(self.found(request, id))})

    @extend_schema(
        operation_id="incidents_delete",
        summary="Delete a manual incident",
        tags=["Incidents"],
        parameters=[words.ID],
        responses={204: OpenApiResponse(None, "Deleted."), 404: words.MISSING, 422: words.INVALID, **words.COMMON},
    )
    def delete(self, request, id):
        try:
            handling.delete(self.found(request, id))
        except handling.RefusedError as refusal:
            raise exceptions.ValidationError({"base": [str(refusal)]}) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)


ACTED = {200: OpenApiResponse(words.one("Incident"), "Done."), 404: words.MISSING, 422: words.INVALID, **words.COMMON}


class Acknowledge(IncidentView):
    @extend_schema(
        operation_id="incidents_acknowledge",
        summary="Acknowledge an incident",
        description="Nobody else is told from then on. `acknowledged_by`: an email address or a name; left out, you.",
        tags=["Incidents"],
        parameters=[words.ID],
        request=words.body("Acknowledged"),
        responses=ACTED,
    )
    def post(self, request, id):
        return self.act(request, id, handling.acknowledge, "acknowledged_by")


class Resolve(IncidentView):
    @extend_schema(
        operation_id="incidents_resolve",
        summary="Resolve an incident",
        description="An outage does not open again by itself while its monitor stays down.",
        tags=["Incidents"],
        parameters=[words.ID],
        request=words.body("Resolved"),
        responses=ACTED,
    )
    def post(self, request, id):
        return self.act(request, id, handling.resolve, "resolved_by")


class Reopen(IncidentView):
    @extend_schema(
        operation_id="incidents_reopen",
        summary="Reopen an incident",
        tags=["Incidents"],
        parameters=[words.ID],
        request=None,
        responses=ACTED,
    )
    def post(self, request, id):
        return self.act(request, id, handling.reopen)


class Timeline(IncidentView):
    @extend_schema(
        operation_id="incidents_timeline",
        summary="Read the timeline of an incident",
        tags=["Incidents"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.TIMELINE, "In order."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": serializers.timeline(self.found(request, id))})


class Comments(IncidentView):
    @extend_schema(
        operation_id="incidents_comments",
        summary="List the comments on an incident",
        tags=["Incidents"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.many("Comment"), "In order."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        found = self.found(request, id).timeline.filter(kind=TimelineEntry.Kind.COMMENT)
        return Response({"data": [serializers.comment(entry) for entry in found]})

    @extend_schema(
        operation_id="incidents_comment",
        summary="Comment on an incident",
        tags=["Incidents"],
        parameters=[words.ID],
        request=words.body("CommentSettings"),
        responses={201: OpenApiResponse(words.one("Comment"), "Written."), 404: words.MISSING, 422: words.INVALID,
                   **words.COMMON},
    )  # fmt: skip
    def post(self, request, id):
        incident = self.found(request, id)
        form = CommentForm({"text": request.data.get("content")})
        if not form.is_valid():
            raise exceptions.ValidationError({"content": [str(each) for each in form.errors["text"]]})
        entry = handling.comment(incident, Person.of(request.user), form.cleaned_data["text"])
        return Response({"data": serializers.comment(entry)}, status=status.HTTP_201_CREATED)


class IncidentsV3(Incidents):
    """The same under the address newer clients use; likewise those below."""

    schema = None  # type: ignore[assignment]


class OneIncidentV3(OneIncident):
    schema = None  # type: ignore[assignment]


class AcknowledgeV3(Acknowledge):
    schema = None  # type: ignore[assignment]


class ResolveV3(Resolve):
    schema = None  # type: ignore[assignment]


class ReopenV3(Reopen):
    schema = None  # type: ignore[assignment]


class TimelineV3(Timeline):
    schema = None  # type: ignore[assignment]
