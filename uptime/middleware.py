"""What happens around every request, outermost first."""

import zoneinfo

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import JsonResponse
from django.utils import timezone


class Health:
    """Liveness and readiness, answered before sessions, hosts or anything else that may be broken."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/healthz":
            return self._answer({"status": "ok"})
        if request.path == "/readyz":
            return self._readiness()
        return self.get_response(request)

    def _readiness(self):
        problems = {name: text for name, probe in PARTS.items() if (text := _problem(probe))}
        return self._answer({"status": "unready" if problems else "ok", **problems}, 503 if problems else 200)

    def _answer(self, body, status=200):
        # The nonce tells the supervisor that it is us who answers on this port, not a stranger.
        headers = {"Cache-Control": "no-store", "X-Uptime-Instance": settings.INSTANCE_NONCE}
        return JsonResponse(body, status=status, headers=headers)


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache():
    cache.get("ready")


PARTS = {"database": _database, "cache": _cache}


def _problem(probe):
    try:
        probe()
    except Exception as error:
        return f"{type(error).__name__}"
    return ""


class ReaderTimeZone:
    """Times are shown in the reader's own zone."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        name = getattr(request.user, "time_zone", "")
        try:
            with timezone.override(zoneinfo.ZoneInfo(name) if name else None):
                return self.get_response(request)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return self.get_response(request)
