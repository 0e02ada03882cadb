"""From what happened to who is told: rows of the outbox, each once, in one transaction with the mark that it was done.

`announce` runs every second. It takes transitions and notices that nobody has been told of, and incidents of which the
policy says that something is due by now, and writes down every delivery that follows from
alerts.domain.escalation.plan and is not there yet. Run twice, it writes nothing twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery, prefetch_related_objects

from alerts.channels.base import Event
from alerts.domain.escalation import Facts, Planned, Severity, Turn, next_due, plan
from alerts.domain.escalation import Policy as PolicyRules
from alerts.models import Alarm, Channel, Delivery, DeliveryQuerySet, MonitorPolicy, Status
from alerts.recipients import Book, saved
from alerts.services import policies
from incidents.models import Incident, Notice, Transition
from monitors import live
from monitors.domain.verdict import Status as MonitorStatus
from uptime.lib.sql import alone

BATCH = 500  # of each: a transaction stays short
OVER = {Incident.Resolution.RECOVERED, Incident.Resolution.BY_HAND}  # what people are told of
FLAPPING = "Quiet: it is flapping, and was told of once."
EXPIRIES = {Incident.Kind.CERTIFICATE, Incident.Kind.DOMAIN}


@dataclass
class Touched:
    """What there is to look at in one run. `begin`: incidents people are told of from now on; `said`: notices that are
    told in their own words."""

    ids: set[int] = field(default_factory=set)
    begin: dict[int, Transition | Notice] = field(default_factory=dict)
    ended: dict[int, Transition | Notice] = field(default_factory=dict)
    said: list[Notice] = field(default_factory=list)


def announce(now: datetime) -> int:
    """Write what is due at `now` into the outbox; returns how many deliveries that were. One run at a time: another
    one that is under way makes this one return at once."""
    written, more = 0, True
    while more:
        with transaction.atomic():
            if not alone("announce"):  # what went up is told after the fall
                return written
            touched, more = _take(now)
            teams, count = _write(touched, now)
            written += count
        live.bump(teams)
    return written


# What there is to look at ---------------------------------------------------------------------------------------------
def _take(now: datetime) -> tuple[Touched, bool]:
    """Claim, and mark as done. Second: whether there may be more."""
    touched = Touched()
    counts = [_take_transitions(touched, now), _take_notices(touched, now), _take_alarms(touched, now)]
    return touched, BATCH in counts


def _take_transitions(touched: Touched, now: datetime) -> int:
    outages = Incident.objects.filter(monitor=OuterRef("monitor"), kind=Incident.Kind.OUTAGE)
    latest = outages.filter(started_at__lte=OuterRef("at")).order_by("-started_at", "-id").values("pk")[:1]
    due = Transition.objects.due(now).annotate(incident_id=Subquery(latest))
    rows = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for row in rows:
        if row.incident_id is None:
            continue
        if row.to_status == MonitorStatus.DOWN:
            touched.begin.setdefault(row.incident_id, row)
        elif row.to_status == MonitorStatus.UP:
            touched.ended[row.incident_id] = row
        touched.ids.add(row.incident_id)
    Transition.objects.filter(pk__in=[row.pk for row in rows]).update(announced_at=now)
    return len(rows)


def _take_notices(touched: Touched, now: datetime) -> int:
    rows = list(Notice.objects.waiting().select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for row in rows:
        touched.ids.add(row.incident_id)
        if row.kind == Notice.Kind.OPENED:
            touched.begin.setdefault(row.incident_id, row)
        elif row.kind == Notice.Kind.RESOLVED:
            touched.ended[row.incident_id] = row
        else:
            if row.kind == Notice.Kind.SETTLED:  # who was never told that it flaps must hear that it is down
                touched.begin.setdefault(row.incident_id, row)
            touched.said.append(row)
    Notice.objects.filter(pk__in=[row.pk for row in rows]).update(announced_at=now)
    return len(rows)


def _take_alarms(touched: Touched, now: datetime) -> int:
    quiet = Q(incident__monitor__state__status=MonitorStatus.MAINTENANCE) & ~Q(incident__kind=Incident.Kind.MANUAL)
    due = Alarm.objects.filter(next_at__lte=now).exclude(quiet).order_by("next_at")
    ids = list(due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:BATCH])
    touched.ids.update(ids)
    return len(ids)


# What follows ---------------------------------------------------------------------------------------------------------
class Ledger:
    """What the outbox holds of some incidents already."""

    def __init__(self, incident_ids: Iterable[int]) -> None:
        rows = Delivery.objects.filter(incident__in=list(incident_ids)).order_by("pk")
        self.keys: set[str] = set()
        self.told: dict[int, dict[int, list[Delivery]]] = {}  # incident: channel: deliveries, but for recoveries
        for row in rows.only("pk", "incident_id", "channel_id", "key", "event", "status", "due_at"):
            self.add(row)

    def add(self, row: Delivery) -> None:
        self.keys.add(row.key)
        if row.channel_id and row.incident_id and row.event != Event.UP:
            self.told.setdefault(row.incident_id, {}).setdefault(row.channel_id, []).append(row)


def _write(touched: Touched, now: datetime) -> tuple[set[int], int]:
    """Returns the teams concerned and how many rows were written."""
    if not touched.ids:
        return set(), 0
    incidents = list(Incident.objects.filter(pk__in=touched.ids).select_related("monitor").order_by("pk"))
    teams = {incident.team_id for incident in incidents}
    rules = _Rules(incidents, teams)
    old, new = _alarms(incidents, touched, rules, now)
    alarms = old | new
    ledger, rows, book = Ledger(touched.ids), [], Book(teams)
    for incident in incidents:
        alarm = alarms.get(incident.pk)
        if alarm is None:
            continue  # nobody was ever to be told of it
        writer = _Writer(incident, alarm, rules.of(incident), book, ledger, now)
        writer.write(touched)
        rows += writer.rows
        alarm.next_at = writer.next_at()
    Alarm.objects.bulk_create(new.values())
    Alarm.objects.bulk_update(old.values(), ["next_at"])
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    _drop_overtaken(incidents, now)
    return teams, len(rows)


def _drop_overtaken(incidents: list[Incident], now: datetime) -> None:
    """That something is down is no news when it is over. What is just being sent is left alone."""
    over = [incident.pk for incident in incidents if incident.resolved_at]
    waiting = Delivery.objects.filter(incident__in=over, status__in=[Status.PENDING, Status.FAILED])
    waiting.filter(event__in=[Event.DOWN, Event.REMINDER]).update(
        status=Status.CANCELLED, answer="It was resolved before this was sent.", finished_at=now
    )


class _Rules:
    """Which policy and severity each incident goes by."""

    def __init__(self, incidents: list[Incident], teams: set[int]) -> None:
        monitors = {incident.monitor_id for incident in incidents}
        own = MonitorPolicy.objects.filter(monitor__in=monitors).select_related("policy")
        self.own = {each.monitor_id: each for each in own.prefetch_related("policy__steps")}
        self.defaults = policies.ensure_defaults(teams)
        prefetch_related_objects(list(self.defaults.values()), "steps")
        self._read: dict[int, PolicyRules] = {}  # by policy: thousands of incidents may share one

    def _own(self, incident: Incident) -> MonitorPolicy | None:
        return self.own.get(incident.monitor_id) if incident.monitor_id else None

    def of(self, incident: Incident) -> PolicyRules:
        own = self._own(incident)
        policy = (own and own.policy) or self.defaults[incident.team_id]
        if policy.pk not in self._read:
            self._read[policy.pk] = policy.rules
        return self._read[policy.pk]

    def severity(self, incident: Incident) -> Severity:
        if incident.kind in EXPIRIES:
            return Severity.LOW
        own = self._own(incident)
        return Severity(own.severity) if own else Severity.HIGH


def _alarms(
    incidents: list[Incident], touched: Touched, rules: _Rules, now: datetime
) -> tuple[dict[int, Alarm], dict[int, Alarm]]:
    """The alarms there are, and those of incidents whose telling begins now, which are not saved yet; by incident."""
    old = {each.pk: each for each in Alarm.objects.filter(incident__in=incidents)}
    new = {
        incident.pk: Alarm(incident=incident, begun_at=now, severity=rules.severity(incident))
        for incident in incidents
        if incident.pk in touched.begin and incident.pk not in old
    }
    return old, new


class _Writer:
    """The rows that are missing for one incident."""

    def __init__(
        self, incident: Incident, alarm: Alarm, rules: PolicyRules, book: Book, ledger: Ledger, now: datetime
    ) -> None:
        self.incident, self.alarm, self.rules, self.now = incident, alarm, rules, now
        self.book, self.ledger = book, ledger
        self.severity = Severity(alarm.severity)
        self.facts = Facts(
            begun_at=max(alarm.begun_at, incident.reopened_at or alarm.begun_at),
            severity=self.severity,
            expiry=incident.kind in EXPIRIES,
            acknowledged_at=acknowledged_at(incident),
            resolved_at=incident.resolved_at,
        )
        self.rows: list[Delivery] = []

    def next_at(self) -> datetime | None:
        return next_due(self.rules, self.facts, self.now) if self.incident.resolved_at is None else None

    def write(self, touched: Touched) -> None:
        pk = self.incident.pk
        for planned in plan(self.rules, self.facts, self.now):
            self._planned(planned, touched.begin.get(pk))
        for notice in touched.said:
            if notice.incident_id == pk:
                say = self._acknowledged if notice.kind == Notice.Kind.ACKNOWLEDGED else self._notice
                say(notice)
        if pk in touched.ended and self.incident.resolution in OVER:
            self._recovery(touched.ended[pk])

    def _planned(self, planned: Planned, cause: Transition | Notice | None) -> None:
        event = Event.REMINDER if planned.turn is Turn.REMINDER else self._event()
        for channel in self._channels(planned):
            if any(each.due_at == planned.due for each in self._before(channel)):
                continue  # another step says so at the same time
            self._row(channel, event, planned.key, planned.due, planned.at, planned.why, planned.first, cause)

    def _event(self) -> Event:
        return Event.EXPIRY if self.facts.expiry else Event.DOWN

    def _channels(self, planned: Planned) -> list[Channel]:
        """A reminder goes to all who were told before."""
        if planned.whom is None:
            return self._told()
        return [saved(each) for each in self.book.resolve(self.incident.team_id, planned.whom, self.severity)]

    def _told(self) -> list[Channel]:
        known = self.ledger.told.get(self.incident.pk, {})
        return [channel for pk in known if (channel := self.book.channels.get(pk)) and channel.enabled]

    def _notice(self, notice: Notice) -> None:
        """In its own words, to all who were told before."""
        if self.facts.expiry and not self.rules.tell_expiry:
            return
        settled = notice.kind == Notice.Kind.SETTLED  # which no acknowledgement stops
        event = Event.EXPIRY if self.facts.expiry else Event.DOWN if settled else Event.REMINDER
        why = "It was told before, and there is news"
        for channel in self._told():
            if not any(each.due_at == self.now for each in self._before(channel)):
                self._row(channel, event, notice.key, self.now, self._quiet(), why, settled, notice)

    def _acknowledged(self, notice: Notice) -> None:
        """To providers that call people by themselves, and to nobody else; quiet hours are no reason to let them."""
        why = "Somebody acknowledged it, and it was told before"
        for channel in self._told():
            told = any(each.status != Status.CANCELLED for each in self._before(channel))
            if told and channel.about.hears_acknowledgement:
                self._row(channel, Event.REMINDER, notice.key, self.now, self.now, why, False, notice)

    def _before(self, channel: Channel) -> list[Delivery]:
        """What this channel was told of the incident, or is about to be; but for recoveries."""
        return self.ledger.told.get(self.incident.pk, {}).get(channel.pk, [])

    def _recovery(self, cause: Transition | Notice) -> None:
        """To all who heard of it, or were about to: those hear that it was down, and is no longer."""
        for pk, before in list(self.ledger.told.get(self.incident.pk, {}).items()):
            channel = self.book.channels.get(pk)
            if all(each.status == Status.CANCELLED for each in before):
                continue
            waiting = not any(each.status in (*DeliveryQuerySet.TOLD, Status.SENDING) for each in before)
            if channel and channel.enabled and (self.rules.tell_recovery or waiting):
                why = "It was resolved before anything had got out" if waiting else "It was resolved, and told before"
                again = self.incident.reopened_at
                key = f"up:{again.timestamp():.0f}" if again else "up"
                self._row(channel, Event.UP, key, self.now, self._quiet(), why, True, cause)

    def _quiet(self) -> datetime:
        return self.rules.quiet.over(self.severity, self.now) if self.rules.quiet else self.now

    def _row(
        self,
        channel: Channel,
        event: Event,
        key: str,
        due: datetime,
        at: datetime,
        why: str,
        first: bool,
        cause: Transition | Notice | None,
    ) -> None:
        key = f"{self.incident.pk}:{channel.pk}:{key}"
        if key in self.ledger.keys:
            return
        quiet = ", put off until the quiet hours are over" if at > due else ""
        row = Delivery(
            team_id=self.incident.team_id,
            channel=channel,
            channel_name=channel.name,
            channel_kind=channel.kind,
            incident=self.incident,
            transition=cause if isinstance(cause, Transition) else None,
            notice=cause if isinstance(cause, Notice) else None,
            event=event,
            severity=self.severity,
            key=key,
            first=first,
            why=f"{why}{quiet}",
            note=cause.text if isinstance(cause, Notice) else "",
            due_at=due,
            next_attempt_at=at,
        )
        if self.incident.flapping and self._before(channel) and not row.notice:
            row.status, row.answer, row.finished_at = Status.CANCELLED, FLAPPING, self.now
        self.ledger.add(row)
        self.rows.append(row)


def acknowledged_at(incident: Incident) -> datetime | None:
    """From when on nobody else is told."""
    return incident.acknowledged_at
