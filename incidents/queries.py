"""Nouns that read: incidents as lists and pages show them."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.paginator import Paginator
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from incidents.models import Incident
from monitors.models import Monitor, Tick
from monitors.queries import CONFIRMING, reason_label
from monitors.queries_evidence import first_sights
from monitors.times import from_ms, to_ms

PER_PAGE = 25
SHOWS = {
    "all": "All",
    "open": "Open",
    "started": "Started",
    "acknowledged": "Acknowledged",
    "validating": "Validating",
    "resolved": "Resolved",
}
KINDS = {"all": "Every kind", **dict(Incident.Kind.choices)}
SORTS = {"newest": ["-started_at", "-id"], "oldest": ["started_at", "id"], "longest": ["-length", "-id"]}
REMOVED = "a removed region"
ROUNDS_BEFORE, ROUNDS_AFTER = 3, 5  # how much of the start is shown


@dataclass(frozen=True)
class Listing:
    """What of the incidents is asked for; anything unknown in it means the default."""

    show: str = "all"
    sort: str = "newest"
    search: str = ""
    page: str = "1"
    kind: str = "all"
    monitor: str = ""  # the id of one

    @classmethod
    def of(cls, data):
        """The listing that a query string (a mapping of text) asks for."""
        show, sort = data.get("show", "all"), data.get("sort", "newest")
        return cls(
            show=show if show in SHOWS else "all",
            sort=sort if sort in SORTS else "newest",
            search=data.get("q", "").replace("\0", "").strip()[:200],  # PostgreSQL takes no NUL
            page=data.get("page", "1"),
            kind=kind if (kind := data.get("kind", "all")) in KINDS else "all",
            monitor=monitor if (monitor := data.get("monitor", "")).isascii() and monitor.isdigit() else "",
        )

    @property
    def narrowed(self):
        """Whether it leaves anything out."""
        return bool(self.search or self.monitor) or self.show != "all" or self.kind != "all"


def incident_page(user, listing):
    """One page of the incidents `user` may see, open ones first, with their `length` as of now."""
    found = Incident.objects.visible_to(user).select_related("monitor__state").annotate(length=_length())
    if listing.search:
        own = Q(name__icontains=listing.search) | Q(summary__icontains=listing.search)
        found = found.filter(own | _named(listing.search, "monitor__"))
    if listing.kind != "all":
        found = found.filter(kind=listing.kind)
    if listing.monitor:
        found = found.filter(monitor=listing.monitor) if len(listing.monitor) < 19 else found.none()
    if listing.show != "all":
        found = found.filter(standing(listing.show))
    found = found.annotate(ongoing=Q(resolved_at=None)).order_by("-ongoing", *SORTS[listing.sort])
    return Paginator(found, PER_PAGE).get_page(listing.page)


def standing(status):
    """The incidents in a status of incidents.domain.lifecycle, or all that are `open`."""
    if status == "resolved":
        return Q(resolved_at__isnull=False)
    validating = Q(monitor__state__status="validating", kind=Incident.Kind.OUTAGE)
    return (
        Q(resolved_at=None)
        & {
            "open": Q(),
            "validating": validating,
            "started": Q(acknowledged_at=None) & ~validating,
            "acknowledged": Q(acknowledged_at__isnull=False) & ~validating,
        }[status]
    )


def monitors_with_incidents(user):
    """What the filter by monitor offers."""
    with_some = Exists(Incident.objects.filter(monitor=OuterRef("pk")))
    return Monitor.objects.visible_to(user).filter(with_some).order_by("name", "id").values_list("pk", "name")[:500]


def unconfirmed(user, listing):
    """Monitors seen down, but not yet often enough to open an incident; the same rule as State.confirming."""
    if listing.show not in {"all", "open"} or listing.kind not in {"all", "outage"}:
        return []
    found = Monitor.objects.visible_to(user).filter(CONFIRMING)
    if listing.search:
        found = found.filter(_named(listing.search))
    if listing.monitor:
        found = found.filter(pk=listing.monitor) if len(listing.monitor) < 19 else found.none()
    return list(found.select_related("state").order_by("-state__streak_first", "id")[:PER_PAGE])


def visible_incident(user, pk):
    """The incident, or None when `user` may not see it or there is none."""
    found = Incident.objects.visible_to(user).filter(pk=pk)
    return found.select_related("monitor__state", "team", "acknowledged_by").annotate(length=_length()).first()


@dataclass(frozen=True)
class Sighting:
    """A tick, and the name and slug of the region it was seen from; no slug where that was removed."""

    tick: Tick
    place: str
    slug: str = ""

    @property
    def slot_ms(self):
        return to_ms(self.tick.slot)

    @property
    def reason(self):
        """What was wrong, in a sentence or at least in words; empty when nothing was."""
        return self.tick.detail or reason_label(self.tick.reason)


def ticks_around(incident, places, slugs):
    """What every region saw in the rounds before and after an incident began, as Sightings, newest first.

    `places`, `slugs`: the regions' names and slugs by id. The window is bounded on both sides, so that only its days
    are read.
    """
    monitor, start = incident.monitor, incident.started_at
    if incident.kind != Incident.Kind.OUTAGE:
        return []
    regions = min(10, max(1, len(incident.votes.get("assigned", []))))
    window = timedelta(seconds=max(60, 5 * monitor.interval, 2 * monitor.confirmation_period))
    ticks = Tick.objects.filter(monitor=monitor)
    before = ticks.filter(slot__gte=start - window, slot__lt=start).order_by("-slot", "region_id")
    after = ticks.filter(slot__gte=start, slot__lte=start + window).order_by("slot", "region_id")
    shown = [*reversed(list(after[: ROUNDS_AFTER * regions])), *before[: ROUNDS_BEFORE * regions]]
    return [Sighting(tick, places.get(tick.region_id, REMOVED), slugs.get(tick.region_id, "")) for tick in shown]


def sights(incident):
    """What each assigned region saw first, as monitors.queries_evidence.Sights; only where evidence is kept."""
    if incident.kind != Incident.Kind.OUTAGE or not incident.monitor.probed:
        return []
    end = incident.resolved_at or timezone.now()
    return first_sights(incident.monitor, incident.votes.get("assigned", []), incident.started_at, end)


@dataclass(frozen=True)
class Voice:
    """What one assigned region said in the round that decided; `absent` says why when there is no `vote`."""

    region: str
    vote: str
    saw: str
    absent: str


def voices(incident, places):
    """A Voice for each region that was assigned when the incident was opened.

    The quorum may have been complete before every region had answered: what came later is read from the ticks.
    """
    why = incident.votes
    ticks = Tick.objects.filter(monitor=incident.monitor_id, slot=from_ms(why["slot"])) if "slot" in why else ()
    later = {tick.region_id: Sighting(tick, "") for tick in ticks}
    found = []
    for region in why.get("assigned", []):
        vote, saw = why["votes"].get(str(region), ""), _saw(why.get("reasons", {}).get(str(region)))
        absent = "no answer" if region in why.get("eligible", []) else "could not look"
        if str(region) in why.get("doubted", {}):
            absent = "not trusted"
        if not vote and region in why.get("eligible", []) and region in later:
            vote, saw = later[region].tick.vote, later[region].reason
        found.append(Voice(places.get(region, REMOVED), vote, saw, absent))
    return found


def timeline(incident):
    """The entries in order, each with the seconds `after` the start."""
    entries = list(incident.timeline.all())
    for entry in entries:
        entry.after = (entry.at - incident.started_at).total_seconds()
    return entries


def _saw(reason):
    """The detail of [reason, detail], or at least the reason's own words."""
    return (reason[1] or reason_label(reason[0])) if reason else ""


def _length():
    return Coalesce(F("resolved_at"), Now()) - F("started_at")


def _named(search, prefix=""):
    return Q(**{f"{prefix}name__icontains": search}) | Q(**{f"{prefix}target__icontains": search})
