"""/api/v2/maintenances: planned times, and one that begins now. In the manner of the rest of the wire."""

from django.db import transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response

from incidents import api_schema_maintenance as words
from incidents import maintaining
from incidents.models import Maintenance
from incidents.serializers_maintenance import MaintenanceBody, StartBody, maintenance
from monitors.api import chosen_team
from uptime.api import ResourceView


class MaintenanceView(ResourceView):
    schema = words.MaintenanceSchema()
    noun = "maintenance"

    def all(self, request):
        return Maintenance.objects.visible_to(request.user).select_related("team").prefetch_related("monitors")

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": maintenance(self.all(request).get(pk=pk))}, status=code)


class Maintenances(MaintenanceView):
    @extend_schema(
        operation_id="maintenances_list",
        summary="List maintenance",
        description="That of all your teams: under way, to come, and over.",
        tags=["Maintenance"],
        parameters=words.PAGE,
        responses={200: OpenApiResponse(words.many("Maintenance"), "A page of maintenance."), **words.COMMON},
    )
    def get(self, request):
        return self.page(request, self.all(request).order_by("id"), maintenance)

    @extend_schema(
        operation_id="maintenances_create",
        summary="Plan maintenance",
        description="Once, or again and again by a rule. `monitor_ids`, or `everything` for all of the team.",
        tags=["Maintenance"],
        request=words.body("MaintenanceSettings"),
        responses={201: OpenApiResponse(words.one("Maintenance"), "Planned."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body = MaintenanceBody(request.data, team=chosen_team(request), user=request.user)
        return self.answer(request, self.checked(body).save().pk, status.HTTP_201_CREATED)


class StartMaintenance(MaintenanceView):
    @extend_schema(
        operation_id="maintenances_start",
        summary="Start maintenance now",
        description="For so many `minutes`, of the monitors in `monitor_ids`; left out, of all of the team.",
        tags=["Maintenance"],
        request=words.body("MaintenanceStart"),
        responses={201: OpenApiResponse(words.one("Maintenance"), "Begun."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        team = chosen_team(request)
        body = self.checked(StartBody(request.data, team=team))
        row = maintaining.start(team, request.user, body.minutes, body.monitors, body.name)
        return self.answer(request, row.pk, status.HTTP_201_CREATED)


class OneMaintenance(MaintenanceView):
    @extend_schema(
        operation_id="maintenances_read",
        summary="Read maintenance",
        tags=["Maintenance"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.one("Maintenance"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": maintenance(self.found(request, id))})

    @extend_schema(
        operation_id="maintenances_change",
        summary="Change maintenance",
        description="What the body leaves out stays as it is; it takes effect at once.",
        tags=["Maintenance"],
        parameters=[words.ID],
        request=words.body("MaintenanceSettings"),
        responses={
            200: OpenApiResponse(words.one("Maintenance"), "Changed."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    @transaction.atomic
    def patch(self, request, id):
        row = self.found(request, id)
        Maintenance.objects.select_for_update().get(pk=row.pk)  # nobody else changes what a partial body completes
        row = self.found(request, id)
        body = MaintenanceBody(request.data, team=row.team, user=request.user, instance=row)
        return self.answer(request, self.checked(body).save().pk)

    @extend_schema(exclude=True)
    def put(self, request, id):
        return self.patch(request, id)

    @extend_schema(
        operation_id="maintenances_delete",
        summary="Delete maintenance",
        description="What is under way is over.",
        tags=["Maintenance"],
        parameters=[words.ID],
        responses={204: OpenApiResponse(None, "Deleted."), 404: words.MISSING, **words.COMMON},
    )
    def delete(self, request, id):
        maintaining.delete(self.found(request, id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class EndMaintenance(MaintenanceView):
    @extend_schema(
        operation_id="maintenances_end",
        summary="End maintenance now",
        description="What is under way is over; what recurs comes again. Where nothing is under way, nothing changes.",
        tags=["Maintenance"],
        parameters=[words.ID],
        request=None,
        responses={200: OpenApiResponse(words.one("Maintenance"), "Over."), 404: words.MISSING, **words.COMMON},
    )
    def post(self, request, id):
        row = self.found(request, id)
        maintaining.end(row)
        return self.answer(request, row.pk)
