"""The regions page: where checks run from, whether each place is alive, and for staff how to get another one."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from monitors.fragments import live_part
from monitors.models import Region, RegionWorker
from monitors.queries_health import Open, open_troubles, past_troubles
from monitors.services.regions import SLUG_LENGTH, RegionInUseError, validate_slug
from uptime import actions
from uptime.lib.addresses import parse

FORGOTTEN_AFTER = timedelta(minutes=10)  # a silent worker leaves the page, unless it is the region's last one
DELAY_TOLERATED_MS = 2000  # the least lateness a check is allowed; beyond it rounds are lost


class AddressesField(forms.CharField):
    """Addresses and networks, with commas or lines between."""

    def to_python(self, value):
        try:
            return parse(super().to_python(value) or "")
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value


class EditForm(forms.Form):
    """What can be changed of a region."""

    use_required_attribute = False  # the server says better what is missing

    name = forms.CharField(max_length=60, help_text="What people read, such as Rack 2.")
    addresses = AddressesField(
        label="Public addresses",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "203.0.113.7, 2001:db8::/64", "spellcheck": "false"}),
        help_text="Where its checks come from, as websites see it: people allow these in their firewalls. Empty: what "
        "its workers can tell, which behind a router is nothing.",
    )


class RegionForm(forms.Form):
    """A new region, as people name it."""

    name = forms.CharField(max_length=60, help_text="What people read, such as Rack 2.")
    slug = forms.CharField(
        label="Id",
        validators=[validate_slug],
        widget=forms.TextInput(attrs={"maxlength": SLUG_LENGTH}),
        help_text="The REGION_ID of its workers, such as rack-2. It cannot be changed later.",
    )

    def clean_slug(self):
        if Region.objects.filter(slug=self.cleaned_data["slug"]).exists():
            raise forms.ValidationError("There is already a region with this id.")
        return self.cleaned_data["slug"]


@dataclass(frozen=True)
class CanaryRow:
    """A site whose state is known, as a worker last saw it."""

    url: str
    known_up: bool
    vote: str
    wrong: int
    detail: str

    @property
    def look(self):
        """The badge for it: what matters is not up or down, but whether it was seen as it is."""
        if self.wrong:
            return "mistaken"
        return "as_known" if self.vote in {"up", "down"} else "nodata"


@dataclass(frozen=True)
class WorkerRow:
    """One worker as the page shows it."""

    worker: RegionWorker
    alive: bool

    @property
    def delay_ms(self):
        """From sending its last sign of life to reading it, by both clocks: queueing, or a clock that is behind."""
        return (self.worker.heard_at - self.worker.in_band_at).total_seconds() * 1000

    @property
    def clock_matters(self):
        clock_ms = self.worker.clock_ms
        return self.alive and clock_ms is not None and abs(clock_ms) > settings.REGION_CLOCK_LIMIT

    @property
    def canaries(self):
        return [CanaryRow(**each) for each in self.worker.canaries] if self.alive else []

    @property
    def delay_matters(self):
        return self.alive and self.delay_ms > DELAY_TOLERATED_MS


@dataclass(frozen=True)
class RegionRow:
    """One region as the page shows it."""

    region: Region
    state: str  # "online" | "doubted" | "offline" | "never" | "off"
    heard_at: datetime | None
    workers: list[WorkerRow]
    troubles: list[Open]

    @property
    def addresses(self):
        """Where its checks come from, as far as anybody said."""
        told = [address for row in self.workers for address in row.worker.addresses]
        return self.region.public_addresses or list(dict.fromkeys(told))

    @property
    def in_flight(self):
        return sum(row.worker.in_flight for row in self.workers if row.alive)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def regions(request):
    """The page; a POST (staff) adds a region on this machine."""
    if request.method != "POST":
        return render(request, "monitors/regions.html", _page(request, RegionForm()))
    if not (request.user.is_staff and starts_workers_here()):
        raise PermissionDenied("Only staff may add regions, and only where `make run` starts their workers.")
    form = RegionForm(request.POST)
    if not form.is_valid():
        return render(request, "monitors/regions.html", _page(request, form), status=422)
    region = actions.add_region(form.cleaned_data["slug"], form.cleaned_data["name"], same_machine=True)
    messages.success(
        request,
        f"{region.name} was added; its worker starts within seconds. Choose it in a monitor's settings.",
    )
    return redirect("monitors:regions")


@live_part
def rows(request):
    """The live part of the page; 204 while what it shows has not changed."""
    page = _rows(request)
    if request.GET.get("v") == page["version"]:
        return HttpResponse(status=204)
    return render(request, "monitors/_regions.html", page)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, slug):
    """What a region is called, and where its checks come from (staff)."""
    if not request.user.is_staff:
        raise PermissionDenied("Only staff may change regions.")
    region = get_object_or_404(Region, slug=slug)
    shown = {"name": region.name, "addresses": region.public_addresses}
    form = EditForm(request.POST if request.method == "POST" else None, initial=shown)
    if form.is_bound and form.is_valid():
        actions.edit_region(region, form.cleaned_data["name"], form.cleaned_data["addresses"])
        messages.success(request, f"{region.name} was saved.")
        return redirect("monitors:regions")
    context = {"region": region, "form": form}
    return render(request, "monitors/region_edit.html", context, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request, slug):
    """Asks, then removes a region (staff); refused while a monitor would be left with none."""
    if not request.user.is_staff:
        raise PermissionDenied("Only staff may remove regions.")
    region = get_object_or_404(Region, slug=slug)
    problem = ""
    if request.method == "POST":
        try:
            actions.remove_region(region)
        except RegionInUseError as error:
            problem = str(error)
        else:
            messages.success(request, f"{region.name} was removed.")
            return redirect("monitors:regions")
    context = {"region": region, "problem": problem, "monitors": region.monitors.alive().count()}
    return render(request, "monitors/region_remove.html", context, status=409 if problem else 200)


def starts_workers_here():
    """Whether `make run` supervises this process: then it starts a worker for every region of this machine."""
    return bool(settings.INSTANCE_NONCE)


def region_rows(user, now):
    """Every region with its state and workers; monitors are counted among those `user` may see."""
    own = Q(monitors__deleted_at=None, monitors__team__memberships__user=user)
    workers = Prefetch("workers", RegionWorker.objects.order_by("-heard_at"))
    past = Prefetch("troubles", past_troubles(), to_attr="past")
    found = Region.objects.annotate(watched=Count("monitors", filter=own, distinct=True))
    troubles = defaultdict(list)
    for each in open_troubles():
        troubles[each.trouble.region_id].append(each)
    return [_row(region, now, troubles[region.pk]) for region in found.prefetch_related(workers, past)]


def _page(request, form):
    return {**_rows(request), "form": form, "starts_workers_here": starts_workers_here()}


def _rows(request):
    found = region_rows(request.user, timezone.now())
    online = sum(row.state in {"online", "doubted"} for row in found)
    return {"regions": found, "online": online, "version": _version(found)}


def _row(region, now, troubles):
    silent = timedelta(seconds=settings.REGION_OFFLINE_AFTER)
    every = [WorkerRow(worker, now - worker.heard_at <= silent) for worker in region.workers.all()]
    shown = [row for row in every if now - row.worker.heard_at <= FORGOTTEN_AFTER] or every[:1]
    heard_at = every[0].worker.heard_at if every else None
    return RegionRow(region, _state(region, every, troubles), heard_at, shown, troubles)


def _state(region, workers, troubles):
    if not region.enabled:
        return "off"
    if not workers:
        return "never"
    if not any(row.alive for row in workers):
        return "offline"
    return "doubted" if any(each.doubted for each in troubles) else "online"


def _version(rows):
    """Changes whenever anything the fragment shows does."""
    shown = [
        (
            *(
                row.region.pk,
                row.region.name,
                row.region.watched,
                row.state,
                row.heard_at,
                len(row.workers),
                row.addresses,
            ),
            *((each.trouble.pk, each.trouble.detail, each.trouble.clean_since) for each in row.troubles),
        )
        for row in rows
    ]
    return blake2b(repr(shown).encode(), digest_size=8).hexdigest()
