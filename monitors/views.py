"""Pages of monitors: the list, one monitor, the forms, and the buttons on them.

Every page starts from what the reader may see; anything else is 404. A live fragment answers 204 while the page already
shows the current version.
"""

from functools import wraps
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from monitors import availability, charts, live, queries, queries_politeness, views_groups
from monitors import views_heartbeats as heartbeats
from monitors import views_tests as tests
from monitors.forms import DEFAULT_KIND, MonitorForm
from monitors.fragments import live_part
from monitors.judged.heartbeat import KIND as HEARTBEAT
from monitors.models import Region
from monitors.probes.kinds import KINDS
from monitors.queries_expiry import ending
from monitors.queries_health import stand_ins
from uptime import actions

MOST_AT_ONCE = 500  # monitors one bulk action takes


def fragment(view):
    """A live part of a page: 204 while nothing changed; who is no longer signed in is sent to the whole page."""

    @wraps(view)
    def answer(request, *args, **kwargs):
        version = _version(request.user)
        if version and request.GET.get("v") == version:
            return HttpResponse(status=204)
        return view(request, *args, **kwargs)

    return live_part(answer)


# The list -------------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def index(request):
    form = MonitorForm(team=request.user.ensure_team(), user=request.user)
    form.fields["target"].widget.attrs["autofocus"] = True
    context = _listing(request) | {"quick": [form["target"], form["name"], form["interval"]]}
    return render(request, "monitors/list.html", context)


@fragment
def rows(request):
    return render(request, "monitors/_rows.html", _listing(request))


def _listing(request):
    listing = queries.Listing.of(request.GET)
    version = _version(request.user)  # read before the rows: a change in between is drawn again, never missed
    counted = queries.counts(request.user)
    page = queries.monitor_rows(request.user, listing.search, listing.status, listing.sort, listing.page)
    offered = [key for key in queries.FILTERS if counted.get(key) or key in {"all", "up", "down", listing.status}]
    return {
        "listing": listing,
        "page": page,
        "counts": counted,
        "filters": [(key, queries.FILTERS[key], counted.get(key, 0), _link(listing, status=key)) for key in offered],
        "sorts": [(key, title, _link(listing, sort=key)) for key, title in queries.SORTS.items()],
        "down": counted.get("down", 0) + counted.get("validating", 0),
        "version": version,
        "poll": _query(listing, page=listing.page, v=version),
        "here": _link(listing, page=listing.page),
    }


def _link(listing, **changes):
    return reverse("monitors:list") + _query(listing, **changes)


def _query(listing, **changes):
    """The query string of `listing` with some of it changed; what is the default is left out."""
    wanted = {"q": listing.search, "status": listing.status, "sort": listing.sort, "page": "1", **changes}
    defaults = {"q": "", "status": "all", "sort": "status", "page": "1"}
    said = {name: value for name, value in wanted.items() if value != defaults.get(name)}
    return f"?{urlencode(said)}" if said else ""


# One monitor ----------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def detail(request, pk):
    monitor = _monitor(request, pk)
    if not monitor.probed:
        return render(request, f"monitors/{monitor.kind}/detail.html", _judged(request, monitor))
    chosen = request.GET.get("range", charts.FIRST)
    if chosen not in charts.RANGES:
        raise Http404("There is no such range.")
    chart = {"ranges": charts.RANGES.items(), "chosen": chosen, "table": charts.table(monitor, chosen)}
    return render(request, "monitors/detail.html", _detail(request, monitor) | chart)


@fragment
def summary(request, pk):
    monitor = _monitor(request, pk)
    if not monitor.probed:
        return render(request, f"monitors/{monitor.kind}/_summary.html", _judged(request, monitor))
    return render(request, "monitors/_summary.html", _detail(request, monitor))


@login_required
@require_safe
def series(request, pk):
    """The chart's data: `?range=` one of charts.RANGES."""
    monitor = _monitor(request, pk)
    chosen = request.GET.get("range", charts.FIRST)
    if chosen not in charts.RANGES:
        raise Http404("There is no such range.")
    return JsonResponse(charts.series(monitor, chosen), headers={"Cache-Control": "private, no-store"})


# What the page of a judged monitor shows, by its kind.
JUDGED = {"heartbeat": heartbeats.page, "group": views_groups.page}


def _judged(request, monitor):
    return JUDGED[monitor.kind](request, monitor, _version(request.user))


