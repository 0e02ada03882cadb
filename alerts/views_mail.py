"""Pages of mail templates: how the mails of a team are put, with a preview of what a reader would get."""

from csp.decorators import csp, csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import get_random_string
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from redis.exceptions import RedisError

from alerts.channels.base import Event
from alerts.channels.wording import VARIABLES, values
from alerts.forms_mail import MailTemplateForm
from alerts.models import MAILS, MailTemplate
from alerts.samples import sample
from alerts.services import mail_templates as services
from alerts.views_messages import FRAMED

PREVIEW_S = 600  # how long a preview can be looked at


@login_required
@require_safe
def mail_templates(request):
    own = {each.event: each for each in MailTemplate.objects.filter(team=request.user.ensure_team())}
    rows = [{"event": event, "label": label, "own": own.get(event)} for event, label in MAILS.items()]
    return render(request, "alerts/mail_templates.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # it knows no view with arguments
def mail_template(request, event):
    form = _form(request, event)
    saving = request.method == "POST" and "preview" not in request.POST
    if saving and form.is_valid():
        form.save()
        messages.success(request, f"Mails of the kind “{MAILS[form.event]}” are sent like this from now on.")
        return redirect("alerts:mail_templates")
    message = sample(form.event, form.team)
    said = values(message)
    context = {
        "form": form,
        "label": MAILS[form.event],
        "variables": [(name, meaning, said[name]) for name, meaning in VARIABLES.items()],
        **_preview(request, form),
    }
    return render(request, "alerts/mail_template.html", context, status=422 if saving else 200)


@login_required
@require_POST
def mail_preview(request, event):
    """The preview alone, of what is being typed."""
    form = _form(request, event)
    return render(request, "alerts/_mail_preview.html", {"form": form, **_preview(request, form)})


@login_required
@require_safe
@xframe_options_sameorigin
@csp(FRAMED)  # type: ignore[arg-type]
def mail_preview_html(request, event, key):
    """The HTML of a preview for its frame: no script, no request to anywhere, no origin of its own."""
    try:
        found = cache.get(_cache_key(request, key))
    except RedisError:
        found = None
    if found is None:
        raise Http404("This preview is over. Change something to see a new one.")
    return HttpResponse(found)


@login_required
@require_POST
def mail_default(request, event):
    form = _form(request, event)
    services.reset(form.team, form.event)
    messages.success(request, f"Mails of the kind “{MAILS[form.event]}” are sent in the usual words again.")
    return redirect("alerts:mail_templates")


def _form(request, event):
    if event not in MAILS:
        raise Http404("There are no such mails.")
    posted = request.POST if request.method == "POST" else None
    return MailTemplateForm(posted, team=request.user.ensure_team(), event=Event(event))


def _preview(request, form):
    """The rendered sample, where the form holds one that can be rendered."""
    if not form.is_bound:
        form = MailTemplateForm(form.initial, team=form.team, event=form.event)
    if not form.is_valid():
        return {"rendered": None, "problems": _problems(form)}
    key = get_random_string(22)
    try:
        cache.set(_cache_key(request, key), form.rendered.html, PREVIEW_S)
    except RedisError:
        return {"rendered": form.rendered, "key": ""}
    return {"rendered": form.rendered, "key": key}


def _problems(form):
    """What is wrong, each with the label of its field."""
    labels = {name: f"{field.label}: " for name, field in form.fields.items()}
    return [f"{labels.get(name, '')}{text}" for name, texts in form.errors.items() for text in texts]


def _cache_key(request, key):
    return f"mail-preview:{request.user.pk}:{key}"
