"""Certificates and domains that are about to end: the rules of incidents.domain.expiry, stored.

Run when an end has changed, in the transaction that noted it, and every hour, because time passes without a change.
Each event is an entry of the timeline and a Notice, the outbox of alerting; what ends because nobody watches any
more is told to nobody.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from incidents.domain import expiry as rules
from incidents.domain.expiry import Event, Told, What
from incidents.models import Incident, Notice, TimelineEntry
from monitors.domain.expiry import Sight
from monitors.models import Expiry, Monitor, State
from monitors.queries_expiry import EXPIRIES, ending, first_threshold
from monitors.services.expiries import sights_of
from monitors.times import from_ms, to_ms

FURTHEST = timedelta(days=max(rules.THRESHOLDS))
CHUNK = 500  # monitors looked at together


@dataclass(frozen=True, slots=True)
class Case:
    """All there is to know of one monitor to judge it."""

    monitor: Monitor
    sights: list[Sight]
    noun: str  # what ends, and the kind of the incident
    first: int  # threshold, in days
    incident: Incident | None

    def event(self, now: datetime) -> Event | None:
        told, incident = None, self.incident
        if incident and incident.step and incident.expires_at:
            told = Told(incident.step, to_ms(incident.expires_at))
        return rules.review(self.sights, self.first, told, self.monitor.interval, to_ms(now))


def review(monitor_ids: Collection[int], now: datetime) -> set[int]:
    """Write down what follows for monitors; returns the teams concerned. Runs in a transaction."""
    if not monitor_ids:
        return set()
    list(State.objects.select_for_update().filter(pk__any_of=frozenset(monitor_ids)).order_by("pk").values_list("pk"))
    teams = set()
    for case in _cases(monitor_ids):
        event = case.event(now)
        if event:
            _write(case, event, now)
            teams.add(case.monitor.team_id)
    return teams


def watch(now: datetime) -> set[int]:
    """Look at every monitor whose end is near, or has an incident of one; returns the teams concerned."""
    near = State.objects.filter(expires_at__lte=now + FURTHEST).order_by("pk").values_list("pk", flat=True)
    told = Incident.objects.open().filter(kind__in=EXPIRIES).values_list("monitor_id", flat=True)
    ids, teams = sorted({*near, *told}), set()
    for start in range(0, len(ids), CHUNK):
        moved = [case.monitor.pk for case in _cases(ids[start : start + CHUNK]) if case.event(now)]
        with transaction.atomic():
            teams |= review(moved, now)
    return teams


def end(monitor: Monitor, now: datetime) -> None:
    """Nobody watches the monitor any more: what was open is over, without a word."""
    ending = Incident.Resolution.DELETED if monitor.deleted_at else Incident.Resolution.PAUSED
    for incident in Incident.objects.open().filter(monitor=monitor, kind__in=EXPIRIES):
        _resolve(incident, ending, ending.label, now)


def facts(incident: Incident) -> dict[str, Any]:
    """What the page of an incident shows of the end, besides the incident itself."""
    monitor, now = incident.monitor, timezone.now()
    assert monitor is not None  # noqa: S101 - only what ends has such an incident
    near, ends, step = ending(monitor, now), incident.expires_at or now, incident.step or 0
    return {
        "monitor": monitor,
        "ending": near,
        "settling": near is not None and near.at > ends and near.left > timedelta(days=step),
        "next_step": max((days for days in rules.THRESHOLDS if days < step), default=None),
        "timeline": incident.timeline.all(),
        "sights": Expiry.objects.filter(monitor=monitor, config_version=monitor.config_version).select_related(
            "region"
        ),
    }


def _cases(monitor_ids: Collection[int]) -> Iterator[Case]:
    monitors = list(Monitor.objects.alive().filter(pk__any_of=frozenset(monitor_ids), paused=False).order_by("pk"))
    sights = sights_of([monitor.pk for monitor in monitors])
    told = Incident.objects.open().filter(monitor__in=monitors, kind__in=EXPIRIES)
    incidents = {(each.monitor_id, each.kind): each for each in told}
    for monitor in monitors:
        watched = first_threshold(monitor)
        if watched:
            noun, first = watched
            yield Case(monitor, sights[monitor.pk], noun, first, incidents.get((monitor.pk, noun)))


def _write(case: Case, event: Event, now: datetime) -> None:
    noun, ends, incident = case.noun, from_ms(event.expires_at), case.incident
    if incident is None or event.what is What.STEP:
        _draw_nearer(incident or Incident(team_id=case.monitor.team_id, monitor=case.monitor, kind=noun), event, now)
    elif event.what is What.RENEWED:
        text = f"The {noun} was renewed and ends on {_day(ends)} now"
        _resolve(incident, Incident.Resolution.RENEWED, text, now)
        _notice(incident, Notice.Kind.RESOLVED, "resolved", text, now)
    else:
        _resolve(incident, Incident.Resolution.DROPPED, Incident.Resolution.DROPPED.label, now)


def _draw_nearer(incident: Incident, event: Event, now: datetime) -> None:
    """A threshold was reached: the first one opens the incident."""
    noun, ends, is_new = incident.kind, from_ms(event.expires_at), incident.pk is None
    incident.started_at = now if is_new else incident.started_at
    incident.step, incident.expires_at, incident.summary = event.step, ends, _summary(noun, ends, now)
    incident.save()
    entry = TimelineEntry.Kind.OPENED if is_new else TimelineEntry.Kind.STEP
    text = _left(noun, ends, now)
    TimelineEntry.objects.create(incident=incident, at=now, kind=entry, text=text)
    _notice(incident, Notice.Kind.OPENED if is_new else Notice.Kind.STEP, f"step:{event.step}", text, now)


def _resolve(incident: Incident, ending: Incident.Resolution, text: str, now: datetime) -> None:
    incident.resolved_at, incident.resolution = max(now, incident.started_at), ending
    incident.save(update_fields=["resolved_at", "resolution"])
    TimelineEntry.objects.create(incident=incident, at=now, kind=TimelineEntry.Kind.RESOLVED, text=text)


def _notice(incident, kind, key, text, now: datetime) -> None:
    Notice.objects.get_or_create(incident=incident, key=key, defaults={"kind": kind, "text": text, "at": now})


def _summary(noun: str, ends: datetime, now: datetime) -> str:
    """What stays true while time passes."""
    return f"The {noun} {'ends' if ends > now else 'ended'} on {_day(ends)}"


def _left(noun: str, ends: datetime, now: datetime) -> str:
    left = ends - now
    if left < timedelta():
        return f"The {noun} ended on {_day(ends)}"
    days, hours = left.days, left.seconds // 3600
    count, unit = (days, "day") if days else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'} left: the {noun} ends on {_day(ends)}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d at %H:%M} UTC"
