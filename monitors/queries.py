"""Nouns that read: monitors as lists and pages show them. Every one begins with what the reader may see.

Lists read State rows and one query of intervals. Raw ticks serve only one monitor's page: its latest checks.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db.models import Case, Count, F, IntegerField, Max, OuterRef, Q, Subquery, When
from django.db.models.functions import JSONObject, Lower
from django.utils import timezone
from redis.exceptions import RedisError

from monitors import charts
from monitors.domain import verdict as rules
from monitors.domain.availability import Interval, Uptime, uptime
from monitors.domain.verdict import Status, Vote
from monitors.domain.why import explain as in_words
from monitors.models import Monitor, Region, Round, StatusInterval, Tick
from monitors.probes.reasons import Reason
from monitors.queries_expiry import ending
from monitors.queries_health import Open, doubted_at, open_troubles
from monitors.times import to_ms

PER_PAGE = 50
CHECKS_PER_PAGE = 25
A_DAY = timedelta(days=1)
SEEN = ("slot", "vote", "reason", "detail", "response_ms", "degraded")  # of a tick, where a region's last one is shown
SPANS = [("24 hours", A_DAY), *((f"{days} days", timedelta(days=days)) for days in (7, 30, 90, 365))]
SORTS = {"status": "Status", "name": "Name", "response": "Slowest", "checked": "Last check", "newest": "Newest"}
FILTERS = {
    "all": "All",
    "up": "Up",
    "down": "Down",
    "degraded": "Degraded",
    "validating": "Validating",
    "pending": "Pending",
    "nodata": "No data",
    "maintenance": "Maintenance",
    "paused": "Paused",
}

DEGRADED = Q(state__degraded=True, state__status__in=[Status.UP, Status.VALIDATING])
CONFIRMING = Q(state__verdict__in=["up", "pending"], state__streak__gt=0) & ~Q(state__status=Status.PAUSED)
WORST_FIRST = Case(
    When(state__status=Status.DOWN, then=0),
    When(state__status=Status.VALIDATING, then=1),
    When(CONFIRMING | Q(state__late=True) | Q(state__flapping_since__isnull=False), then=2),
    When(state__status=Status.NODATA, then=3),
    When(state__status=Status.PENDING, then=4),
    When(DEGRADED, then=5),
    When(state__status=Status.UP, then=6),
    default=7,
    output_field=IntegerField(),
)
_ORDER: dict[str, list[Any]] = {
    "status": [WORST_FIRST, Lower("name"), "id"],
    "name": [Lower("name"), "id"],
    "response": [F("state__last_response_ms").desc(nulls_last=True), "id"],
    "checked": [F("state__last_checked_at").desc(nulls_last=True), "id"],
    "newest": ["-id"],
}


# The list -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Listing:
    """What of the monitors is asked for; anything unknown in it means the default."""

    search: str = ""
    status: str = "all"
    sort: str = "status"
    page: str = "1"

    @classmethod
    def of(cls, data):
        """The listing that a query string (a mapping of text) asks for."""
        status, sort = data.get("status", "all"), data.get("sort", "status")
        return cls(
            search=data.get("q", "").replace("\0", "").strip()[:200],  # PostgreSQL takes no NUL
            status=status if status in FILTERS else "all",
            sort=sort if sort in SORTS else "status",
            page=data.get("page", "1"),
        )

    @property
    def narrowed(self):
        """Whether it leaves anything out."""
        return bool(self.search) or self.status != "all"


@dataclass(frozen=True)
class Row:
    """A monitor as the list shows it."""

    monitor: Monitor
    uptime: Uptime

    @property
    def state(self):
        return self.monitor.state

    @property
    def ending(self):
        return ending(self.monitor, timezone.now())


def monitor_rows(user, search="", status="all", sort="status", page=1):
    """One page of Rows, as a paginator's page."""
    found = visible(user)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(target__icontains=search))
    if status != "all":
        found = found.filter(DEGRADED if status == "degraded" else Q(state__status=status))
    shown = Paginator(found.order_by(*_ORDER[sort]), PER_PAGE).get_page(page)
    monitors = list(shown.object_list)
    known = uptime_24h([monitor.pk for monitor in monitors], timezone.now())
    shown.object_list = [Row(monitor, known[monitor.pk]) for monitor in monitors]
    return shown


def counts(user):
    """How many monitors there are per status, and in all: {"all": 3, "up": 2, "down": 1}; degraded ones are up too."""
    found = Monitor.objects.visible_to(user).order_by().values_list("state__status")
    counted = list(found.annotate(number=Count("id"), worse=Count("id", filter=DEGRADED)))
    each = {status: number for status, number, _ in counted}
    worse = sum(number for *_, number in counted)
    return {"all": sum(each.values()), **each} | ({"degraded": worse} if worse else {})


