"""The page of one check: what it came to, where its time went, what it saw, and what became different."""

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitors import queries, queries_evidence
from monitors.models import Region
from monitors.probes.base import MAX_TIME
from monitors.queries_evidence import check_url
from monitors.times import from_ms


@login_required
@require_safe
def one(request, pk, region, slot):
    """`slot`: milliseconds since the epoch."""
    monitor = queries.visible_monitor(request.user, pk)
    place = Region.objects.filter(slug=region).defer("key").first()
    sight = queries_evidence.sight(monitor, place, from_ms(slot)) if monitor and place and slot <= MAX_TIME else None
    if sight is None:
        raise Http404("There is no such check.")
    earlier, later = (at and check_url(pk, region, at) for at in queries_evidence.neighbours(sight))
    context = {"monitor": monitor, "sight": sight, "earlier": earlier, "later": later}
    return render(request, "monitors/check.html", context)
