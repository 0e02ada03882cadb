"""The addresses that checks come from, for firewalls: as text, as JSON, and in the shape of Better Stack's list.

Open to everybody: whoever lets our checks through need not have an account.
"""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from monitors.queries_addresses import name_given, places

FRESH = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}


@require_safe
def text(request):
    """One address or network a line."""
    lines = dict.fromkeys(address for place in places() for address in place.addresses)
    return HttpResponse("".join(f"{line}\n" for line in lines), content_type="text/plain", headers=FRESH)


@require_safe
def listing(request):
    regions = [{"id": each.slug, "name": each.name, "addresses": each.addresses} for each in places()]
    return JsonResponse({"user_agent": name_given(), "regions": regions}, headers=FRESH)


@require_safe
def by_cluster(request):
    """{region: [address]}, as Better Stack's clients read it."""
    return JsonResponse({each.slug: each.addresses for each in places()}, headers=FRESH)