def down_count(user):
    """How many monitors are down, those that are just coming back included."""
    return Monitor.objects.visible_to(user).filter(state__status__in=[Status.DOWN, Status.VALIDATING]).count()


def uptime_24h(monitor_ids, now):
    """{monitor id: Uptime} of the last 24 hours."""
    return uptimes(monitor_ids, [A_DAY], now)[A_DAY]


def uptimes(monitor_ids, spans, now):
    """{span: {monitor id: Uptime}} of the time before `now`, from one query."""
    longest = now - max(spans)
    stored = StatusInterval.objects.filter(monitor_id__in=monitor_ids).filter(Q(end=None) | Q(end__gt=longest))
    intervals = defaultdict(list)
    for pk, status, start, end in stored.values_list("monitor_id", "status", "start", "end"):
        intervals[pk].append(Interval(Status(status), to_ms(start), to_ms(end) if end else None))
    return {span: {pk: uptime(intervals[pk], to_ms(now - span), to_ms(now)) for pk in monitor_ids} for span in spans}


# One monitor ----------------------------------------------------------------------------------------------------------
def visible(user):
    """The monitors of `user`, with their states, teams and, of heartbeats, what is known of their pings."""
    return Monitor.objects.visible_to(user).select_related("state", "team", "heartbeat")


def visible_monitor(user, pk):
    """The monitor, or None when `user` may not see it or there is none."""
    return visible(user).filter(pk=pk).first()


def deleted(user):
    """What `user` could see until it was deleted, and may still bring back."""
    return Monitor.objects.filter(team__memberships__user=user).exclude(deleted_at=None)


@dataclass(frozen=True)
class RegionState:
    """What one region last said of a monitor. `tick`: its newest tick of the last day as a dict, or None."""

    region: Region
    online: bool
    tick: dict | None
    troubles: list[Open] = field(default_factory=list)

    @property
    def reason(self):
        return reason_label(self.tick["reason"]) if self.tick else ""

    @property
    def doubts(self):
        """The troubles for which it is not trusted."""
        return [each for each in self.troubles if each.doubted]

    @property
    def offline_since(self):
        return next((each.trouble.start for each in self.troubles if not each.doubted), None)

    @property
    def sees_down(self):
        return self.tick is not None and self.tick["vote"] == Vote.DOWN and not self.doubts

    @property
    def slot(self):
        return datetime.fromisoformat(self.tick["slot"]) if self.tick else None


def region_states(monitor, now=None):
    """A RegionState for each region assigned to the monitor, by one query and one for their troubles."""
    now = now or timezone.now()
    newest = (
        Tick.objects.filter(monitor=monitor, region=OuterRef("pk"), slot__gte=now - A_DAY)
        .order_by("-slot")
        .values(tick=JSONObject(**{name: name for name in SEEN}))[:1]
    )
    found = monitor.regions.annotate(heard_at=Max("workers__heard_at"), tick=Subquery(newest))
    silent = timedelta(seconds=settings.REGION_OFFLINE_AFTER)
    troubles = defaultdict(list)
    for each in open_troubles():
        troubles[each.trouble.region_id].append(each)
    return [
        RegionState(
            region,
            region.heard_at is not None and now - region.heard_at <= silent,
            region.tick,
            troubles[region.pk],
        )
        for region in found
    ]


@dataclass
class Slice:
    """A page of rows whose total nobody counted; enough of a paginator's page for `{% pagination %}`."""

    object_list: list
    number: int
    more: bool
    paginator: None = field(default=None, repr=False)

    def has_next(self):
        return self.more

    def has_previous(self):
        return self.number > 1

    def has_other_pages(self):
        return self.has_next() or self.has_previous()

    def next_page_number(self):
        return self.number + 1

    def previous_page_number(self):
        return self.number - 1


@dataclass(frozen=True)
class SeenCheck:
    """A tick, and the name and slug of its region; no slug where that was removed."""

    tick: Tick
    place: str
    slug: str = ""

    @property
    def reason(self):
        return reason_label(self.tick.reason)

    @property
    def slot_ms(self):
        return to_ms(self.tick.slot)


def recent_checks(monitor, page=1, now=None):
    """A Slice of the last 24 hours as SeenChecks, newest first."""
    number = int(page) if len(str(page)) < 5 and str(page).isdecimal() and int(page) else 1
    since = (now or timezone.now()) - A_DAY
    first = (number - 1) * CHECKS_PER_PAGE
    ticks = Tick.objects.filter(monitor=monitor, slot__gte=since).order_by("-slot", "region_id")
    known = {pk: names for pk, *names in Region.objects.values_list("pk", "name", "slug")}
    found = [
        SeenCheck(tick, *known.get(tick.region_id, ["a removed region"]))
        for tick in ticks[first : first + CHECKS_PER_PAGE + 1]
    ]
    return Slice(found[:CHECKS_PER_PAGE], number, len(found) > CHECKS_PER_PAGE)


