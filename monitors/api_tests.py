"""/api/v2/tests: try settings out before they are saved, or those of a monitor now, and read what came of it."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response

from monitors import api_schema as common
from monitors import api_schema_tests as words
from monitors import queries_tests
from monitors.api import chosen_team, find
from monitors.forms_tests import trial
from monitors.probes.base import Phases
from monitors.serializers import MonitorBody, iso
from monitors.services.testruns import TooManyTestsError, Trial
from uptime import actions
from uptime.api import ResourceView, as_id


class TestView(ResourceView):
    schema = words.TestSchema()
    noun = "test"

    def answer(self, run, code=status.HTTP_200_OK):
        return Response({"data": resource(queries_tests.progress(run))}, status=code)


class Tests(TestView):
    @extend_schema(
        operation_id="tests_create",
        summary="Test settings",
        description="Looks at a target once from every region, or from those named, and stores nothing of it as a "
        "check: no monitor is made or changed, and nobody is told. Read the test until `done`. At most ten tests a "
        "minute for each team.",
        tags=["Tests"],
        request=words.BODY,
        responses={202: OpenApiResponse(words.ONE, "Begun."), 422: common.INVALID, **common.COMMON},
    )
    def post(self, request):
        team, trials, where, monitor = _wanted(request)
        if not where:
            raise exceptions.ValidationError({"regions": ["There is no region to test from yet."]})
        try:
            run = actions.try_out(team, request.user, trials, where, monitor=monitor)
        except TooManyTestsError as error:
            raise exceptions.Throttled(error.wait_s, str(error)) from error
        return self.answer(run, status.HTTP_202_ACCEPTED)


class OneTest(TestView):
    @extend_schema(
        operation_id="tests_read",
        summary="Read a test",
        tags=["Tests"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.ONE, "Found."), 404: words.MISSING, **common.COMMON},
    )
    def get(self, request, id):
        pk = as_id(id)
        run = None if pk is None else queries_tests.visible_run(request.user, pk)
        if run is None or run.address:  # a proposal is a page's
            raise self.missing(id)
        return self.answer(run)


def _wanted(request):
    """(team, what is tried, from where, whose settings it is). Raises ValidationError, keyed by wire names."""
    pk = request.data.get("monitor_id")
    if pk is not None:
        monitor = find(request.user, str(pk))
        if monitor is None:
            raise exceptions.ValidationError(
                {"monitor_id": ["There is no such monitor of yours; heartbeats are never asked."]}
            )
        return monitor.team, [Trial.of(monitor)], list(monitor.regions.all()), monitor
    team = chosen_team(request)
    body = MonitorBody(request.data, team=team, user=request.user)
    if body.errors:
        raise exceptions.ValidationError(body.errors)
    return team, [trial(body.form)], body.form.cleaned_data["regions"], None


def resource(progress):
    """A run as an object of the wire."""
    run, [tried, *_] = progress.run, progress.tried
    return {
        "id": str(run.pk),
        "type": "test",
        "attributes": {
            "monitor_id": run.monitor_id and str(run.monitor_id),
            "monitor_type": tried.kind,
            "url": tried.target,
            "created_at": iso(run.created_at),
            "expires_at": iso(run.expires_at),
            "done": progress.over,
            "outcomes": [_outcome(result) for result in tried.results],
        },
    }


def _outcome(result):
    seen = result.outcome
    return {
        "region": result.region.slug,
        "status": result.state,
        "degraded": bool(seen and seen.degraded),
        "reason": seen.reason.value if seen and seen.reason else None,
        "detail": (seen and seen.detail) or None,
        "status_code": seen and seen.status_code,
        "address": (seen and seen.address) or None,
        "attempts": seen and seen.attempts,
        "response_ms": seen and seen.response_ms,
        "phases": seen and _phases(seen.phases),
        "expires_at": iso(result.expires_at),
        "evidence": seen and seen.evidence,
    }


def _phases(phases: Phases):
    return dict(zip(words.PHASES, phases.to_wire(), strict=True))
