"""The Pipeline page: how every part of the pipeline is, and what could not be stored. For staff."""

from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from monitors.fragments import live_part
from monitors.models import DeadLetter
from uptime import actions
from uptime.context import Shell
from uptime.pipeline.gather import recent
from uptime.pipeline.parts import Severity

PER_PAGE = 25
REPLAYED_AT_ONCE = 200  # so that a request ends within seconds


def staff_only(view):
    @wraps(view)
    def answer(request, *args, **kwargs):
        if not request.user.is_staff:
            raise PermissionDenied("Only staff may look into the pipeline.")
        return view(request, *args, **kwargs)

    return answer


@login_required
@staff_only
@require_safe
def page(request):
    return render(request, "pipeline/page.html", {**_parts(), "letters": _letters(request)})


@live_part
@staff_only
def parts(request):
    """The live part of the page: numbers that move."""
    return render(request, "pipeline/_parts.html", _parts())


@require_safe
def banner(request):
    """Whether checks run, for pages that stay open; 204 while that is as the page knows it."""
    since = Shell(request).stalled_since
    if request.GET.get("v", "") == (str(int(since.timestamp())) if since else ""):
        return HttpResponse(status=204)
    return render(request, "components/banners/stalled.html")


@login_required
@staff_only
@require_POST
def letters(request):
    """Replay or purge dead letters: one, the ticked ones, or all. Purging asks first."""
    verb = "purge" if "purge" in request.POST else "replay"
    which = request.POST.get(verb, "")
    found = _chosen(request, which)
    if verb == "replay":
        _replay(request, found)
    elif not found.exists():
        messages.warning(request, "Nothing was chosen.")
    elif "sure" not in request.POST:
        return render(request, "pipeline/purge.html", _asked(found, which))
    else:
        count = actions.purge(found.values_list("pk", flat=True))
        messages.success(request, f"{count} {_letters_word(count)} purged.")
    return redirect("pipeline:page")


def _parts():
    snapshot = recent()
    return {
        "snapshot": snapshot,
        "problems": snapshot.problems(Severity.PROBLEM),
        "warnings": snapshot.problems(Severity.WARNING),
    }


def _letters(request):
    return Paginator(DeadLetter.objects.order_by("-pk"), PER_PAGE).get_page(request.GET.get("page"))


def _chosen(request, which):
    """`which`: "all" (up to `until`, what whoever asked could have seen), "selected", or one id."""
    every = DeadLetter.objects.order_by("pk")
    if which == "all":
        until = request.POST.get("until", "")
        return every.filter(pk__lte=int(until)) if _is_id(until) else every
    ids = request.POST.getlist("id") if which == "selected" else [which]
    return every.filter(pk__in=[int(each) for each in ids if _is_id(each)])


def _is_id(text):
    return text.isascii() and text.isdecimal() and len(text) < 19


def _asked(found, which):
    ids = [] if which == "all" else list(found.values_list("pk", flat=True))
    return {"which": which, "ids": ids, "count": found.count(), "until": found.last().pk}


def _replay(request, found):
    some = list(found[:REPLAYED_AT_ONCE])
    done, failed = actions.replay(some)
    if done:
        messages.success(request, f"{done} {_letters_word(done)} replayed: stored, and gone from the list.")
    if failed:
        messages.error(request, f"{failed} could not be stored this time either; the list says why.")
    if not some:
        messages.warning(request, "Nothing was chosen.")
    if len(some) == REPLAYED_AT_ONCE:
        messages.info(request, "There may be more: replay again.")


def _letters_word(count):
    return "dead letter was" if count == 1 else "dead letters were"
