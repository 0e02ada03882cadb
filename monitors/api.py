"""/api/v2/monitors in the wire format of Better Stack: list, create, read, change, delete.

Whatever a person may not see is not found. What goes in passes the same form as the pages.
"""

from contextlib import suppress

from django.db import transaction
from django.db.models import Prefetch, Q
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response

from accounts.models import Team
from monitors import api_schema as words
from monitors.api_policy import body_and_policy
from monitors.models import Monitor, Region, Schedule
from monitors.probes.kinds import monitor_kinds
from monitors.queries_politeness import crowding as crowding_of
from monitors.serializers import MonitorBody, resource
from monitors.wire import join_port
from uptime import actions
from uptime.api import ResourceView, as_id


def find(user, text):
    """The monitor meant by an id somebody typed; None unless it is theirs. Its regions and state come with it."""
    pk = as_id(text)
    return None if pk is None else _monitors(user).filter(pk=pk).first()


def _monitors(user):
    regions = Prefetch("regions", Region.objects.defer("key"))  # nobody needs a region's key opened for a list
    return (
        Monitor.objects.visible_to(user).in_api().select_related("state", "team", "alerting").prefetch_related(regions)
    )


class MonitorView(ResourceView):
    schema = words.MonitorSchema()
    noun = "monitor"

    def all(self, request):
        return _monitors(request.user)

    def answer(self, request, pk, code=status.HTTP_200_OK):
        """The monitor as it is stored now, with what it will suffer from."""
        monitor = _monitors(request.user).get(pk=pk)
        crowding = crowding_of(monitor)
        warnings = {"warnings": [crowding]} if crowding else {}
        return Response({"data": resource(monitor), **warnings}, status=code)


class Monitors(MonitorView):
    @extend_schema(
        operation_id="monitors_list",
        summary="List monitors",
        description="Those of all your teams, oldest first.",
        tags=["Monitors"],
        parameters=words.FILTERS,
        responses={200: OpenApiResponse(words.MANY, "A page of monitors; none is no error."), **words.COMMON},
    )
    def get(self, request):
        return self.page(request, _filtered(self.all(request), request.query_params).order_by("id"), resource)

    @extend_schema(
        operation_id="monitors_create",
        summary="Create a monitor",
        description="It is checked at once. Only `url` is needed.",
        tags=["Monitors"],
        request=words.BODY,
        responses={201: OpenApiResponse(words.ONE, "Made."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body, choice = body_and_policy(MonitorBody, request, chosen_team(request))
        with transaction.atomic():
            monitor = body.save()
            choice.give(monitor)
        return self.answer(request, monitor.pk, status.HTTP_201_CREATED)


class OneMonitor(MonitorView):
    @extend_schema(
        operation_id="monitors_read",
        summary="Read a monitor",
        tags=["Monitors"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.ONE, "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": resource(self.found(request, id))})

    @extend_schema(
        operation_id="monitors_change",
        summary="Change a monitor",
        description="Takes effect at its next check. What the body leaves out stays as it is; `PUT` does the same.",
        tags=["Monitors"],
        parameters=[words.ID],
        request=words.BODY,
        responses={
            200: OpenApiResponse(words.ONE, "Changed."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def patch(self, request, id):
        pk = self.found(request, id).pk
        with transaction.atomic():
            # Nobody else changes it while a partial body is completed with what is stored.
            list(Schedule.objects.select_for_update().filter(pk=pk))
            monitor = self.found(request, id)
            body, choice = body_and_policy(MonitorBody, request, monitor.team, monitor)
            body.save()
            choice.give(monitor)
            if body.paused != monitor.paused:
                (actions.pause if body.paused else actions.resume)(monitor)
        return self.answer(request, pk)

    @extend_schema(exclude=True)
    def put(self, request, id):
        return self.patch(request, id)

    @extend_schema(
        operation_id="monitors_delete",
        summary="Delete a monitor",
        description="It is no longer checked or shown. On its page this can be undone for an hour.",
        tags=["Monitors"],
        parameters=[words.ID],
        responses={204: OpenApiResponse(None, "Deleted."), 404: words.MISSING, **words.COMMON},
    )
    def delete(self, request, id):
        actions.delete(self.found(request, id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _filtered(monitors, params):
    """Exact filters; a text no column can hold matches nothing."""
    wanted = {name: params[name] for name in ("url", "pronounceable_name", "team_name") if name in params}
    if any("\0" in text for text in wanted.values()):
        return monitors.none()
    if "url" in wanted:
        monitors = monitors.filter(Q(target__in=_spellings(wanted["url"])) | _host_is(wanted["url"]))
    if "pronounceable_name" in wanted:
        monitors = monitors.filter(name=wanted["pronounceable_name"])
    if "team_name" in wanted:
        monitors = monitors.filter(team__name=wanted["team_name"])
    return monitors


def _spellings(target):
    """An address as it was typed, and as each kind stores it."""
    found = {target}
    for kind in monitor_kinds():
        with suppress(ValueError):
            found.add(kind.clean_target(target, allow_private=True))
    return found


def _host_is(host):
    """Monitors that the wire shows with this host as their url, and with a port beside it."""
    kinds = [kind.name for kind in monitor_kinds() if kind.has_port]
    return Q(kind__in=kinds, target__startswith=f"{join_port(host.lower(), None)}:")


def chosen_team(request):
    """The team named in the body, of which the caller must be a member, or the caller's own."""
    name = request.data.get("team_name")
    if name is None:
        return request.user.ensure_team()
    team = Team.objects.filter(members=request.user, name=name).first() if _storable(name) else None
    if team is None:
        raise exceptions.ValidationError({"team_name": ["You are in no team of this name."]})
    return team


def _storable(text):
    return isinstance(text, str) and "\0" not in text
