"""Holding alerts back while we do not know whether it is us: the rules of incidents.domain.brake, stored.

A transition waits while its `hold_until` lies ahead. Were nobody to look at it any more, that moment would still come:
whatever breaks here, alerts are late and never lost.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef

from incidents.domain import brake as rules
from incidents.domain.brake import Cause, Fate, Held
from incidents.models import Transition
from monitors.domain.verdict import Status
from monitors.models import Monitor, Region, RegionTrouble

ENDINGS = (Status.UP, Status.PAUSED)  # what a monitor that was down may become


def limits() -> rules.Limits:
    return rules.Limits(
        share=settings.BRAKE_SHARE,
        monitors=settings.BRAKE_MONITORS,
        teams=settings.BRAKE_TEAMS,
        hold=timedelta(seconds=settings.BRAKE_HOLD),
        longest=timedelta(seconds=settings.BRAKE_LONGEST),
    )


def cause(now: datetime) -> Cause | None:
    """Why alerts must wait now, None when they need not."""
    return rules.cause(_scene(now), limits(), now)


def hold(now: datetime) -> Cause | None:
    """Hold what went down lately, when the brake must be pulled; returns why. Runs in a transaction.

    What has come up meanwhile is held with its fall, unless that has been told already.
    """
    why = cause(now)
    if why:
        fresh = Transition.objects.waiting().filter(created_at__gt=now - rules.AT_ONCE, hold_until=None)
        told = fresh.filter(to_status__in=[Status.DOWN, Status.UP]).order_by("pk").select_for_update()
        rows = list(told.values_list("pk", "monitor_id", "to_status"))
        fell = {monitor for _, monitor, status in rows if status == Status.DOWN}
        ids = [pk for pk, monitor, _ in rows if monitor in fell]
        Transition.objects.filter(pk__in=ids).update(hold_until=now + limits().hold)
    return why


def hold_recoveries(monitors: list[int], now: datetime) -> None:
    """Hold the word that these monitors are up while the word that they were down is held."""
    falls = Transition.objects.held(now).filter(to_status=Status.DOWN, monitor__in=monitors)
    for monitor, ends in falls.values_list("monitor_id", "hold_until"):
        recovery = Transition.objects.waiting().filter(monitor=monitor, to_status=Status.UP, hold_until=None)
        recovery.update(hold_until=ends)


@transaction.atomic
def review(now: datetime) -> None:
    """Decide what becomes of everything that waits; run every few seconds."""
    why = hold(now)
    endings = Transition.objects.filter(to_status__in=ENDINGS, flapping=False)  # what flaps is not over
    later = endings.filter(monitor=OuterRef("monitor"), at__gte=OuterRef("at"))
    falls = Transition.objects.waiting().exclude(hold_until=None).filter(to_status=Status.DOWN)
    waiting = falls.annotate(over=Exists(later)).select_related("monitor").order_by("pk")
    for row in waiting.select_for_update(of=("self",)):
        held = Held(row.created_at, row.hold_until, row.over or row.monitor.deleted_at is not None)
        _settle(row, held, rules.fate(held, why, limits(), now), now)
    _let_go_of_recoveries()


def _settle(row: Transition, held: Held, fate: Fate, now: datetime) -> None:
    match fate:
        case Fate.DROP:
            _drop(row, now)
        case Fate.RELEASE:
            row.hold_until = None
            row.save(update_fields=["hold_until"])
        case Fate.EXTEND:
            row.hold_until = rules.until(held, limits(), now)
            row.save(update_fields=["hold_until"])


def _drop(row: Transition, now: datetime) -> None:
    """The fall and its recovery are told to nobody."""
    row.dropped_at = now
    row.save(update_fields=["dropped_at"])
    recovery = Transition.objects.waiting().filter(monitor=row.monitor_id, to_status=Status.UP, at__gte=row.at)
    first = recovery.order_by("at", "id").first()
    if first:
        first.dropped_at = now
        first.save(update_fields=["dropped_at"])


def _let_go_of_recoveries() -> None:
    """A recovery waits only for its fall."""
    falls = (
        Transition.objects.waiting().exclude(hold_until=None).filter(to_status=Status.DOWN, monitor=OuterRef("monitor"))
    )
    alone = Transition.objects.waiting().exclude(hold_until=None).filter(~Exists(falls), to_status=Status.UP)
    alone.update(hold_until=None)


def _scene(now: datetime) -> rules.Scene:
    """Counting all that is watched waits until enough has gone down for it to matter."""
    troubled = RegionTrouble.objects.filter(end=None, region__enabled=True).values_list("region")
    since = [start for _, start in troubled.annotate(since=Min("start")).order_by()]
    fell = Transition.objects.filter(created_at__gt=now - rules.AT_ONCE, to_status=Status.DOWN, silent=False).aggregate(
        monitors=Count("monitor", distinct=True), teams=Count("monitor__team", distinct=True)
    )
    watched = {"monitors": 0, "teams": 0}
    if fell["monitors"] >= settings.BRAKE_MONITORS:
        watched = (
            Monitor.objects.alive()
            .filter(paused=False)
            .aggregate(monitors=Count("pk"), teams=Count("team", distinct=True))
        )
    regions = Region.objects.filter(enabled=True).count()
    return rules.Scene(regions, since, watched["monitors"], watched["teams"], fell["monitors"], fell["teams"])
