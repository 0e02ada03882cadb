"""Testing settings before they are saved, or those of a monitor now; and an address turned into a proposal."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from monitors import queries, queries_tests
from monitors.domain.proposal import propose as advise
from monitors.forms_tests import AddressForm, trial
from monitors.fragments import live_part
from monitors.models import Region
from monitors.services import regions
from monitors.services.testruns import TooManyTestsError, Trial
from uptime import actions

ASKED_FROM = 3  # regions: a proposal is several checks at once, and one look at the target is enough


# Tests ----------------------------------------------------------------------------------------------------------------
def try_typed(request, form, monitor=None):
    """Test what a valid form holds; None, with the reason among the form's errors, where that cannot be."""
    if form.judged:
        form.add_error(None, "It is waited for and never asked, so there is nothing to test. Send a ping instead.")
        return None
    where = form.cleaned_data["regions"]
    if not where:
        form.add_error(None, "There is no region to test from yet. Add one first.")
        return None
    try:
        return actions.try_out(form.team, request.user, [trial(form)], where, monitor=monitor)
    except TooManyTestsError as error:
        form.add_error(None, str(error))
        return None


def shown(run):
    """What a page shows of a run; nothing where there is none."""
    return {"progress": queries_tests.progress(run)} if run else {}


@login_required
@require_POST
def test(request, pk):
    """Test a monitor as it is stored, from its regions."""
    monitor = queries.visible_monitor(request.user, pk)
    if monitor is None or not monitor.probed:
        raise Http404("There is no such monitor that could be tested.")
    where = list(monitor.regions.all())
    try:
        run = actions.try_out(monitor.team, request.user, [Trial.of(monitor)], where, monitor=monitor)
    except TooManyTestsError as error:
        messages.warning(request, str(error))
        return redirect("monitors:detail", pk=pk)
    return redirect("monitors:test_run", pk=run.pk)


@login_required
@require_safe
def run(request, pk):
    """The results so far; without scripts the page loads itself again until they are all there."""
    found = _run(request, pk)
    page = "monitors/proposal.html" if found.address else "monitors/test.html"
    return render(request, page, _page(queries_tests.progress(found)))


@live_part
def results(request, pk):
    """The live part; 204 while nothing more has come."""
    found = _run(request, pk)
    progress = queries_tests.progress(found)
    if request.GET.get("v") == progress.version:
        return HttpResponse(status=204)
    return render(request, "monitors/_proposal.html" if found.address else "monitors/_test.html", _page(progress))


def _run(request, pk):
    found = queries_tests.visible_run(request.user, pk)
    if found is None:
        raise Http404("There is no such test, or its time is over: test again.")
    return found


def _page(progress):
    context = {"progress": progress, "monitor": progress.run.monitor}
    return context | _proposal(progress) if progress.run.address else context


# Proposals ------------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def propose(request):
    """One field for an address; what is posted is tested and answered with a proposal."""
    team = request.user.ensure_team()
    if request.method != "POST":
        initial = {"target": request.GET.get("target", "")}
        return _ask(request, AddressForm(team=team, user=request.user, initial=initial))
    form = AddressForm(request.POST, team=team, user=request.user)
    where = queries_tests.offered_regions(regions.hearing().offline, ASKED_FROM)
    if not form.is_valid() or not where:
        return _ask(request, form)
    try:
        run = actions.try_out(team, request.user, form.trials, where, address=form.cleaned_data["target"])
    except TooManyTestsError as error:
        form.add_error("target", str(error))
        return _ask(request, form)
    return redirect("monitors:test_run", pk=run.pk)


def _ask(request, form):
    form.fields["target"].widget.attrs["autofocus"] = True
    context = {"form": form, "no_regions": not Region.objects.filter(enabled=True).exists()}
    return render(request, "monitors/propose.html", context, status=422 if form.is_bound else 200)


def is_bare_address(posted):
    """Whether the dialog for a website was given an address and nothing else, and one that can be made sense of."""
    alone = not posted.get("name") and posted.get("interval", "") in {"", str(settings.DEFAULT_CHECK_INTERVAL)}
    return "quick" in posted and alone and AddressForm(posted, team=None, user=None).is_valid()


@login_required
@require_POST
def add_proposed(request):
    """Make what was ticked, all or nothing; what is watched already stays as it is."""
    team = request.user.ensure_team()
    form = AddressForm(request.POST, team=team, user=request.user)
    if not form.is_valid():
        return _ask(request, form)
    wanted = [each for each in form.offers if each.key in request.POST.getlist("choose")]
    if not wanted:
        messages.warning(request, "Tick at least one of the monitors.")
        back = request.POST.get("run", "")
        ours = back.isdecimal() and len(back) < 19 and queries_tests.visible_run(request.user, int(back))
        return redirect("monitors:test_run", pk=ours.pk) if ours else _ask(request, form)
    made = actions.create_all(team, request.user, [each.fields for each in wanted])
    _say(request, made, len(wanted))
    return redirect(f"{reverse('monitors:list')}?sort=newest")


def _say(request, made, wanted):
    if not made:
        messages.info(request, "You watch all of this already: nothing was added.")
        return
    who = f"{made[0].name} was" if len(made) == 1 else f"{len(made)} monitors were"
    rest = " You watch the others already." if len(made) < wanted else ""
    undo = urlencode([("action", "delete"), *(("id", each.pk) for each in made)])
    text = f"{who} added. The first checks are on their way.{rest}"
    messages.success(request, text, extra_tags=f"undo:{reverse('monitors:bulk')}?{undo}")


def _proposal(progress):
    """The rows of a proposal: each candidate with its results, and what is advised as soon as that is known."""
    found = progress.run
    form = AddressForm({"target": found.address}, team=found.team, user=None)
    form.is_valid()
    tried = {each.key: each for each in progress.tried}
    offers = [each for each in form.offers if each.key in tried]
    advice = advise([each.candidate for each in offers], {each.key: tried[each.key].seen for each in offers})
    watched = queries_tests.duplicates(found.team, {each.identity for each in offers})
    rows = [
        {
            "offer": each,
            "tried": tried[each.key],
            "advice": advice.get(each.key),
            "watched": watched.get(each.identity),
        }
        for each in offers
    ]
    return {"address": found.address, "rows": rows, "regions": _regions(progress)}


def _regions(progress):
    return [result.region for result in progress.tried[0].results] if progress.tried else []
