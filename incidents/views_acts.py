"""What is done with incidents on their pages, and through the links in messages."""

from contextlib import suppress

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from incidents import handling, links, queries
from incidents.domain.lifecycle import Act
from incidents.forms import CommentForm, DeclareForm, PostmortemForm
from incidents.handling import Person
from incidents.markdown import render as render_markdown
from incidents.models import Incident

MOST_AT_ONCE = 500  # incidents one bulk action takes


@login_required
@require_POST
def acknowledge(request, pk):
    return _act(request, pk, handling.acknowledge, "You acknowledged it: nobody else is told.")


@login_required
@require_POST
def resolve(request, pk):
    return _act(request, pk, handling.resolve, "It is resolved.")


@login_required
@require_POST
def reopen(request, pk):
    return _act(request, pk, handling.reopen, "It is open again.")


def _act(request, pk, verb, done):
    """A refusal is said on the page: somebody else, or the monitor itself, was faster."""
    incident = _incident(request, pk)
    try:
        verb(incident, Person.of(request.user))
    except handling.RefusedError as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("incidents:detail", pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def comment(request, pk):
    """A page of its own only where something was wrong with what was written."""
    incident = _incident(request, pk)
    form = CommentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        handling.comment(incident, Person.of(request.user), form.cleaned_data["text"])
        return redirect("incidents:detail", pk)
    status = 422 if form.is_bound else 200
    return render(request, "incidents/comment.html", {"incident": incident, "form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def postmortem(request, pk):
    """“Preview” shows what was written, and keeps nothing yet."""
    incident = _incident(request, pk)
    form = PostmortemForm(request.POST if request.method == "POST" else None, initial={"text": incident.postmortem})
    preview = None
    if form.is_valid():
        text = form.cleaned_data["text"]
        if "preview" not in request.POST:
            handling.write_postmortem(incident, Person.of(request.user), text)
            messages.success(request, "The post-mortem was saved." if text else "The post-mortem was removed.")
            return redirect("incidents:detail", pk)
        preview = render_markdown(text)
    context = {"incident": incident, "form": form, "preview": preview}
    return render(request, "incidents/postmortem.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request):
    """A manual incident."""
    team = request.user.ensure_team()
    form = DeclareForm(
        request.POST if request.method == "POST" else None,
        team=team,
        initial={"monitor": request.GET.get("monitor", "").replace("\0", "")},
    )
    if form.is_valid():
        incident = handling.declare(team, Person.of(request.user), **form.cleaned_data)
        messages.success(request, "The incident is open, and people are being told.")
        return redirect("incidents:detail", incident.pk)
    return render(request, "incidents/add.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pk):
    """Asks on a page of its own."""
    incident = _incident(request, pk)
    if why := handling.refusal(incident, Act.DELETE):
        messages.warning(request, why)
        return redirect("incidents:detail", pk)
    if request.method != "POST":
        return render(request, "incidents/delete.html", {"incident": incident})
    handling.delete(incident)
    messages.success(request, "The incident was deleted.")
    return redirect("incidents:list")


@login_required
@require_POST
def bulk(request):
    """Acknowledge all that are ticked."""
    ids = [int(text) for text in request.POST.getlist("id") if text.isascii() and text.isdigit() and len(text) < 19]
    found = Incident.objects.visible_to(request.user).open().filter(pk__in=ids[:MOST_AT_ONCE]).order_by("pk")
    done = handling.acknowledge_all(found, Person.of(request.user))
    if not ids:
        messages.warning(request, "Tick the incidents first.")
    elif done:
        messages.success(request, f"You acknowledged {done} incident{'' if done == 1 else 's'}.")
    else:
        messages.warning(request, "There was nothing left to acknowledge.")
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) and back.startswith("/") else "incidents:list")


@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge_link(request, token):
    """Needs no account: the link itself says who it was sent to."""
    try:
        followed = links.follow(token)
    except links.LinkError as error:
        return render(request, "incidents/link.html", {"problem": str(error)}, status=410)
    if request.method == "POST":
        with suppress(handling.RefusedError):  # the page says how it stands
            handling.acknowledge(followed.incident, followed.who)
    return render(request, "incidents/link.html", {"incident": followed.incident, "who": followed.who})


def _incident(request, pk):
    incident = queries.visible_incident(request.user, pk)
    if incident is None:
        raise Http404("No such incident.")
    return incident
