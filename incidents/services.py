"""Writing down what happened: the outbox row of every transition, and the incident it opens or resolves."""

from collections import Counter
from collections.abc import Iterable

from django.utils import timezone

from incidents import brake, expiry, flapping
from incidents.handling import note
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
    for change in changes:
        flapping.catch_up(change)
        transition, fresh = _outbox_row(change)
        if change.course is Course.FLAPPING:
            if fresh:
                flapping.bounce(change)
        elif change.after == Status.DOWN:
            _open(change, transition, names)
        elif change.after in ENDINGS:
            _resolve(change)
        if change.after == Status.PAUSED:
            expiry.end(change.monitor, change.decided_at)
    _brake(changes)


def _brake(changes: list[StatusChange]) -> None:
    """Whatever has just been written and must wait, waits from the first moment on."""
    told = {change.after for change in changes if not change.silent}
    if Status.DOWN in told:
        brake.hold(timezone.now())
    if Status.UP in told:
        brake.hold_recoveries([each.monitor.pk for each in changes if each.after == Status.UP], timezone.now())


def _outbox_row(change: StatusChange) -> tuple[Transition, bool]:
    """The row, and whether it was not there yet."""
    return Transition.objects.get_or_create(
        monitor=change.monitor,
        at=change.at,
        to_status=change.after,
        defaults={
            "from_status": change.before,
            "decided_at": change.decided_at,
            "silent": change.silent,
            "flapping": change.course is Course.FLAPPING,
            "why": dict(change.why),
            "config_version": change.monitor.config_version,
        },
    )


def _open(change: StatusChange, transition: Transition, names: dict[int, str]) -> None:
    why = change.why
    saw_it = [int(region) for region, vote in why.get("votes", {}).items() if vote == "down"]
    told = {int(region): tuple(reason) for region, reason in why.get("reasons", {}).items() if int(region) in saw_it}
    cause, detail = (
        Counter(told.values()).most_common(1)[0][0] if told else (why.get("cause", ""), why.get("sentence", ""))
    )
    incident, made = Incident.objects.get_or_create(
        monitor=change.monitor,
        kind=Incident.Kind.OUTAGE,
        resolved_at=None,
        defaults={
            "team_id": change.monitor.team_id,
            "started_at": change.at,
            "cause": cause,
            "summary": detail or (reason_label(cause) if cause else "It failed its checks"),
            "regions": [names.get(region, "a removed region") for region in saw_it],
            "votes": transition.why,
        },
    )
    if made:
        note(incident, change.decided_at, TimelineEntry.Kind.OPENED, _sentence(why, names, told))
    if change.course is Course.BEGINS:
        flapping.begin(incident, change)


def _sentence(why, names, told) -> str:
    seen = {region: (detail or reason_label(cause)).rstrip(".") for region, (cause, detail) in told.items()}
    return explain(why, names, seen)


def _resolve(change: StatusChange) -> None:
    outages = Incident.objects.open().filter(monitor=change.monitor, kind=Incident.Kind.OUTAGE)
    incident = outages.select_for_update().first()  # somebody may be acknowledging it
    if incident is None:
        return
    ending = Incident.Resolution.DELETED if change.monitor.deleted_at else ENDINGS[change.after]
    begun = incident.reopened_at or incident.started_at
    incident.resolved_at, incident.resolution = max(change.at, begun), ending
    incident.save(update_fields=["resolved_at", "resolution"])
    note(incident, change.decided_at, TimelineEntry.Kind.RESOLVED, ending.label)
