"""Every message of every channel, as it was sent or kept; the banner; and leaving by the link in a mail."""

from csp.decorators import csp, csp_update
from django.contrib import messages as flash
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import queries, unsubscribing
from alerts.services import channels as services
from monitors.fragments import live_part

FRAMED = {  # what a mail's HTML may do in its frame: nothing but look
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["data:"],
    "frame-ancestors": ["'self'"],
    "sandbox": True,
}


@login_required
@require_safe
def messages(request):
    show = request.GET.get("show", "all")
    show = show if show in queries.SHOWS else "all"
    search = request.GET.get("search", "").replace("\0", "").strip()[:200]
    context = {
        "page": queries.message_page(request.user, show, search, request.GET.get("page")),
        "show": show,
        "shows": queries.SHOWS,
        "search": search,
        "dead": queries.given_up(request.user),
    }
    return render(request, "alerts/messages.html", context)


@login_required
@require_safe
@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # it knows no view with arguments
def message(request, pk):
    return render(request, "alerts/message.html", {"delivery": _delivery(request, pk)})


@login_required
@require_safe
@xframe_options_sameorigin
@csp(FRAMED)  # type: ignore[arg-type]
def message_html(request, pk):
    """The message's own HTML for the frame: no script, no request to anywhere, no origin of its own."""
    found = _delivery(request, pk)
    if not found.html:
        raise Http404("This message has no HTML.")
    return HttpResponse(found.html)


@login_required
@require_POST
def again(request, pk):
    """Try a message that was given up once more."""
    found = _delivery(request, pk)
    if services.send_again(found):
        flash.success(request, "It is being sent again.")
    else:
        flash.info(request, "There is nothing to send again: it was not given up, or its channel is gone.")
    return redirect("alerts:message", pk=pk)


@live_part
def banner(request):
    return render(request, "components/banners/alerts.html")


@csrf_exempt  # RFC 8058: a mail program posts this, without cookies; the signed token is the proof
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request, token):
    """A page with a button, so that programs that follow links end nothing."""
    try:
        channel, address = unsubscribing.read(token)
    except (signing.BadSignature, ValueError):
        raise Http404("This link is not one of ours.") from None
    done = request.method == "POST"
    if done:
        services.leave(channel, address)
    return render(request, "alerts/unsubscribe.html", {"address": address, "done": done})


def _delivery(request, pk):
    found = queries.messages(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such message.")
    return found
