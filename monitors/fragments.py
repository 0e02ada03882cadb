"""What the live parts of pages share."""

from functools import wraps

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe


def live_part(view):
    """A part of a page that is fetched again and again: who is no longer signed in is sent to the whole page.

    A redirect to the sign-in page would be followed, and drawn into the middle of the page. What is gone stays drawn.
    """

    @wraps(view)
    def answer(request, *args, **kwargs):
        if not request.user.is_authenticated:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        try:
            return view(request, *args, **kwargs)
        except Http404:
            if "HX-Request" not in request.headers:
                raise
            return HttpResponse(status=204)  # deleted while the page was open, or by the click that is just leaving it

    return require_safe(answer)
