"""The first two minutes: a practice website to watch, break and heal, before real ones are added."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Team
from monitors import live
from monitors.fragments import live_part
from monitors.models import Monitor, Region, Status
from uptime import actions

# Fast, so that the whole story fits in a minute; two rounds each way, so that it shows what confirming is.
PRACTICE = {"name": "Practice website", "kind": "http", "interval": 5, "confirm": 2, "recover": 2}
MODES = {
    "error": ("Answer 500", "The server is there, but every page is an error."),
    "refuse": ("Refuse", "Nobody listens: connections are refused."),
    "hang": ("Hang", "It takes the connection and never answers, so each check waits until its timeout."),
    "slow": ("Be slow", "It takes three seconds to answer: slow, but up."),
    "healthy": ("Heal it", "It answers at once, with 200."),
}


@dataclass(frozen=True)
class Stage:
    """A step of every outage's story."""

    word: str
    tone: str


STAGES = [Stage("Watching", "ok"), Stage("Noticed", "warn"), Stage("Confirmed", "down"), Stage("Recovered", "ok")]


@dataclass(frozen=True)
class Story:
    """Where the practice monitor is in its story, in words. `stage`: index into STAGES; `failing`: the reason helps."""

    stage: int
    tone: str
    icon: str
    headline: str
    text: str
    failing: bool = False


@login_required
@require_safe
def welcome(request):
    return render(request, "monitors/welcome.html", {**_panel(request.user), **_progress(request.user)})


@live_part
def panel(request):
    """The live part; 204 while neither the monitor nor the switches have changed."""
    context = _panel(request.user)
    if context["version"] and request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "monitors/_practice.html", context)


@login_required
@require_POST
def add(request):
    """Watches the practice website in the reader's own team; a second click changes nothing."""
    site = practice_site()
    if site is None:
        raise Http404("There is no practice website here.")
    with transaction.atomic():
        team = Team.objects.select_for_update().get(pk=request.user.ensure_team().pk)
        if watched(request.user, site) is None:
            actions.create(team, request.user, {**PRACTICE, "target": site.url})
    return redirect("monitors:welcome")


@login_required
@require_POST
def practice(request):
    """Breaks or heals the practice website, for everybody on this site: hence only for those who watch it."""
    site, mode = practice_site(), request.POST.get("mode", "")
    if site is None:
        raise Http404("There is no practice website here.")
    if watched(request.user, site) is None:
        raise PermissionDenied("Watch the practice website first: others may be looking at it.")
    if mode not in MODES:
        return HttpResponseBadRequest(f"mode is one of: {', '.join(MODES)}")
    try:
        actions.set_practice(mode)
    except (OSError, ValueError) as error:
        messages.error(request, f"The practice website did not take it: {error}")
    return redirect("monitors:welcome")


def practice_site():
    """The practice website, or None where there is none or where its private address may not be watched."""
    return actions.practice_site() if settings.ALLOW_PRIVATE_TARGETS else None


def watched(user, site):
    """The monitor with which `user` watches the practice website, or None."""
    found = Monitor.objects.visible_to(user).filter(target=site.url)
    return found.select_related("state").order_by("id").first()


def tell(monitor, incident):
    """The story so far. `incident`: the monitor's latest one, or None."""
    state = monitor.state
    if state.confirming:
        headline = f"Unconfirmed: {state.streak} of {monitor.confirm} failed rounds"
        text = "One failure may be a hiccup, so we look again within seconds before we call it down."
        return Story(1, "warn", "circle-alert", headline, text, failing=True)
    if state.status == Status.VALIDATING:
        headline = f"It answers again: {state.streak} of {monitor.recover} good rounds"
        return Story(2, "warn", "refresh-cw", headline, "One good answer may be luck, so we look again.")
    if state.status == Status.UP and incident is not None:
        text = "The incident is resolved and stays in the history. Break it again if you like."
        return Story(3, "ok", "circle-check", "It has recovered", text)
    return PLAIN.get(state.status, PLAIN[Status.PENDING])


PLAIN = {
    Status.PENDING: Story(0, "info", "loader-circle", "Checking…", "The first result comes within seconds."),
    Status.UP: Story(0, "ok", "circle-check", "It is up", "Checked every 5 seconds. Now break it with a switch."),
    Status.DOWN: Story(
        2, "down", "circle-x", "It is down, and an incident is open", "Heal it and watch it come back.", failing=True
    ),
    Status.PAUSED: Story(0, "unknown", "circle-pause", "It is paused", "Nothing is checked until you resume it."),
    Status.NODATA: Story(
        0, "unknown", "circle-help", "No data", "No region has measured it for a while; the regions page says why."
    ),
}


def _panel(user):
    version = live.version(user.teams.values_list("pk", flat=True))  # first: a change in between is drawn again
    site = practice_site()
    monitor = watched(user, site) if site else None
    incident = monitor.incidents.order_by("-started_at").first() if monitor else None
    if incident and incident.resolved_at:
        incident.length = (incident.resolved_at - incident.started_at).total_seconds()
    return {
        "site": site,
        "modes": MODES,
        "now": MODES.get(site.mode) if site else None,
        "monitor": monitor,
        "incident": incident,
        "story": tell(monitor, incident) if monitor else None,
        "stages": STAGES,
        "version": f"{version}.{site.mode if site else ''}" if version else "",
    }


def _progress(user):
    site = practice_site()
    own = Monitor.objects.visible_to(user).exclude(target=site.url if site else "")
    return {"has_own": own.exists(), "has_regions": Region.objects.filter(enabled=True).count() > 1}
