"""What the live parts of pages share."""

from functools import wraps

from django.http import HttpResponse
from django.views.decorators.http import require_safe


def live_part(view):
    """A part of a page that is fetched again and again: who is no longer signed in is sent to the whole page.

    A redirect to the sign-in page would be followed, and drawn into the middle of the page.
    """

    @wraps(view)
    def answer(request, *args, **kwargs):
        if not request.user.is_authenticated:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return view(request, *args, **kwargs)

    return require_safe(answer)
