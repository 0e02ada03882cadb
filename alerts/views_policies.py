"""Pages of policies: who is told, when, with a preview by the function that plans it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import queries
from alerts.domain.escalation import Severity
from alerts.forms_policy import MonitorPolicyForm, PolicyForm
from alerts.services import policies as services
from monitors.queries import visible_monitor


@login_required
@require_safe
def policies(request):
    services.ensure_default(request.user.ensure_team())
    now, found = timezone.now(), list(queries.visible_policies(request.user))
    for policy in found:
        policy.preview = queries.preview(policy.team_id, policy.rules, now)
        policy.used = policy.monitors.filter(monitor__deleted_at=None).count()
    return render(request, "alerts/policies.html", {"policies": found})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_add(request):
    return _form(request, request.user.ensure_team(), None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_edit(request, pk):
    policy = _policy(request, pk)
    return _form(request, policy.team, policy)


def _form(request, team, policy):
    """`more` shows another empty step and `preview` what would happen: neither saves anything."""
    posted = request.POST if request.method == "POST" else None
    more = 1 if posted is not None and "more" in posted else 0
    form = PolicyForm(posted, team=team, user=request.user, instance=policy, extra=more)
    valid = form.is_bound and form.is_valid()
    if valid and not more and "preview" not in form.data:
        saved = form.save()
        messages.success(request, f"{saved.name} was saved.")
        return redirect("alerts:policies")
    rules = form.rules() if valid else policy.rules if policy and not form.is_bound else None
    wrong = form.is_bound and not valid and not more
    now = timezone.now()
    context = {
        "form": form,
        "policy": policy,
        "wrong": wrong,
        "preview": queries.preview(team.pk, rules, now, _severity(request)) if rules else None,
        "severity": _severity(request),
        "title": f"Edit {policy.name}" if policy else "Add a policy",
    }
    return render(request, "alerts/policy.html", context, status=422 if wrong else 200)


def _severity(request):
    wanted = request.POST.get("severity", "")
    return Severity(wanted) if wanted in list(Severity) else Severity.HIGH


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_delete(request, pk):
    policy = _policy(request, pk)
    if request.method != "POST":
        used = policy.monitors.filter(monitor__deleted_at=None).count()
        return render(request, "alerts/policy_delete.html", {"policy": policy, "used": used})
    try:
        services.delete(policy)
    except ValueError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{policy.name} was deleted.")
    return redirect("alerts:policies")


@login_required
@require_POST
def policy_default(request, pk):
    policy = _policy(request, pk)
    services.make_default(policy)
    messages.success(request, f"{policy.name} is the policy of every monitor that names no other.")
    return redirect("alerts:policies")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def monitor(request, pk):
    """Which policy a monitor goes by, and how severe its incidents are."""
    found = visible_monitor(request.user, pk)
    if found is None:
        raise Http404("There is no such monitor.")
    form = MonitorPolicyForm(request.POST if request.method == "POST" else None, monitor=found)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, f"Alerts of {found.name} were saved.")
        return redirect("monitors:detail", pk=pk)
    hearing, now = queries.hearing(found), timezone.now()
    preview = queries.preview(found.team_id, hearing.policy.rules, now, hearing.severity)
    context = {"monitor": found, "form": form, "hearing": hearing, "preview": preview}
    return render(request, "alerts/monitor.html", context, status=422 if form.is_bound else 200)


def _policy(request, pk):
    policy = queries.visible_policies(request.user).filter(pk=pk).first()
    if policy is None:
        raise Http404("There is no such policy.")
    return policy
