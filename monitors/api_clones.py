"""The small API of the BetterUptime clones, at the site's root, so that their front ends and tests run unchanged.

Their facts: a raw token in Authorization (Bearer works too), 403 for every refusal, 411 for a body without `url`, and
`tickes` is how they spell it. Ids are opaque text.
"""

from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import JWT
from monitors.api import find
from monitors.forms import MonitorForm
from monitors.models import Monitor, Region, Tick
from monitors.serializers import iso
from monitors.times import to_ms
from uptime.api import Throttle

TICKS = 10
WORDS = {"up": "Up", "down": "Down", "nodata": "Unknown"}

TICK = {
    "id": "7-1-1767225600000",
    "response_time": 42,
    "status": "Up",
    "region_id": "local",
    "website_id": "7",
    "createdAt": "2026-01-01T00:00:00.120Z",
}
ME = "5b0c7f0e-6f1e-4a53-9d6c-2f6f4f3a9b10"
WEBSITE = {
    "id": "7",
    "url": "https://example.com",
    "timeAdded": "2026-01-01T00:00:00.000Z",
    "userId": ME,
    "tickes": [TICK],
}
REFUSED = OpenApiResponse(
    {"type": "object"}, "Without a valid token.", examples=[OpenApiExample("No token", {"message": "not signed in"})]
)


def _answer(text, example):
    return OpenApiResponse({"type": "object"}, text, examples=[OpenApiExample(text, example)])


class CloneView(APIView):
    authentication_classes = [JWT]
    throttle_classes = [Throttle]

    def handle_exception(self, exc):
        if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            return Response({"message": "not signed in"}, status=status.HTTP_403_FORBIDDEN)
        return super().handle_exception(exc)


class Websites(CloneView):
    @extend_schema(
        operation_id="website_create",
        summary="Add a website",
        description="It gets the default interval and timeout, and is checked at once.",
        tags=["Clients of the clones"],
        request={
            "application/json": {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string", "description": "Its address, with `http://` or `https://`."}},
                "example": {"url": "https://example.com"},
            }
        },
        responses={
            200: _answer("Added.", {"message": "Website is added", "id": "7"}),
            403: REFUSED,
            411: _answer(
                "Without `url`: an empty object. With one that cannot be watched: why.",
                {"message": "Add https:// in front: https://example.com"},
            ),
        },
    )
    def post(self, request):
        url = self._url(request)
        if not url:
            return Response({}, status=status.HTTP_411_LENGTH_REQUIRED)
        form = MonitorForm.of({"target": url}, team=request.user.ensure_team(), user=request.user)
        if not form.is_valid():
            message = next(iter(form.errors.values()))[0]
            return Response({"message": message}, status=status.HTTP_411_LENGTH_REQUIRED)
        return Response({"message": "Website is added", "id": str(form.save().pk)})

    @staticmethod
    def _url(request):
        try:
            url = request.data.get("url")
        except (exceptions.ParseError, exceptions.UnsupportedMediaType):
            return ""
        return url if isinstance(url, str) else ""

    @extend_schema(
        operation_id="website_list",
        summary="List websites",
        description="Each with its latest tick, or none yet.",
        tags=["Clients of the clones"],
        responses={200: _answer("All your websites.", {"website": [WEBSITE]}), 403: REFUSED},
    )
    def get(self, request):
        mine = Monitor.objects.visible_to(request.user).filter(kind="http")
        websites = list(mine.select_related("state").order_by("id"))
        latest = _latest(websites)
        return Response({"website": [_website(each, request.user, latest.get(each.pk)) for each in websites]})


class Status(CloneView):
    @extend_schema(
        operation_id="website_status",
        summary="Read a website's status",
        description=f"With its last {TICKS} ticks, newest first.",
        tags=["Clients of the clones"],
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="The website's `id`.")],
        responses={
            200: _answer(
                "Found.",
                {"id": "7", "url": "https://example.com", "user_id": ME, "status": "up", "tickes": [TICK]},
            ),
            403: _answer("No such website of yours, or no valid token.", {"message": "not found"}),
        },
    )
    def get(self, request, id):
        website = find(request.user, id)
        if website is None:
            return Response({"message": "not found"}, status=status.HTTP_403_FORBIDDEN)
        return Response(
            {
                "id": str(website.pk),
                "url": website.target,
                "user_id": _owner(website, request.user),
                "status": website.state.status,
                "tickes": [_tick(tick) for tick in _last(website)],
            }
        )


def _website(website, user, tick):
    return {
        "id": str(website.pk),
        "url": website.target,
        "timeAdded": iso(website.created_at),
        "userId": _owner(website, user),
        "tickes": [_tick(tick)] if tick else [],
    }


def _owner(website, user):
    return str(website.created_by_id or user.pk)


def _tick(tick):
    return {
        "id": f"{tick.monitor_id}-{tick.region_id}-{to_ms(tick.slot)}",
        "response_time": round(tick.response_ms or 0),
        "status": WORDS[tick.vote],
        "region_id": tick.region.slug,
        "website_id": str(tick.monitor_id),
        "createdAt": iso(tick.started_at or tick.slot),
    }


def _latest(websites):
    """The tick of each website's newest slot; of several regions the one that saw what the website is shown as."""
    newest = Tick.objects.filter(monitor=OuterRef("monitor"), region=OuterRef("region")).order_by("-slot")
    fields = JSONObject(**{name: name for name in ("slot", "started_at", "vote", "response_ms")})
    # One look into the table's key for each pair: a month of ticks is never read.
    pairs = Monitor.regions.through.objects.filter(monitor__in=websites)
    regions = Region.objects.defer("key").in_bulk()
    votes = {website.pk: website.state.last_vote for website in websites}
    latest: dict[int, list[Tick]] = {}
    for pk, region, seen in pairs.values_list("monitor", "region", Subquery(newest.values(seen=fields)[:1])):
        if seen:
            tick = Tick(monitor_id=pk, region=regions[region], **_parsed(seen))
            latest.setdefault(pk, []).append(tick)
    return {pk: max(ticks, key=lambda tick: (tick.slot, tick.vote == votes[pk])) for pk, ticks in latest.items()}


def _parsed(seen):
    times = {name: seen[name] and datetime.fromisoformat(seen[name]) for name in ("slot", "started_at")}
    return {**seen, **times}


def _last(website):
    """Region by region, because that is what the table's key finds without reading a month of ticks."""
    ticks = []
    for region in website.regions.all():
        of_region = list(website.ticks.filter(region=region).order_by("-slot")[:TICKS])
        for tick in of_region:
            tick.region = region
        ticks += of_region
    return sorted(ticks, key=lambda tick: (tick.slot, tick.region_id), reverse=True)[:TICKS]
