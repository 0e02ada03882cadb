"""The archive of ticks from the command line: list, export, read, restore."""

import os
import shutil
import sys
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from monitors.models import ArchivedDay
from monitors.services import archive, partitions
from monitors.services.archive import ArchiveError

KEEP_DAYS = 7


class Command(BaseCommand):
    help = (
        "Days of ticks in the database and in the archive (ARCHIVE_URL). Each hour, days older than "
        "TICK_RETENTION_DAYS are exported and then dropped by themselves."
    )

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="List the days in the database and in the archive.")
        export = verbs.add_parser("export", help="Write a day into the archive now. It stays in the database.")
        export.add_argument("day", type=_day)
        export.add_argument(
            "--replace", action="store_true", help="Even if the archive holds more ticks of it than the database."
        )
        read = verbs.add_parser("read", help="Print an archived day as CSV, once its checksum was found right.")
        read.add_argument("day", type=_day)
        read.add_argument("--monitor", type=int, metavar="ID", help="Only the ticks of this monitor.")
        restore = verbs.add_parser(
            "restore",
            help="Put an archived day back into the database.",
            description="Put an archived day back into the database. A day older than TICK_RETENTION_DAYS is dropped "
            "again, by the next hourly run after the days of --keep; repeat the command to keep it for longer.",
        )
        restore.add_argument("day", type=_day)
        restore.add_argument(
            "--keep", type=int, default=KEEP_DAYS, metavar="DAYS", help="How long it stays (default: %(default)s days)."
        )

    def handle(self, *args, verb, **options):
        try:
            getattr(self, verb)(**options)
        except ArchiveError as error:
            raise CommandError(str(error)) from None

    def list(self, **options):
        here, there, trouble = set(partitions.days()), set(), ""
        try:
            there = set(archive.days()) if settings.ARCHIVE_URL else set()
        except ArchiveError as error:  # what we know ourselves is still worth showing
            trouble = str(error)
        noted = {row.day: row for row in ArchivedDay.objects.all()}
        for day in sorted(here | there | set(noted)):
            places = ["database"] * (day in here) + ["archive"] * (day in there)
            self.stdout.write(f"{day}  {' + '.join(places):20} {_described(noted.get(day))}".rstrip())
        if not settings.ARCHIVE_URL:
            self.stdout.write("There is no archive: ARCHIVE_URL is not set, old days are dropped for good.")
        if trouble:
            raise CommandError(trouble)

    def export(self, day, replace, **options):
        if day not in partitions.days():
            raise CommandError(f"The database holds nothing of {day}; `archive list` shows which days it holds.")
        done = archive.export(day, replace)
        self.stdout.write(f"{done.rows} ticks of {day} are in the archive: {done.bytes} bytes, SHA-256 {done.sha256}.")
        if not done.whole:
            self.stdout.write("The day can still change: it is exported once more before it is dropped.")

    def read(self, day, monitor, **options):
        with archive.fetched(day) as (_, rows):
            try:
                if monitor is None:
                    shutil.copyfileobj(rows, sys.stdout.buffer, archive.PIECE)
                else:
                    sys.stdout.buffer.writelines(archive.of_monitor(rows, monitor))
                sys.stdout.buffer.flush()
            except BrokenPipeError:  # whoever reads has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def restore(self, day, keep, **options):
        if not 1 <= keep <= 3650:
            raise CommandError("--keep takes a number of days from 1 to 3650.")
        until = archive.restore(day, timedelta(days=keep))
        self.stdout.write(f"The ticks of {day} are in the database, and stay at least until {_minute(until)}.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not a day: write it like 2026-01-31.") from None


def _described(noted: ArchivedDay | None) -> str:
    if noted is None:
        return ""
    words = [f"{noted.rows} ticks, {noted.bytes} bytes"] if noted.sha256 else []
    words += [f"export failed: {noted.error}"] if noted.error else []
    words += [f"kept until {_minute(noted.kept_until)}"] if noted.kept_until else []
    return "; ".join(words)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
