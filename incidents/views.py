"""Pages of incidents: the list and one incident, each with the fragment that keeps it live."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from incidents import expiry, queries
from incidents.forms import CommentForm
from incidents.markdown import render as render_markdown
from incidents.models import Incident
from monitors import live
from monitors.domain.verdict import Status
from monitors.domain.why import explain
from monitors.fragments import live_part
from monitors.models import Region
from monitors.queries import reason_explanation


@login_required
@require_safe
def index(request):
    return render(request, "incidents/list.html", _listing(request, _version(request.user)))


@live_part
def rows(request):
    version = _version(request.user)
    if _shown(request, version):
        return HttpResponse(status=204)
    return render(request, "incidents/_rows.html", _listing(request, version))


@login_required
@require_safe
def detail(request, pk):
    return render(request, "incidents/detail.html", _incident(request, pk, _version(request.user)))


@live_part
def summary(request, pk):
    version = _version(request.user)
    if _shown(request, version):
        return HttpResponse(status=204)
    context = _incident(request, pk, version)
    return render(request, context["part"], context)


def _version(user):
    return live.version(user.teams.values_list("pk", flat=True))


def _shown(request, version):
    """Whether the page already shows this version."""
    return bool(version) and request.GET.get("v") == version


def _listing(request, version):
    listing = queries.Listing.of(request.GET)
    return {
        "listing": listing,
        "page": queries.incident_page(request.user, listing),
        "unconfirmed": queries.unconfirmed(request.user, listing),
        "shows": queries.SHOWS,
        "kinds": queries.KINDS,
        "monitors": queries.monitors_with_incidents(request.user),
        "version": version,
    }


def _incident(request, pk, version):
    incident = queries.visible_incident(request.user, pk)
    if incident is None:
        raise Http404("No such incident.")
    if incident.is_expiry:
        facts = {"incident": incident, "part": "incidents/_expiry.html", "version": version, "form": CommentForm()}
        facts["postmortem"] = render_markdown(incident.postmortem)
        return {**facts, **expiry.facts(incident)}
    known = list(Region.objects.values_list("pk", "name", "slug"))
    places, slugs = {pk: name for pk, name, _ in known}, {pk: slug for pk, _, slug in known}
    return {
        "part": "incidents/_summary.html",
        "incident": incident,
        "monitor": incident.monitor,
        "outage": incident.kind == Incident.Kind.OUTAGE,
        "form": CommentForm(),
        "postmortem": render_markdown(incident.postmortem) if incident.postmortem else "",
        "still_down": _still_down(incident),
        "reason": reason_explanation(incident.cause),
        "explanation": explain(incident.votes, places, {}) if incident.votes else "",
        "votes": queries.voices(incident, places),
        "assigned": len(incident.votes.get("assigned", [])),
        "timeline": queries.timeline(incident),
        "sights": queries.sights(incident),
        "ticks": queries.ticks_around(incident, places, slugs),
        "version": version,
    }


def _still_down(incident):
    """Whether it was resolved by hand and its monitor has not come up yet: it does not open again by itself."""
    by_hand = incident.resolution == Incident.Resolution.BY_HAND and incident.kind == Incident.Kind.OUTAGE
    if not by_hand or incident.monitor.state.verdict != Status.DOWN:
        return False
    return not incident.monitor.incidents.filter(kind=incident.kind, started_at__gt=incident.started_at).exists()
