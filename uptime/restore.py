"""Reading a backup back: all of it in one transaction, or nothing.

Broken off at any moment, the database is as it was before.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction

from accounts.models import Team, User
from monitors.models import Monitor, Pulse
from monitors.services import partitions
from uptime.backup import FORMAT, MANIFEST, SECRETS, Manifest, Model, Table, columns, entry, migrations, tables
from uptime.lib.copying import copy_in, quoted, take_time
from uptime.lib.crypto import Vault
from uptime.lib.fields import EncryptedJSONField

PIECE = 1 << 16
RUNNING = timedelta(seconds=10)  # a pulse younger than this: processes are at work
PEOPLES = (User, Team, Monitor)  # a database with none of these is as good as empty: `release` made what is there
IN_USE = ("55P03", "40P01")  # PostgreSQL's lock_not_available and deadlock_detected


class RestoreError(Exception):
    """Nothing was changed; the message says why and what to do."""


class Backup:
    """A backup file, opened. Raises RestoreError when it is none, or not a whole one."""

    def __init__(self, path: Path) -> None:
        with _told(path):
            self._file = zipfile.ZipFile(path)
            said = json.loads(self._file.read(MANIFEST))
            if said["format"] != FORMAT:
                raise RestoreError(
                    f"{path} has format {said['format']}, this version reads {FORMAT}: it was made by Uptime "
                    f"{said['version']}. Install that, restore there, and upgrade from there."
                )
            self.manifest = Manifest.from_json(said)
        self._path = path

    def secrets(self) -> dict[str, str]:
        """The keys of the installation it was made of. Raises RestoreError when they are not in it."""
        if SECRETS not in self._file.namelist():
            raise RestoreError(
                f"{self._path} holds no secrets: it was made without --with-secrets. Restore without that option, with "
                "the FIELD_KEYS and SECRET_KEY of the installation it was made of."
            )
        found: dict[str, str] = json.loads(self._file.read(SECRETS))
        return found

    def pieces(self, table: str) -> Iterator[bytes]:
        """What COPY said of a table."""
        with _told(self._path), self._file.open(entry(table)) as packed:
            while piece := packed.read(PIECE):
                yield piece


def restore(
    backup: Backup, now: datetime, field_keys: Sequence[str], replace: bool = False, force: bool = False
) -> None:
    """Put everything a backup holds into the database, in place of what is there. Raises RestoreError.

    `replace`: although people's data are there. `force`: although processes seem to be at work, and although
    `field_keys` do not open what is encrypted.
    """
    manifest = backup.manifest
    _require_same_state(manifest)
    try:
        with transaction.atomic(durable=True), take_time():
            if not force:
                _require_rest(now)
            _empty(replace)
            _make_room(manifest)
            for model in tables():
                _fill(backup, model, manifest.tables[model._meta.db_table])
            _settle()
            if not force:
                _require_keys(field_keys)
    except DatabaseError as error:
        raise RestoreError(_said(error)) from error


def _require_same_state(manifest: Manifest) -> None:
    here = migrations()
    there = {model._meta.db_table: columns(model) for model in tables()}
    if manifest.migrations == here and {name: t.columns for name, t in manifest.tables.items()} == there:
        return
    lacking = [".".join(key) for key in manifest.migrations if key not in here]
    beyond = [".".join(key) for key in here if key not in manifest.migrations]
    words = [f"it has {', '.join(lacking)}, which is not here"] if lacking else []
    words += [f"it lacks {', '.join(beyond)}"] if beyond else []
    raise RestoreError(
        f"The backup was made by Uptime {manifest.version}, whose tables are not those of this database "
        f"({'; '.join(words) or 'columns differ'}). Install that version, restore there into an empty database, and "
        "upgrade from there as usual (`manage.py release`)."
    )


def _require_rest(now: datetime) -> None:
    pulse = Pulse.objects.filter(at__gt=now - RUNNING).order_by("-at").first()
    if pulse:
        raise RestoreError(
            f"Processes are at work on this database: “{pulse.name}” was alive at {pulse.at:%H:%M:%S} UTC. Stop web, "
            f"beat and the workers (or `make run`), wait {RUNNING.seconds} s and try again; --force goes ahead anyway."
        )


def _empty(replace: bool) -> None:
    """Lock every table against everybody and empty it; the old rows are there until the transaction ends well."""
    names = quoted(model._meta.db_table for model in tables())
    found = [model._meta.verbose_name_plural for model in PEOPLES if model._default_manager.exists()]
    if found and not replace:
        raise RestoreError(
            f"This database is in use: there are {' and '.join(map(str, found))} in it. --replace puts the backup in "
            "place of everything there; make a backup of it first."
        )
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names}, django_session")


def _make_room(manifest: Manifest) -> None:
    for table in partitions.TABLES:
        for day in manifest.partitions.get(table, []):
            partitions.ensure_partition(date.fromisoformat(day), table)


def _fill(backup: Backup, model: Model, table: Table) -> None:
    name, digest = model._meta.db_table, hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in backup.pieces(name):
            digest.update(piece)
            yield piece

    rows = copy_in(quoted([name]), table.columns, hashed())
    if (rows, digest.hexdigest()) != (table.rows, table.sha256):
        raise RestoreError(f"The backup is damaged: what it holds of {name} is not what its manifest says.")


def _settle() -> None:
    """Let the database check every reference now, and number new rows after the restored ones."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in connection.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)


def _require_keys(field_keys: Sequence[str]) -> None:
    vault = Vault(field_keys)
    for model in tables():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedJSONField) and not _opens(vault, model, str(field.column)):
                raise RestoreError(
                    "The FIELD_KEYS of this installation do not open what is encrypted in the backup "
                    f"({model._meta.db_table}). Set FIELD_KEYS to those of the installation it was made of (under "
                    "`make run` they are in DATA_DIR/secrets.json), or restore --with-secrets a backup made so."
                )


def _opens(vault: Vault, model: Model, column: str) -> bool:
    table, name = quoted([model._meta.db_table]), quoted([column])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")  # noqa: S608 - our own names
        try:
            while rows := cursor.fetchmany(1000):
                for (locked,) in rows:
                    vault.unlock(locked)
        except ValueError:
            return False
    return True


def _said(error: DatabaseError) -> str:
    if getattr(error.__cause__, "sqlstate", "") in IN_USE:
        return (
            "Somebody is working with this database, so its tables cannot be locked. Stop web, beat and the workers "
            "(or `make run`), and whatever else is connected, and try again."
        )
    return f"The database refuses the backup: {str(error).strip()}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise RestoreError(f"There is no file {path}.") from error
    except OSError as error:
        raise RestoreError(f"{path} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise RestoreError(f"{path} is not a whole backup of Uptime ({error}).") from error
