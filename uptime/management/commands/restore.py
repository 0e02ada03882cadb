"""`manage.py restore FILE`: a backup back into the database, all of it or nothing."""

from pathlib import Path

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.utils import timezone

from uptime import secrets
from uptime.restore import Backup, RestoreError, restore


class Command(BaseCommand):
    help = (
        "Put everything in a backup into the database. Stop web, beat and the workers first. It all happens in one "
        "transaction: broken off at any moment, the database is as it was."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE", help="A file that `backup` wrote.")
        parser.add_argument(
            "--replace", action="store_true", help="In place of everything in a database that is in use."
        )
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="Take over SECRET_KEY and FIELD_KEYS from the file, into DATA_DIR/secrets.json.",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="Although processes seem to be at work, or although FIELD_KEYS do not open what is encrypted.",
        )

    def handle(self, *args, file, replace, with_secrets, force, **options):
        try:
            backup = Backup(file)
            taken = _taken_over(backup) if with_secrets else None
            if not connection.introspection.table_names():
                call_command("migrate", verbosity=0, interactive=False)
            keys = taken["FIELD_KEYS"].split(",") if taken else settings.FIELD_KEYS
            restore(backup, timezone.now(), keys, replace, force)
        except RestoreError as error:
            raise CommandError(str(error)) from None
        if taken:
            kept = secrets.replace(settings.DATA_DIR, taken)
            self.stdout.write(f"The keys of the backup are in force; those from before are in {kept}.")
        found = backup.manifest
        self.stdout.write(f"{found.rows} rows of {found.made_at} are restored; everybody has to sign in again.")
        self.stdout.write("Now run `manage.py release`, then start the processes; or just `make run`.")


def _taken_over(backup: Backup) -> dict[str, str]:
    """The secrets in the file, if they can come into force here."""
    found = backup.secrets()
    if not secrets.in_force(settings.DATA_DIR, settings.FIELD_KEYS):
        raise RestoreError(
            "The keys of this installation come from the environment. Set SECRET_KEY and FIELD_KEYS there to what "
            "`unzip -p FILE secrets.json` shows, and restore without --with-secrets."
        )
    return found
