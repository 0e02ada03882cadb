"""What the page of a group shows: its members, and how it fares."""

from urllib.parse import urlencode

from django.utils import timezone

from monitors import availability, queries
from monitors.judged.group import KIND
from monitors.models import Monitor, Status


def page(request, monitor, version):
    now = timezone.now()
    known = queries.uptimes([monitor.pk], [days for _, days in queries.SPANS], now)
    members = _members(monitor)
    counted = [each for each, _ in members if each.state.status not in {Status.PAUSED, Status.MAINTENANCE}]
    return {
        "monitor": monitor,
        "state": monitor.state,
        "version": version,
        "poll": f"?{urlencode({'v': version})}",
        "expectation": KIND.expectation(monitor.options),
        "members": members,
        "weighted": monitor.options["rule"] == "weighted",
        "counted": len(counted),
        "up": sum(each.state.status == Status.UP for each in counted),
        "uptimes": [(title, known[span][monitor.pk]) for title, span in queries.SPANS],
        "days": availability.days(monitor, now),
        "incidents": queries.incidents(monitor),
        "reason": queries.reason_label(monitor.state.last_reason),
        "down": queries.down_count(request.user),
    }


def _members(monitor):
    """(member, weight), those in trouble first; of the team's, whatever the options still name."""
    weights = {int(each["id"]): each["weight"] for each in monitor.options["members"]}
    found = Monitor.objects.alive().filter(pk__in=weights, team=monitor.team_id).select_related("state")
    return [(each, weights[each.pk]) for each in found.order_by(queries.WORST_FIRST, "name", "pk")]
