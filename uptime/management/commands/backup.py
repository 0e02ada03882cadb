"""`manage.py backup FILE`: everything in the database as one file, while everything runs."""

import sys
from pathlib import Path

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from uptime import backup, secrets
from uptime.lib.stores import Folder, StoreError

KEEP = (
    "Keep the keys of this installation too, in another place: without FIELD_KEYS nobody can read the keys of regions "
    "and the secrets of monitors in the backup. They are in {}."
)


class Command(BaseCommand):
    help = (
        "Write everything in the database into one file, as of one moment, while everything runs. `restore` reads it. "
        "The keys that open what is encrypted in it are not in it, unless --with-secrets says so."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", help="A file that is not there yet, or - for standard output.")
        parser.add_argument(
            "--without-ticks", action="store_true", help="Leave single results out: they are the bulk of it."
        )
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="Put SECRET_KEY and FIELD_KEYS into the file as well: whoever has the file has everything.",
        )

    def handle(self, *args, file, without_ticks, with_secrets, **options):
        keys = _keys() if with_secrets else None
        if file == "-":
            done = backup.write(sys.stdout.buffer, timezone.now(), not without_ticks, keys)
            sys.stdout.buffer.flush()
        else:
            done = self._to_file(Path(file), not without_ticks, keys)
        # Standard output may be the backup itself: words go to the other one.
        self.stderr.write(f"{done.rows} rows of {len(done.tables)} tables are in the backup.")
        self.stderr.write(
            "It holds the keys of this installation: keep it where nobody else can read it."
            if with_secrets
            else KEEP.format(_where_the_keys_are())
        )

    def _to_file(self, path: Path, ticks: bool, keys: dict[str, str] | None) -> backup.Manifest:
        if path.exists():
            raise CommandError(f"{path} is there already: name another file, or remove it first.")
        try:
            with Folder(path.parent).writing(path.name) as sink:
                return backup.write(sink, timezone.now(), ticks, keys)
        except StoreError as error:
            raise CommandError(str(error)) from None


def _keys() -> dict[str, str]:
    return {
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
        "SETUP_TOKEN": settings.SETUP_TOKEN,
    }


def _where_the_keys_are() -> str:
    if secrets.in_force(settings.DATA_DIR, settings.FIELD_KEYS):
        return str(settings.DATA_DIR / "secrets.json")
    return "the environment of its processes (SECRET_KEY, FIELD_KEYS)"
