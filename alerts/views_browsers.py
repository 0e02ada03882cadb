"""Notifications of one's own browsers: turned on with a click in each, listed, tried and removed."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from alerts import queries
from alerts.forms_browsers import BrowserForm
from alerts.services import browsers as services
from uptime.lib.agents import name_of

BODY_LIMIT = 8192  # octets; an address and two keys


@login_required
@require_safe
def browsers(request):
    found = list(queries.browsers(request.user))
    channel = queries.push_channel(request.user) if found else None
    context = {"browsers": found, "channel": channel, "key": services.public_key(), "limit": services.LIMIT}
    return render(request, "alerts/browsers.html", context)


@login_required
@require_POST
def browser_add(request):
    """What the browser said once its user had allowed it."""
    form = BrowserForm(request.POST)
    name = name_of(request.headers.get("User-Agent", ""))
    if not form.is_valid():
        messages.error(request, f"Notifications are not on. {form.problem}")
        return redirect("alerts:browsers")
    try:
        services.turn_on(request.user, form.cleaned_data, name)
    except services.LimitError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Notifications are on in {name}. Send a test to see one.")
    return redirect("alerts:browsers")


@login_required
@require_POST
def browser_remove(request, pk):
    browser = queries.browsers(request.user).filter(pk=pk).first()
    if browser is None:
        raise Http404("There is no such browser.")
    services.remove(browser)
    messages.success(request, f"{browser.name} shows no notifications any more.")
    return redirect("alerts:browsers")


@csrf_exempt  # sent by the service worker, which may have no session: that it knows the old address is the proof
@require_POST
def browser_renew(request):
    """A push service has given a browser another address: JSON with `old`, `endpoint`, `p256dh` and `auth`."""
    said = _json(request)
    form = BrowserForm(said)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422)
    old = said.get("old")
    if not isinstance(old, str) or not services.renew(old, form.cleaned_data):
        return JsonResponse({"errors": "There is no such browser."}, status=404)
    return HttpResponse(status=204)


def _json(request) -> dict:
    if int(request.headers.get("Content-Length") or 0) > BODY_LIMIT:
        return {}
    try:
        said = json.loads(request.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
