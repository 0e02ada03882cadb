"""Fills the database of a running installation with monitors, through the ORM; a program of its own, with its DATA_DIR.

python -m bench.load '{"http://127.0.0.1:8080": 990, "http://127.0.0.1:8081": 10}' INTERVAL
"""

import json
import os
import sys
from collections.abc import Iterator

import django

from uptime import environment

environment.fill(environment.published(environment.data_dir()))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
django.setup()

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Team
from monitors.domain.slots import default_timeout, next_slot
from monitors.domain.verdict import Status
from monitors.models import Monitor, Region, RolledUp, Schedule, State, StatusInterval
from monitors.models.levels import FIVE_MINUTES, floor
from monitors.times import from_ms, now_ms

PART = 2000
LEAD_MS = 1500  # the first slots lie ahead by this and a little for every monitor, so that none is missed meanwhile


def targets(wanted: dict[str, int]) -> Iterator[str]:
    for base, count in wanted.items():
        for number in range(count):
            yield f"{base}/{number}"


def make(team: Team, region: Region, urls: list[str], interval: int) -> None:
    """Monitors that are up already, with the rows `edit.create` makes for one, in bulk; their schedule follows."""
    now = from_ms(now_ms())
    monitors = Monitor.objects.bulk_create(
        Monitor(team=team, name=url[:100], target=url, interval=interval, timeout_ms=default_timeout(interval))
        for url in urls
    )
    Monitor.regions.through.objects.bulk_create(
        Monitor.regions.through(monitor_id=monitor.pk, region_id=region.pk) for monitor in monitors
    )
    State.objects.bulk_create(
        State(monitor=monitor, since=now, status=Status.UP, verdict=Status.UP) for monitor in monitors
    )
    RolledUp.objects.bulk_create(
        [RolledUp(monitor=monitor, until=floor(now, FIVE_MINUTES)) for monitor in monitors],
        ignore_conflicts=True,  # rolling up may have found them before
    )
    StatusInterval.objects.bulk_create(
        StatusInterval(monitor=monitor, status=Status.UP, start=now) for monitor in monitors
    )


def schedule(interval: int, monitors: QuerySet[Monitor]) -> None:
    """Put monitors on their grid, all at once."""
    ids = list(monitors.values_list("pk", flat=True))
    start = now_ms() + LEAD_MS + len(ids) // 8
    began = from_ms(start)
    with transaction.atomic():
        State.objects.filter(monitor__in=monitors).update(judged_until=began, accounted_until=began, last_decided=began)
        Schedule.objects.bulk_create(
            (Schedule(monitor_id=pk, next_slot_at=from_ms(next_slot(pk, interval, start))) for pk in ids),
            batch_size=PART,
        )


def main(wanted: dict[str, int], interval: int) -> None:
    team = Team.objects.get_or_create(name="bench")[0]
    region = Region.objects.get(slug="local")
    urls = list(targets(wanted))
    for first in range(0, len(urls), PART):
        make(team, region, urls[first : first + PART], interval)
    schedule(interval, Monitor.objects.all())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