def _detail(request, monitor):
    version = _version(request.user)
    now = timezone.now()
    regions = queries.region_states(monitor, now)
    known = queries.uptimes([monitor.pk], [days for _, days in queries.SPANS], now)
    checks = queries.recent_checks(monitor, request.GET.get("page", "1"), now)
    return {
        "monitor": monitor,
        "kind": KINDS.get(monitor.kind).label,
        "state": monitor.state,
        "version": version,
        "poll": f"?{urlencode({'page': checks.number, 'v': version})}",
        "regions": regions,
        "stand_ins": stand_ins(monitor),
        "slowness": queries_politeness.slowness(monitor),
        "allow": queries_politeness.shut_out(monitor),
        "down_regions": [region for region in regions if region.sees_down],
        "uptimes": [(title, known[span][monitor.pk]) for title, span in queries.SPANS],
        "days": availability.days(monitor, now),
        "average": queries.average_24h(monitor, now),
        "checks": checks,
        "incidents": queries.incidents(monitor),
        "ending": ending(monitor, now),
        "explanation": queries.explain(monitor),
        "rule": queries.rule(monitor, len(regions)),
        "reason": queries.reason_label(monitor.state.last_reason),
        "reason_text": queries.reason_explanation(monitor.state.last_reason),
        "down": queries.down_count(request.user),
    }


# Forms ----------------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request):
    """A new monitor, from the dialog of the list or from the whole form."""
    team, user, posted = request.user.ensure_team(), request.user, request.POST if request.method == "POST" else None
    if posted is not None and "switch" in posted:  # another type was chosen: its fields, with all that was typed
        return _form(request, MonitorForm(team=team, user=user, typed=posted), None)
    form = MonitorForm(posted, team=team, user=user, kind=request.GET.get("kind"))
    if posted is not None and form.is_valid():
        if "test" in posted:
            return _form(request, form, None, tests.try_typed(request, form))
        monitor = form.save()
        begins = form.judged.begins if form.judged else "Its first check is on its way."
        messages.success(request, f"{monitor.name} was added. {begins}")
        _warn(request, monitor)
        return redirect("monitors:detail", pk=monitor.pk)
    if posted is not None and set(form.errors) == {"target"} and tests.is_bare_address(posted):
        return tests.propose(request)
    return _form(request, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, pk):
    monitor = _monitor(request, pk)
    posted = request.POST if request.method == "POST" else None
    form = MonitorForm(posted, team=monitor.team, user=request.user, instance=monitor)
    if posted is not None and form.is_valid():
        if "test" in posted:
            return _form(request, form, monitor, tests.try_typed(request, form, monitor))
        monitor = form.save()
        begins = form.judged.changed if form.judged else "It takes effect with the next check."
        messages.success(request, f"{monitor.name} was saved. {begins}")
        _warn(request, monitor)
        return redirect("monitors:detail", pk=monitor.pk)
    return _form(request, form, monitor)


def _warn(request, monitor):
    """Say what the monitor will suffer from, now that it is as it was wanted."""
    crowding = queries_politeness.crowding(monitor)
    if crowding:
        messages.warning(request, crowding)


# Choosing a type asks for its fields at once; without scripts a button does.
SWITCH = {
    "hx-post": "",
    "hx-vals": '{"switch": "1"}',
    "hx-trigger": "change",
    "hx-target": "#settings",
    "hx-select": "#settings",
    "hx-select-oob": "#form-title",
    "hx-swap": "outerHTML",
}


def _form(request, form, monitor, run=None):
    """The form in sections; all but the first two are advanced, and open where they hold an error.

    `run`: the test of what is in it. A script that asked for one draws the form with its errors as it is.
    """
    if monitor is None:
        form.fields["kind"].widget.attrs |= SWITCH
    sections = [(title, fields, any(each.errors for each in fields)) for title, fields in form.sections()]
    context = {
        "form": form,
        "monitor": monitor,
        "basics": sections[:2],
        "advanced": sections[2:],
        "wrong": any(wrong for _, _, wrong in sections),
        "no_regions": not form.judged and not Region.objects.filter(enabled=True).exists(),
        "title": f"Edit {monitor.name}" if monitor else f"Add a {_noun(form.chosen)}",
        "preview": form.chosen is HEARTBEAT and heartbeats.previewed(form.data if form.is_bound else form.shown),
        **tests.shown(run),
    }
    refused = form.is_bound and not run and "HX-Request" not in request.headers
    return render(request, "monitors/form.html", context, status=422 if refused else 200)