def average_24h(monitor, now=None):
    """The last 24 hours' good checks as a charts.Point, None without any; up to 20 s old."""
    now = now or timezone.now()
    key = f"average:{monitor.pk}:{monitor.config_version}"
    return _remembered(key, 20, lambda: charts.last_day(monitor, now))


def incidents(monitor, most=8):
    """The newest incidents of a monitor, each with its `length` in seconds once it is resolved."""
    found = list(monitor.incidents.order_by("-started_at", "-id")[:most])
    for incident in found:
        resolved = incident.resolved_at
        incident.length = (resolved - incident.started_at).total_seconds() if resolved else None
    return found


# Why ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Explanation:
    """Why a monitor is what it is: its last closed round judged again, and the last change of status."""

    at: datetime  # the slot of the round
    verdict: str
    sentence: str
    partial: bool
    change: object  # the incidents.models.Transition that led here, or None
    change_sentence: str


def explain(monitor):
    """An Explanation of the last closed round, None while there is none."""
    slot = monitor.state.judged_until
    names = dict(Region.objects.values_list("pk", "name"))
    ticks = list(Tick.objects.filter(monitor=monitor, slot=slot))
    stored = Round.objects.filter(monitor=monitor, slot=slot).first()
    if not ticks and stored is None:
        return None
    facts = _facts(monitor, slot, ticks, stored)
    change = monitor.transitions.order_by("-decided_at", "-id").first()
    reasons = {tick.region_id: _saw(tick.reason, tick.detail) for tick in ticks if tick.reason}
    return Explanation(
        at=slot,
        verdict=facts["verdict"],
        sentence=in_words(facts, names, reasons) + ".",
        partial=facts["partial"],
        change=change,
        change_sentence=_change_in_words(change, names),
    )


def _facts(monitor, slot, ticks, stored):
    """The facts of the closed round, by the same rules as when it was judged."""
    policy = monitor.policy(monitor.regions.values_list("pk", flat=True))
    current = monitor.config_version
    votes = {t.region_id: Vote(t.vote) if t.config_version == current else Vote.NODATA for t in ticks}
    eligible = policy.regions
    if stored is not None:
        eligible = frozenset(stored.eligible)
        votes = {int(region): Vote(vote) for region, vote in stored.votes.items()} or votes
    doubted = doubted_at(slot, policy.regions | eligible)
    kept = {region: votes.get(region, Vote.NODATA) for region in sorted(eligible)}
    if stored is None or not stored.votes:
        kept |= {region: Vote.NODATA for region in kept if str(region) in doubted}
    closed = rules.ClosedRound(to_ms(slot), eligible, kept, rules.decide(kept, eligible, policy))
    return rules.facts(closed, policy) | ({"doubted": doubted} if doubted else {})


def _change_in_words(change, names):
    if change is None or not ({"silence_ms", "votes"} & set(change.why)):
        return ""
    reasons = {int(region): _saw(*seen) for region, seen in change.why.get("reasons", {}).items()}
    return in_words(change.why, names, reasons) + "."


def _saw(reason, detail):
    return (detail or reason_label(reason)).rstrip(".")


def rule(monitor, regions):
    """The rule a monitor is judged by, in words. `regions`: how many are assigned to it."""
    need = rules.quorum(monitor.policy(range(regions)), regions)
    who = "its region fails" if regions == 1 else f"{need} of {regions} regions fail"
    confirm = "1 round" if monitor.confirm == 1 else f"{monitor.confirm} rounds in a row"
    recover = "1 good round" if monitor.recover == 1 else f"{monitor.recover} good rounds in a row"
    lasting = f" over at least {monitor.confirmation_period} s" if monitor.confirmation_period else ""
    return f"Down when {who} in {confirm}{lasting}; up again after {recover}."


# Words ----------------------------------------------------------------------------------------------------------------
def reason_label(reason):
    """A reason's own words, and the bare word of one that is no longer known."""
    known = _reason(reason)
    return known.label if known else reason


def reason_explanation(reason):
    known = _reason(reason)
    return known.explanation if known else ""


def _reason(text):
    return next((each for each in Reason if each.value == text), None)


def _remembered(key, seconds, look):
    """`look()`, or what it said up to `seconds` ago; without a cache simply `look()`."""
    try:
        return cache.get_or_set(key, look, seconds)
    except RedisError:
        return look()
