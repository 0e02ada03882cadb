"""Signed addresses for scripts: made and revoked on the maintenance page, followed by whoever has one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from incidents import maintenance_links as links
from incidents import views_maintenance
from incidents.forms_maintenance import LinkForm
from incidents.links import LinkError
from incidents.models import MaintenanceLink

GONE, INVALID = 410, 422


@login_required
@require_POST
def add(request):
    team = request.user.ensure_team()
    form = LinkForm(request.POST, team=team)
    if not form.is_valid():
        return views_maintenance.page(request, form, INVALID)
    link = links.make(team, request.user, **form.cleaned_data)
    messages.success(request, f"{link.name} can start maintenance by its address now.")
    return redirect("incidents:maintenances")


@login_required
@require_POST
def revoke(request, pk):
    link = MaintenanceLink.objects.visible_to(request.user).filter(pk=pk).first()
    if link is None:
        raise Http404("There is no such address.")
    links.revoke(link)
    messages.success(request, "The address works no more.")
    return redirect("incidents:maintenances")


@csrf_exempt  # the signed address is the proof; no cookie is read
@require_http_methods(["GET", "HEAD", "POST"])
def follow(request, token):
    """A page with buttons; a POST starts. Scanners of mail and chats, which open every address, start nothing."""
    try:
        link = links.follow(token)
        until = links.start(link, links.minutes_of(_said(request))) if request.method == "POST" else None
    except LinkError as error:
        return _answer(request, None, GONE, str(error))
    except ValueError as error:
        return _answer(request, link, INVALID, str(error))
    said = f"Maintenance of {_whose(link)} until {until:%Y-%m-%d %H:%M:%S} UTC." if until else ""
    return _answer(request, link, 200, said)


@csrf_exempt
@require_POST
def end(request, token):
    try:
        link = links.follow(token)
    except LinkError as error:
        return _answer(request, None, GONE, str(error))
    ended = links.end(link)
    return _answer(request, link, 200, "It is over." if ended else "There was nothing to end.")


def _said(request):
    """What a body says, and the query string where it says nothing."""
    return {**request.GET.dict(), **request.POST.dict()}


def _whose(link):
    return link.monitor.name if link.monitor else "all monitors"


def _answer(request, link, status, said):
    """A line for scripts, a page for people."""
    if request.method == "POST" and "text/html" not in request.headers.get("Accept", ""):
        return HttpResponse(f"{said}\n", status=status, content_type="text/plain; charset=utf-8")
    if link:
        link.refresh_from_db()
    context = {
        "link": link,
        "token": request.resolver_match.kwargs["token"],
        "whose": link and _whose(link),
        "until": link and links.under_way(link, timezone.now()),
        "said": said,
        "problem": said if status != 200 else "",
        "quick": views_maintenance.QUICK,
    }
    return render(request, "incidents/maintenance_link.html", context, status=status)
