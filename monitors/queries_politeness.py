"""Not asking too often: how often a monitor is asked now, and whether its domain is asked too often."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, F, FloatField, Sum
from django.db.models.functions import Cast
from django.db.models.lookups import Exact

from monitors.models import Monitor, Pace
from monitors.probes.reasons import Reason
from monitors.queries_addresses import places
from monitors.times import from_ms, now_ms

KEEP_OUT = {Reason.BLOCKED, Reason.RATE_LIMITED}


@dataclass(frozen=True)
class Slowness:
    """A monitor that is asked less often than its interval says."""

    seconds: int  # between two checks
    not_before: datetime | None  # its target asked us to stay away until then


def slowness(monitor):
    """The Slowness of a monitor, None where it is checked at every slot."""
    now = from_ms(now_ms())
    rows = Pace.objects.filter(monitor=monitor).exclude(start=None).order_by("-id")
    row = rows.filter(end=None).first() or rows.filter(end__gt=now).first()
    if row is None:
        return None
    waits = row.not_before if row.not_before and row.not_before > now else None
    return Slowness(monitor.interval * row.every, waits)


def shut_out(monitor):
    """The places that a firewall has to let through, where one keeps us out; None where none does."""
    state = monitor.state
    return places(monitor.regions.all()) if state.last_vote == "down" and state.last_reason in KEEP_OUT else None


def crowding(monitor):
    """One sentence for whoever has just made or changed a monitor of a domain that is asked too often; "" otherwise."""
    limit = settings.DOMAIN_CHECKS_PER_SECOND
    if not (monitor.domain and limit) or monitor.paused:
        return ""
    others = Monitor.objects.alive().filter(domain=monitor.domain, paused=False)
    per_second = Sum(1.0 / Cast(F("interval"), FloatField()))
    busiest = (
        others.filter(regions__in=monitor.regions.filter(enabled=True))
        .order_by()
        .values("regions")
        .annotate(
            each_second=per_second, monitors=Count("pk"), own=Count("pk", filter=Exact(F("team"), monitor.team_id))
        )
        .order_by("-each_second")
        .first()
    )
    if busiest is None or busiest["monitors"] < 2 or busiest["each_second"] <= limit:
        return ""
    own = busiest["own"]
    who = f"{own} monitor{'s' if own > 1 else ''}" + (" and others" if busiest["monitors"] > own else "")
    return (
        f"{who} check {monitor.domain} {busiest['each_second']:.1f} times a second from each region, and {limit} are "
        "sent: the rest would be held back as no data. Choose longer intervals."
    )
