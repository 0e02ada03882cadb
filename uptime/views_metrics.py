"""`/metrics`, for Prometheus."""

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from uptime.metrics import exposition
from uptime.pipeline.gather import recent

FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
REFUSAL = (
    "Metrics are given to this machine alone, or to who sends METRICS_TOKEN as `Authorization: Bearer <token>`. "
    "See docs/metrics.md.\n"
)


@require_safe
def metrics(request):
    if not (_from_this_machine(request) or _has_token(request)):
        return HttpResponse(REFUSAL, status=403, content_type="text/plain")
    return HttpResponse(exposition(recent()), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _from_this_machine(request):
    """Directly, that is: behind a proxy on this machine everybody seems to come from here."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request):
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and kind.lower() == "bearer" and hmac.compare_digest(token.encode(), wanted.encode())
