"""Pages of maintenance: the list, planning one, starting one now and ending it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents import maintaining, maintenance_links
from incidents.forms_maintenance import LinkForm, MaintenanceForm
from incidents.models import Maintenance, MaintenanceLink
from monitors.models import Monitor

QUICK = [15, 30, 60, 120, 480]  # minutes, as offered for “start now”


@login_required
@require_safe
def index(request):
    return page(request, LinkForm(team=request.user.ensure_team()))


def page(request, link_form, status=200):
    """All of maintenance, with the form of another address for scripts."""
    team, now = request.user.ensure_team(), timezone.now()
    rows = list(Maintenance.objects.visible_to(request.user).prefetch_related("monitors"))
    for row in rows:
        row.coming = maintaining.coming(row, now)
        row.under_way = bool(row.coming) and row.coming[0].start <= now
    monitors = Monitor.objects.alive().filter(team=team).order_by("name")
    links = list(MaintenanceLink.objects.visible_to(request.user).in_use().select_related("monitor", "created_by"))
    for link in links:
        link.address = maintenance_links.address(link)
    context = {"rows": rows, "quick": QUICK, "monitors": monitors, "links": links, "link_form": link_form}
    return render(request, "incidents/maintenances.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request):
    team, chosen = request.user.ensure_team(), request.GET.get("monitor", "")
    initial = {"monitors": [chosen]} if chosen.isascii() and chosen.isdigit() else {}
    return _form(request, MaintenanceForm(_posted(request), team=team, user=request.user, initial=initial))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, pk):
    row = _row(request, pk)
    return _form(request, MaintenanceForm(_posted(request), team=row.team, user=request.user, instance=row))


def _posted(request):
    return request.POST if request.method == "POST" else None


def _form(request, form):
    if form.is_valid():
        row = form.save()
        messages.success(request, f"{row.name} was saved.")
        return redirect("incidents:maintenances")
    context = {"form": form, "row": form.instance}
    return render(request, "incidents/maintenance.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def start(request):
    """Begin now: for one monitor, or for all of the team."""
    text, pk, team = request.POST.get("minutes", ""), request.POST.get("monitor", ""), request.user.ensure_team()
    minutes = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= minutes <= 43_200:
        messages.error(request, "It lasts from 1 to 43200 minutes.")
        return redirect("incidents:maintenances")
    chosen = []
    if pk:
        known = pk.isascii() and pk.isdigit() and len(pk) < 19
        chosen = list(Monitor.objects.alive().filter(team=team, pk=int(pk))) if known else []
        if not chosen:
            messages.error(request, "Choose one of your team’s monitors.")
            return redirect("incidents:maintenances")
    maintaining.start(team, request.user, minutes, chosen)
    messages.success(request, f"Maintenance has begun, for {minutes} min. Nobody is told meanwhile.")
    return redirect("incidents:maintenances")


@login_required
@require_POST
def end(request, pk):
    maintaining.end(_row(request, pk))
    messages.success(request, "It is over.")
    return redirect("incidents:maintenances")


@login_required
@require_POST
def delete(request, pk):
    maintaining.delete(_row(request, pk))
    messages.success(request, "It was deleted.")
    return redirect("incidents:maintenances")


def _row(request, pk):
    row = Maintenance.objects.visible_to(request.user).filter(pk=pk).first()
    if row is None:
        raise Http404("There is no such maintenance.")
    return row
