"""A backup: what every table held at one moment, in one file that needs no program but ours to be written or read.

The file is a ZIP: `tables/<name>` is what COPY says of the table; `manifest.json`, written last, says what there is,
with row counts and checksums. A file without it was broken off. `restore.py` reads it.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from monitors.models import Tick
from monitors.services import partitions
from uptime.lib.copying import copy_out, quoted, take_time

FORMAT = 1
MANIFEST, SECRETS = "manifest.json", "secrets.json"
LEVEL = 3  # of deflate: twice as fast as the usual 6, and a tenth larger
Model = type[models.Model]


@dataclass(frozen=True)
class Table:
    """One table in the file; `sha256` is that of what COPY said."""

    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    format: int
    version: str  # of Uptime
    made_at: str
    migrations: list[list[str]]
    partitions: dict[str, list[str]]  # of the tables that have some, the days
    tables: dict[str, Table]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Manifest":
        """Raises TypeError, KeyError or AttributeError when it is none of ours."""
        return cls(**{**values, "tables": {name: Table(**table) for name, table in values["tables"].items()}})

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def tables() -> list[Model]:
    """Every table that is ours or Django's, sorted; sessions are left out: people sign in again."""
    found = {
        model._meta.db_table: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model is not Session
    }
    return [found[name] for name in sorted(found)]


def columns(model: Model) -> list[str]:
    return [str(field.column) for field in model._meta.local_fields if field.concrete]


def migrations() -> list[list[str]]:
    """The state the database is in."""
    return sorted(list(key) for key in MigrationRecorder(connection).applied_migrations())


def write(out: IO[bytes], now: datetime, ticks: bool = True, secrets: Mapping[str, str] | None = None) -> Manifest:
    """Write a backup to `out`, which may be a pipe. Whoever works with the database meanwhile notices nothing.

    Without `ticks` the table of single results is empty in it.
    """
    packed = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
    with transaction.atomic(durable=True), take_time(), packed as file:
        _take_snapshot()
        found = {model._meta.db_table: _write_table(file, model, ticks or model is not Tick) for model in tables()}
        manifest = Manifest(FORMAT, settings.VERSION, now.isoformat(timespec="seconds"), migrations(), _days(), found)
        if secrets:
            file.writestr(SECRETS, _json(dict(secrets)))
        file.writestr(MANIFEST, _json(asdict(manifest)))
        return manifest


def _days() -> dict[str, list[str]]:
    return {table: [day.isoformat() for day in partitions.days(table)] for table in partitions.TABLES}


def _take_snapshot() -> None:
    """Everything read from here on is of one moment; nothing is locked but against dropping."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _write_table(file: zipfile.ZipFile, model: Model, rows_too: bool) -> Table:
    names, digest = columns(model), hashlib.sha256()
    query = f"SELECT {quoted(names)} FROM {quoted([model._meta.db_table])}"  # noqa: S608 - our own names
    with file.open(entry(model._meta.db_table), "w", force_zip64=True) as packed:

        def write_piece(piece: bytes) -> None:
            digest.update(piece)
            packed.write(piece)

        rows = copy_out(query if rows_too else f"{query} WHERE false", write_piece)
    return Table(names, rows, digest.hexdigest())


def entry(table: str) -> str:
    """Where a table lies in the file."""
    return f"tables/{table}"


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
