"""Everything a new version needs before it runs; safe to repeat."""

from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

import uptime.tasks  # noqa: F401 -- its tasks declare their periodic entries when they are imported
from monitors.models import Region
from monitors.services import partitions, regions
from uptime import localregions
from uptime.celery import beat_entries
from uptime.lib.crypto import new_key

OURS = "uptime: "  # the mark of the entries that code owns


class Command(BaseCommand):
    help = "Bring database, partitions, beat entries, static files and the local region up to this version."

    def handle(self, *args, **options):
        with connection.cursor() as cursor:  # a migration may take its time, but never waits long for a lock
            cursor.execute("SET statement_timeout = 0")
        with connection.connection.unhurried():
            call_command("migrate", verbosity=0, interactive=False)
        partitions.ensure_partitions(timezone.now().date())
        sync_periodic()
        ensure_local_region()
        call_command("collectstatic", verbosity=0, interactive=False)
        self.stdout.write(self.style.SUCCESS(f"Uptime {settings.VERSION} is ready to run."))


def sync_periodic() -> None:
    """Write the periodic tasks into beat's tables; entries that left the code leave the table."""
    names = []
    for entry in beat_entries():
        every, _ = IntervalSchedule.objects.get_or_create(every=entry.every, period=IntervalSchedule.SECONDS)
        name = f"{OURS}{entry.task.removeprefix('uptime.')}"
        names.append(name)
        PeriodicTask.objects.update_or_create(
            name=name,
            defaults={
                "task": entry.task,
                "interval": every,
                "crontab": None,
                "queue": entry.queue,
                "expire_seconds": max(2, entry.every * 2),
            },
        )
    PeriodicTask.objects.filter(name__startswith=OURS).exclude(name__in=names).delete()
    PeriodicTasks.update_changed()


def ensure_local_region() -> None:
    """The region `local`, checked from this machine, exists from the first start on."""
    if not Region.objects.exists():
        Region.objects.create(slug="local", name="Local", key=new_key(), same_machine=True)
    localregions.write(regions.as_file())
