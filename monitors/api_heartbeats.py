"""/api/v2/heartbeats in the wire format of Better Stack: list, create, read, change, delete."""

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import APIView

from monitors import api_schema_heartbeats as words
from monitors.api import MAX_ID, chosen_team
from monitors.api_policy import PolicyChoice
from monitors.judged.heartbeat import KIND
from monitors.models import Heartbeat, Monitor
from monitors.serializers_heartbeats import HeartbeatBody, resource
from uptime import actions
from uptime.api import Pagination, Throttle


def _heartbeats(user):
    found = Monitor.objects.visible_to(user).filter(kind=KIND.name)
    return found.select_related("state", "team", "heartbeat", "alerting")


class HeartbeatView(APIView):
    throttle_classes = [Throttle]
    schema = words.HeartbeatSchema()

    def found(self, request, id):
        known = id.isascii() and id.isdigit() and len(id) < 20 and int(id) <= MAX_ID
        monitor = _heartbeats(request.user).filter(pk=int(id)).first() if known else None
        if monitor is None:
            raise Http404(f"Resource type heartbeat with id = {id} was not found")
        return monitor

    def body(self, request, team, instance=None):
        """The checked body, and the policy it chooses. Raises ValidationError, keyed by wire names."""
        body = HeartbeatBody(request.data, team=team, user=request.user, instance=instance)
        choice = PolicyChoice(request.data, team)
        if body.errors or choice.errors:
            raise exceptions.ValidationError(body.errors | choice.errors)
        return body, choice

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": resource(_heartbeats(request.user).get(pk=pk))}, status=code)


class Heartbeats(HeartbeatView):
    @extend_schema(
        operation_id="heartbeats_list",
        summary="List heartbeats",
        description="Those of all your teams, oldest first.",
        tags=["Heartbeats"],
        parameters=words.PAGE,
        responses={200: OpenApiResponse(words.MANY, "A page of heartbeats; none is no error."), **words.COMMON},
    )
    def get(self, request):
        pagination = Pagination()
        page = pagination.paginate_queryset(_heartbeats(request.user).order_by("id"), request)
        return pagination.get_paginated_response([resource(monitor) for monitor in page])

    @extend_schema(
        operation_id="heartbeats_create",
        summary="Create a heartbeat",
        description="It waits for its first ping, at `url` or `ping_url`.",
        tags=["Heartbeats"],
        request=words.BODY,
        responses={201: OpenApiResponse(words.ONE, "Made."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body, choice = self.body(request, chosen_team(request))
        with transaction.atomic():
            monitor = body.save()
            choice.give(monitor)
        return self.answer(request, monitor.pk, status.HTTP_201_CREATED)


class OneHeartbeat(HeartbeatView):
    @extend_schema(
        operation_id="heartbeats_read",
        summary="Read a heartbeat",
        tags=["Heartbeats"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.ONE, "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": resource(self.found(request, id))})

    @extend_schema(
        operation_id="heartbeats_change",
        summary="Change a heartbeat",
        description="What the body leaves out stays as it is; `PUT` does the same. With a new schedule, what is "
        "expected counts from now.",
        tags=["Heartbeats"],
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
            list(Heartbeat.objects.select_for_update().filter(pk=pk))
            monitor = self.found(request, id)
            body, choice = self.body(request, monitor.team, monitor)
            body.save()
            choice.give(monitor)
            if body.paused != monitor.paused:
                (actions.pause if body.paused else actions.resume)(monitor)
        return self.answer(request, pk)

    @extend_schema(exclude=True)
    def put(self, request, id):
        return self.patch(request, id)

    @extend_schema(
        operation_id="heartbeats_delete",
        summary="Delete a heartbeat",
        description="Its pings lead nowhere from then on. On its page this can be undone for an hour.",
        tags=["Heartbeats"],
        parameters=[words.ID],
        responses={204: OpenApiResponse(None, "Deleted."), 404: words.MISSING, **words.COMMON},
    )
    def delete(self, request, id):
        actions.delete(self.found(request, id))
        return Response(status=status.HTTP_204_NO_CONTENT)
