"""Pages of channels: the list with its test buttons, and the form that its kind fills."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import queries
from alerts.channels.base import KINDS
from alerts.channels.webhook import SECRET
from alerts.forms import ChannelForm
from alerts.models import Status
from alerts.services import channels as services
from alerts.services import policies


@login_required
@require_safe
def channels(request):
    team = request.user.ensure_team()
    policies.ensure_default(team)
    found = list(queries.channels(request.user))
    own_email = not any(each.member_id == request.user.pk and not each.about.to_browsers for each in found)
    return render(request, "alerts/channels.html", {"channels": found, "own_email": own_email, "now": timezone.now()})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_add(request):
    """Without a kind, the choice of one; then its form."""
    name = request.GET.get("kind", "")
    if name not in KINDS:
        return render(request, "alerts/kinds.html", {"kinds": sorted(KINDS, key=lambda kind: kind.label.casefold())})
    form = ChannelForm(_posted(request), team=request.user.ensure_team(), user=request.user, kind=KINDS.get(name))
    return _form(request, form, "was added. Send a test to see that it arrives.")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_edit(request, pk):
    channel = _channel(request, pk)
    form = ChannelForm(_posted(request), team=channel.team, user=request.user, kind=channel.about, instance=channel)
    return _form(request, form, "was saved.")


def _posted(request):
    return request.POST if request.method == "POST" else None


def _form(request, form, done):
    if form.is_bound and form.is_valid():
        channel = form.save()
        messages.success(request, f"{channel.name} {done}")
        return redirect("alerts:channels")
    sections = list(form.sections())
    context = {
        "form": form,
        "channel": form.instance,
        "kind": form.kind,
        "basics": sections[:-1],
        "advanced": sections[-1:],
        "advanced_wrong": any(field.errors for field in sections[-1][1]),
        "wrong": form.is_bound,
        "signed": form.instance and SECRET in form.kind.Options.base_fields,
        "title": f"Edit {form.instance.name}" if form.instance else f"Add a channel: {form.kind.label}",
    }
    return render(request, "alerts/channel.html", context, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_delete(request, pk):
    """Asks on a page of its own, where the steps that name it are listed."""
    channel = _channel(request, pk)
    if request.method != "POST":
        steps = channel.steps.select_related("policy")
        return render(request, "alerts/channel_delete.html", {"channel": channel, "steps": steps})
    services.delete(channel)
    messages.success(request, f"{channel.name} was deleted.")
    return redirect("alerts:channels")


@login_required
@require_POST
@never_cache
def channel_secret(request, pk):
    """Makes a new signing secret and shows it, this once."""
    channel = _channel(request, pk)
    if SECRET not in channel.about.Options.base_fields:
        raise Http404("Messages of this channel are not signed.")
    secret = services.change_signing_secret(channel)
    return render(request, "alerts/channel_secret.html", {"channel": channel, "secret": secret})


@login_required
@require_POST
def channel_test(request, pk):
    """Sends a real message, and says what the provider answered."""
    channel = _channel(request, pk)
    sent = services.send_test(channel, request.user.username)
    if sent.status == Status.SENT:
        messages.success(request, f"The test went through {channel.name}. The answer: {sent.answer}")
    elif sent.status == Status.KEPT:
        messages.warning(request, f"The test was kept under Messages and not sent. {sent.answer}")
    else:
        messages.error(request, f"The test did not get through {channel.name}. {sent.answer}")
    return redirect("alerts:browsers" if request.POST.get("next") == "browsers" else "alerts:channels")


@login_required
@require_POST
def channel_switch(request, pk):
    channel = _channel(request, pk)
    services.switch(channel, not channel.enabled)
    messages.success(request, f"{channel.name} is {'on' if channel.enabled else 'off'}.")
    return redirect("alerts:channels")


def _channel(request, pk):
    channel = queries.channels(request.user).filter(pk=pk).first()
    if channel is None:
        raise Http404("There is no such channel.")
    return channel