def _noun(kind):
    return "website" if kind.name == DEFAULT_KIND else kind.label.lower()


# Buttons --------------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pk):
    """Asks on a page of its own, then deletes; the message offers to undo it."""
    monitor = _monitor(request, pk)
    if request.method != "POST":
        return render(request, "monitors/delete.html", {"monitor": monitor, "incidents": monitor.incidents.count()})
    _apply("delete", request, [monitor])
    return _back(request, reverse("monitors:list"))


@login_required
@require_POST
def act(request, pk, verb):
    """Pause, resume or check one monitor now."""
    monitor = _monitor(request, pk)
    _apply(verb, request, [monitor])
    return _back(request, reverse("monitors:detail", args=[pk]))


@login_required
@require_POST
def restore(request, pk=None):
    """Brings deleted monitors back, one by its address or those of `?id=`: the Undo of deleting them."""
    wanted = _ids(request.GET) if pk is None else [pk]
    monitors = list(queries.deleted(request.user).filter(pk__in=wanted[:MOST_AT_ONCE]))
    if not monitors:
        messages.error(request, "It is gone for good: there is nothing left to bring back.")
        return redirect("monitors:list")
    _apply("restore", request, monitors)
    return _back(request, reverse("monitors:list"))


@login_required
@require_POST
def bulk(request):
    """One verb for all the monitors that were ticked."""
    said = request.GET if "action" in request.GET else request.POST  # the Undo of adding says it in its address
    verb = said.get("action", "")
    if verb not in DONE:
        raise Http404("There is no such action.")
    monitors = list(queries.visible(request.user).filter(pk__in=_ids(said)[:MOST_AT_ONCE]))
    if monitors:
        _apply(verb, request, monitors)
    else:
        messages.warning(request, "Tick the monitors first.")
    return _back(request, reverse("monitors:list"))


DONE = {
    "pause": "paused",
    "resume": "resumed",
    "check": "checked now",
    "delete": "deleted",
    "restore": "back",
}
VERBS = {
    "pause": actions.pause,
    "resume": actions.resume,
    "check": actions.check_now,
    "delete": actions.delete,
    "restore": actions.restore,
}


def _apply(verb, request, monitors):
    """Do it, and say so; what was deleted can be brought back from the message."""
    refused = [monitor for monitor in monitors if VERBS[verb](monitor) is False]
    done = len(monitors) - len(refused)
    if refused and not done:
        messages.info(request, _refusal(refused))
        return
    who = monitors[0].name if len(monitors) == 1 else f"{done} monitors"
    text = f"{who} {'is' if done == 1 else 'are'} {DONE[verb]}."
    messages.success(request, text, extra_tags=f"undo:{_undo(monitors)}" if verb == "delete" else "")


def _undo(monitors):
    if len(monitors) == 1:
        return reverse("monitors:restore", args=[monitors[0].pk])
    return f"{reverse('monitors:restore_all')}?{urlencode([('id', monitor.pk) for monitor in monitors])}"


def _refusal(monitors):
    """Why none of them is checked now."""
    who = monitors[0].name if len(monitors) == 1 else "They"
    if all(monitor.paused for monitor in monitors):
        return f"{who} {'is' if len(monitors) == 1 else 'are'} paused: resume first."
    if not any(monitor.probed for monitor in monitors):
        waited_for = all(monitor.kind == HEARTBEAT.name for monitor in monitors)
        ending = "but waited for: send a ping" if waited_for else "so there is nothing to check"
        return f"{who} {'is' if len(monitors) == 1 else 'are'} never asked, {ending}."
    return "A check is already on its way."


# Shared ---------------------------------------------------------------------------------------------------------------
def _monitor(request, pk):
    monitor = queries.visible_monitor(request.user, pk)
    if monitor is None:
        raise Http404("There is no such monitor.")
    return monitor


def _version(user):
    return live.version(user.teams.values_list("pk", flat=True))


def _ids(data):
    return [int(text) for text in data.getlist("id") if text.isdecimal() and len(text) < 19]


def _back(request, otherwise):
    """The page of ours the button was on."""
    wanted = request.POST.get("next", "")
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return HttpResponseRedirect(wanted if ours else otherwise)
