"""Writing down what happened: the outbox row of every transition, and the incident it opens or resolves."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from incidents import brake, expiry, flapping
from incidents.handling import entry
from incidents.models import Incident, TimelineEntry, Transition
from monitors.domain.flapping import Course
from monitors.domain.verdict import Status
from monitors.domain.why import explain
from monitors.models import Region
from monitors.queries import reason_label
from monitors.services import groups
from monitors.services.changes import StatusChange

ENDINGS = {Status.UP: Incident.Resolution.RECOVERED, Status.PAUSED: Incident.Resolution.PAUSED}


def apply(changes: Iterable[StatusChange]) -> None:
    """Write transitions and incidents, in the transaction that changed the statuses; groups change with them."""
    changes = list(changes)
    if not changes:
        return
    changes += groups.follow(changes)
    names = dict(Region.objects.values_list("pk", "name"))
    for wave in _waves(changes):
        _write(wave, names)
    _brake(changes)


def _waves(changes: Iterable[StatusChange]) -> Iterator[list[StatusChange]]:
    """The changes in their order, in lists in which no monitor comes twice: each is written with a few statements."""
    wave: dict[int, StatusChange] = {}
    for change in changes:
        if change.monitor.pk in wave:
            yield list(wave.values())
            wave = {}
        wave[change.monitor.pk] = change
    yield list(wave.values())


def _write(wave: list[StatusChange], names: dict[int, str]) -> None:
    flapping.catch_up(wave)
    fresh = _outbox_rows(wave)
    told = [each for each in wave if each.course is not Course.FLAPPING]
    for change in wave:
        if change.course is Course.FLAPPING and change.monitor.pk in fresh:
            flapping.bounce(change)
    _open([each for each in told if each.after == Status.DOWN], names)
    _resolve([each for each in told if each.after in ENDINGS])
    for change in wave:
        if change.after == Status.PAUSED:
            expiry.end(change.monitor, change.decided_at)


def _brake(changes: list[StatusChange]) -> None:
    """Whatever has just been written and must wait, waits from the first moment on."""
    told = {change.after for change in changes if not change.silent}
    if Status.DOWN in told:
        brake.hold(timezone.now())
    if Status.UP in told:
        brake.hold_recoveries([each.monitor.pk for each in changes if each.after == Status.UP], timezone.now())


def _outbox_rows(wave: Sequence[StatusChange]) -> set[int]:
    """Write the rows that are not there yet; returns the monitors whose was not."""
    there = Transition.objects.filter(monitor__in=[each.monitor.pk for each in wave], at__in=[each.at for each in wave])
    known = set(there.values_list("monitor_id", "at", "to_status"))
    missing = [each for each in wave if (each.monitor.pk, each.at, each.after) not in known]
    Transition.objects.bulk_create(
        Transition(
            monitor=change.monitor,
            at=change.at,
            to_status=change.after,
            from_status=change.before,
            decided_at=change.decided_at,
            silent=change.silent,
            flapping=change.course is Course.FLAPPING,
            why=dict(change.why),
            config_version=change.monitor.config_version,
        )
        for change in missing
    )
    return {each.monitor.pk for each in missing}


def _open(falls: Sequence[StatusChange], names: dict[int, str]) -> None:
    if not falls:
        return
    there, opened = _opened(falls, names)
    TimelineEntry.objects.bulk_create(
        entry(opened[each.monitor.pk], each.decided_at, TimelineEntry.Kind.OPENED, _sentence(each.why, names))
        for each in falls
        if each.monitor.pk in opened
    )
    for change in falls:
        if change.course is Course.BEGINS:
            flapping.begin((there | opened)[change.monitor.pk], change)


def _opened(falls: Sequence[StatusChange], names: dict[int, str]) -> tuple[dict[int, Incident], dict[int, Incident]]:
    """The open outages of these monitors: those there were, and those that begin now."""
    there = {each.monitor_id: each for each in _outages(falls) if each.monitor_id}
    new = {each.monitor.pk: _incident(each, names) for each in falls if each.monitor.pk not in there}
    try:
        with transaction.atomic():
            Incident.objects.bulk_create(new.values())
    except IntegrityError:
        if _outages(falls).count() == len(there):
            raise
        return _opened(falls, names)  # somebody has reopened one meanwhile, which is visible now
    return there, new


def _outages(changes: Iterable[StatusChange]) -> QuerySet[Incident]:
    monitors = [each.monitor.pk for each in changes]
    return Incident.objects.open().filter(monitor__in=monitors, kind=Incident.Kind.OUTAGE)


def _incident(change: StatusChange, names: dict[int, str]) -> Incident:
    why, told = change.why, _told(change.why)
    cause, detail = (
        Counter(told.values()).most_common(1)[0][0] if told else (why.get("cause", ""), why.get("sentence", ""))
    )
    return Incident(
        monitor=change.monitor,
        kind=Incident.Kind.OUTAGE,
        team_id=change.monitor.team_id,
        started_at=change.at,
        cause=cause,
        summary=detail or (reason_label(cause) if cause else "It failed its checks"),
        regions=[names.get(region, "a removed region") for region in _saw_it(why)],
        votes=dict(why),
    )


def _saw_it(why: Mapping[str, Any]) -> list[int]:
    """The regions that saw it down."""
    return [int(region) for region, vote in why.get("votes", {}).items() if vote == "down"]


def _told(why: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    """Cause and detail, by each of these regions that gave them."""
    saw_it = _saw_it(why)
    return {
        int(region): (cause, detail)
        for region, (cause, detail) in why.get("reasons", {}).items()
        if int(region) in saw_it
    }


def _sentence(why: Mapping[str, Any], names: dict[int, str]) -> str:
    seen = {region: (detail or reason_label(cause)).rstrip(".") for region, (cause, detail) in _told(why).items()}
    return explain(why, names, seen)


def _resolve(endings: Sequence[StatusChange]) -> None:
    if not endings:
        return
    # Locked: somebody may be acknowledging it.
    outages = {each.monitor_id: each for each in _outages(endings).order_by("pk").select_for_update()}
    lines = []
    for change in endings:
        incident = outages.get(change.monitor.pk)
        if incident is None:
            continue
        ending = Incident.Resolution.DELETED if change.monitor.deleted_at else ENDINGS[change.after]
        begun = incident.reopened_at or incident.started_at
        incident.resolved_at, incident.resolution = max(change.at, begun), ending
        incident.save(update_fields=["resolved_at", "resolution"])
        lines.append(entry(incident, change.decided_at, TimelineEntry.Kind.RESOLVED, ending.label))
    TimelineEntry.objects.bulk_create(lines)
