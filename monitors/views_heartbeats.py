"""What is special about the pages of heartbeats: the page of one, one ping, and a preview of a schedule."""

from datetime import timedelta
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitors import availability, queries, queries_heartbeats
from monitors.judged.heartbeat import Options
from monitors.snippets import snippets

PREVIEWED = ("schedule", "period", "expression", "time_zone", "grace")


def page(request, monitor, version):
    """What the page of a heartbeat shows, live or whole."""
    now, heartbeat = timezone.now(), monitor.heartbeat
    known = queries.uptimes([monitor.pk], [days for _, days in queries.SPANS], now)
    pings, where = queries_heartbeats.log(monitor, request.GET.get("page", "1")), queries_heartbeats.addresses(monitor)
    due = heartbeat.due_at
    return {
        "monitor": monitor,
        "state": monitor.state,
        "heartbeat": heartbeat,
        "version": version,
        "poll": f"?{urlencode({'page': pings.number, 'v': version})}",
        "pings": pings,
        "where": where,
        "snippets": snippets(where.uuid, monitor.name),
        "expected": queries_heartbeats.expected(monitor.options, now, heartbeat.last_ping_at if due else None),
        "down_at": due and due + timedelta(seconds=monitor.options["grace"]),
        "runs": queries_heartbeats.runs(heartbeat),
        "uptimes": [(title, known[span][monitor.pk]) for title, span in queries.SPANS],
        "days": availability.days(monitor, now),
        "incidents": queries.incidents(monitor),
        "reason": queries.reason_label(monitor.state.last_reason),
        "down": queries.down_count(request.user),
    }


@login_required
@require_safe
def ping(request, pk, n):
    """One ping with its body."""
    monitor = queries.visible_monitor(request.user, pk)
    found = queries_heartbeats.ping(monitor, n) if monitor and n < 2**63 else None
    if found is None:
        raise Http404("There is no such ping.")
    return render(request, "monitors/heartbeat/ping.html", {"monitor": monitor, "ping": found})


@login_required
@require_safe
def preview(request):
    """When a schedule would be due, while somebody is still filling in the form."""
    return render(request, "monitors/heartbeat/_preview.html", previewed(request.GET))


def previewed(given):
    """The preview of what a form holds; without `expected` while that makes no schedule."""
    form = Options.of({name: given[name] for name in PREVIEWED if given.get(name) not in {None, ""}})
    form.full_clean()
    if any(name in form.errors for name in PREVIEWED):
        return {}
    return {"expected": queries_heartbeats.expected(form.cleaned_data, timezone.now())}
