"""The last resort: what people and programs see when a request could not be answered."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.template.response import SimpleTemplateResponse
from django.views.defaults import page_not_found as missing
from django.views.defaults import server_error as broken
from psycopg_pool import PoolTimeout

AWAY = (OperationalError, InterfaceError, PoolTimeout)
RETRY_AFTER = "5"  # seconds; a database that restarts is back by then


def page_not_found(request, exception):
    """404, in the shape of the API's errors below /api/."""
    if request.path.startswith("/api/"):
        return JsonResponse({"errors": "There is nothing at this address; /api/docs tells what there is."}, status=404)
    return missing(request, exception)


def server_error(request):
    """500, or 503 and when to try again while the database is away. Called while the exception is being handled."""
    wants_json = request.path.startswith(("/api/", "/website", "/status/", "/user/"))
    if not isinstance(sys.exc_info()[1], AWAY):
        return JsonResponse({"errors": "Something broke on our side."}, status=500) if wants_json else broken(request)
    response: HttpResponse
    if wants_json:
        response = JsonResponse({"errors": "The database is away. Please try again in a moment."}, status=503)
    else:
        response = SimpleTemplateResponse("503.html", status=503).render()
    response["Retry-After"] = RETRY_AFTER
    return response
