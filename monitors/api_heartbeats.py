"""/api/v2/heartbeats in the wire format of Better Stack: list, create, read, change, delete."""

from django.db import transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response

from monitors import api_schema_heartbeats as words
from monitors.api import chosen_team
from monitors.api_policy import body_and_policy
from monitors.judged.heartbeat import KIND
from monitors.models import Heartbeat, Monitor
from monitors.serializers_heartbeats import HeartbeatBody, resource
from uptime import actions
from uptime.api import ResourceView


class HeartbeatView(ResourceView):
    schema = words.HeartbeatSchema()
    noun = "heartbeat"

    def all(self, request):
        found = Monitor.objects.visible_to(request.user).filter(kind=KIND.name)
        return found.select_related("state", "team", "heartbeat", "alerting")

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": resource(self.all(request).get(pk=pk))}, status=code)


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
        return self.page(request, self.all(request).order_by("id"), resource)

    @extend_schema(
        operation_id="heartbeats_create",
        summary="Create a heartbeat",
        description="It waits for its first ping, at `url` or `ping_url`.",
        tags=["Heartbeats"],
        request=words.BODY,
        responses={201: OpenApiResponse(words.ONE, "Made."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body, choice = body_and_policy(HeartbeatBody, request, chosen_team(request))
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
            body, choice = body_and_policy(HeartbeatBody, request, monitor.team, monitor)
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
