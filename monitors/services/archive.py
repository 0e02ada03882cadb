"""The archive: a day of ticks as a compressed CSV file outside the database, written before its partition is dropped.

Beside each file lies a manifest, written last: a day counts as archived once that is there, and what is read back is
first compared with the checksum in it.
"""

import gzip
import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from monitors.models import ArchivedDay, Pulse, Tick
from monitors.models.archive import final_from
from monitors.services import partitions
from uptime.lib.copying import copy_in, copy_out, quoted, take_time
from uptime.lib.s3 import Bucket, Signature
from uptime.lib.sql import alone
from uptime.lib.stores import Folder, MissingError, Sink, Store, StoreError

logger = logging.getLogger(__name__)

FORMAT = 1
FOLDER = "ticks"
PULSE = "archive"
PIECE = 1 << 16
LEVEL = 3  # of gzip: twice as fast as the usual 6, and a tenth larger
FIELDS = [field for field in Tick._meta.local_fields if field.concrete]
COLUMNS = [str(field.column) for field in FIELDS]
TEXTS = [str(field.column) for field in FIELDS if isinstance(field, models.CharField)]
CSV = "FORMAT csv, HEADER true"


class ArchiveError(Exception):
    """The message says what is wrong and what to do."""


class BusyError(ArchiveError):
    """Another process is at the same day."""


@dataclass(frozen=True)
class Manifest:
    """What the file beside it holds; `sha256` is that of the file as it is, compressed."""

    format: int
    day: str
    rows: int
    bytes: int
    sha256: str
    columns: list[str]
    exported_at: str
    whole: bool  # nothing could be added to the day any more when it was exported


def store() -> Store:
    """Where ARCHIVE_URL says. Raises ArchiveError when it says nothing."""
    url = urlsplit(settings.ARCHIVE_URL)
    if not settings.ARCHIVE_URL:
        raise ArchiveError("There is no archive: set ARCHIVE_URL to a folder or a bucket (see docs/storage.md).")
    if url.scheme != "s3":
        return Folder(Path(settings.ARCHIVE_URL))
    signature = Signature(settings.ARCHIVE_S3_KEY_ID, settings.ARCHIVE_S3_SECRET, settings.ARCHIVE_S3_REGION)
    return Bucket(settings.ARCHIVE_S3_ENDPOINT, url.netloc, url.path, signature)


def days() -> list[date]:
    """The days the archive holds."""
    with _told_as_archive_error():
        names = [Path(name) for name in store().names(FOLDER)]
    return [date.fromisoformat(name.stem) for name in names if name.suffix == ".json"]


# Out of the database --------------------------------------------------------------------------------------------------
def retire(before: date) -> None:
    """Drop the partitions of days before `before`, where there is an archive only once it holds the whole day.

    A day whose export fails stays, and the next run tries again; so does one that was read back, for its time.
    """
    failed = False
    for day in partitions.days():
        if day < before and not _kept(day):
            try:
                if settings.ARCHIVE_URL and not _is_whole(day):
                    export(day)
                partitions.drop_partition(day)
            except BusyError:
                continue
            except ArchiveError as error:
                logger.error("The ticks of %s stay in the database, for they could not be archived: %s", day, error)
                failed = True
    if settings.ARCHIVE_URL and not failed:
        _pulse(timezone.now())


def export(day: date, replace: bool = False) -> ArchivedDay:
    """Write a day into the archive and note what became of it. Raises ArchiveError.

    `replace`: even if the archive holds more ticks of that day than the database.
    """
    now = timezone.now()
    try:
        with _told_as_archive_error():
            manifest = _write(store(), day, now, replace)
    except BusyError:
        raise
    except ArchiveError as error:
        ArchivedDay.objects.update_or_create(day=day, defaults={"at": now, "error": str(error)})
        raise
    done = {"at": now, "error": "", "rows": manifest.rows, "bytes": manifest.bytes, "sha256": manifest.sha256}
    return ArchivedDay.objects.update_or_create(day=day, defaults=done)[0]


def _write(target: Store, day: date, now: datetime, replace: bool) -> Manifest:
    with transaction.atomic(), take_time():
        _lock(day)
        before = None if replace else _manifest_or_none(target, day)
        with target.writing(_data_name(day)) as sink:
            packed = Packed(sink)
            rows = copy_out(_select(day), packed.write, f"{CSV}, FORCE_QUOTE ({quoted(TEXTS)})")
            packed.close()
            if before and before.whole and before.rows > rows:
                raise ArchiveError(
                    f"The archive holds {before.rows} ticks of {day}, the database only {rows}: it is not replaced. "
                    f"`manage.py archive export {day} --replace` does so all the same."
                )
    whole = now >= final_from(day)
    manifest = Manifest(
        FORMAT, day.isoformat(), rows, packed.size, packed.digest(), COLUMNS, now.isoformat(timespec="seconds"), whole
    )
    with target.writing(_manifest_name(day)) as sink:
        sink.write(json.dumps(asdict(manifest), indent=2).encode() + b"\n")
    return manifest


class Packed:
    """Compresses (as gzip does) what is written into a sink, and knows size and SHA-256 of what came out."""

    def __init__(self, sink: Sink) -> None:
        self.size = 0
        self._sink, self._hash = sink, hashlib.sha256()
        self._gzip = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    def write(self, data: bytes) -> None:
        self._pass_on(self._gzip.compress(data))

    def close(self) -> None:
        self._pass_on(self._gzip.flush())

    def digest(self) -> str:
        return self._hash.hexdigest()

    def _pass_on(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)
        self._sink.write(data)


def _select(day: date) -> str:
    start = datetime.combine(day, time.min, UTC)
    return (
        f"SELECT {quoted(COLUMNS)} FROM {quoted([Tick._meta.db_table])} "  # noqa: S608 - our own names and a date
        f"WHERE slot >= '{start.isoformat()}' AND slot < '{(start + timedelta(days=1)).isoformat()}'"
    )


def _kept(day: date) -> bool:
    return ArchivedDay.objects.filter(day=day, kept_until__gt=timezone.now()).exists()


def _is_whole(day: date) -> bool:
    noted = ArchivedDay.objects.filter(day=day).first()
    return noted is not None and noted.whole


def _pulse(now: datetime) -> None:
    Pulse.objects.update_or_create(name=PULSE, defaults={"at": now}, create_defaults={"at": now, "since": now})


# And back -------------------------------------------------------------------------------------------------------------
@contextmanager
def fetched(day: date) -> Iterator[tuple[Manifest, BufferedIOBase]]:
    """An archived day as CSV, once its checksum was found right. Raises ArchiveError."""
    source = store()
    with ExitStack() as opened:
        with _told_as_archive_error():
            manifest = _manifest(source, day)
            file = opened.enter_context(source.reading(_data_name(day)))
        if hashlib.file_digest(file, "sha256").hexdigest() != manifest.sha256:
            raise ArchiveError(f"The archive of {day} is damaged: its checksum is not the one in its manifest.")
        file.seek(0)
        yield manifest, opened.enter_context(gzip.GzipFile(fileobj=file))


def restore(day: date, keep: timedelta) -> datetime:
    """Put an archived day back into the database; returns until when it is kept there. Raises ArchiveError.

    A day that was read back before is only kept for longer.
    """
    until = timezone.now() + keep
    with fetched(day) as (manifest, rows), transaction.atomic(), take_time():
        _lock(day)
        noted = ArchivedDay.objects.filter(day=day).first()
        if not _has_ticks(day):
            partitions.ensure_partition(day)
            _insert(manifest, rows)
        elif noted is None or noted.kept_until is None:
            raise ArchiveError(f"Ticks of {day} are in the database already; nothing was changed.")
        first = {"at": datetime.fromisoformat(manifest.exported_at), "rows": manifest.rows, "bytes": manifest.bytes}
        ArchivedDay.objects.update_or_create(
            day=day,
            defaults={"kept_until": until},
            create_defaults={**first, "sha256": manifest.sha256, "kept_until": until},
        )
    return until


def of_monitor(lines: Iterable[bytes], monitor: int) -> Iterator[bytes]:
    """Of a day's CSV the header and one monitor's records, byte for byte: quotes tell NULL from an empty text."""
    mine = f"{monitor},".encode()
    lines = iter(lines)
    yield next(lines, b"")
    for line in lines:
        record = line
        while record.count(b'"') % 2:  # a line break inside a text
            record += next(lines)
        if record.startswith(mine):
            yield record


def _insert(manifest: Manifest, rows: BufferedIOBase) -> None:
    if unknown := set(manifest.columns) - set(COLUMNS):
        raise ArchiveError(
            f"This version of Uptime does not know the columns {', '.join(sorted(unknown))} of the file."
        )
    table = quoted([Tick._meta.db_table])
    with _told_as_archive_error():
        count = copy_in(table, manifest.columns, iter(partial(rows.read, PIECE), b""), CSV)
    if count != manifest.rows:
        raise ArchiveError(f"The file holds {count} ticks, its manifest says {manifest.rows}; nothing was restored.")


def _has_ticks(day: date) -> bool:
    start = datetime.combine(day, time.min, UTC)
    return Tick.objects.filter(slot__gte=start, slot__lt=start + timedelta(days=1)).exists()


# Both -----------------------------------------------------------------------------------------------------------------
def _data_name(day: date) -> str:
    return f"{FOLDER}/{day}.csv.gz"


def _manifest_name(day: date) -> str:
    return f"{FOLDER}/{day}.json"


def _manifest(source: Store, day: date) -> Manifest:
    found = _manifest_or_none(source, day)
    if found is None:
        raise ArchiveError(f"The archive holds nothing of {day}; `manage.py archive list` shows what it holds.")
    return found


def _manifest_or_none(source: Store, day: date) -> Manifest | None:
    try:
        with source.reading(_manifest_name(day)) as file:
            said = json.load(file)
        if said["format"] != FORMAT:
            raise ArchiveError(
                f"The archive of {day} has format {said['format']}, this version of Uptime reads {FORMAT}: a newer one "
                "wrote it, and reads it."
            )
        return Manifest(**said)
    except MissingError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(f"The manifest of {day} in the archive cannot be read: {error}.") from error


def _lock(day: date) -> None:
    """One process at a time is at a day: a long task may be delivered once more while it still runs."""
    if not alone(f"archive {day}"):
        raise BusyError(f"Another process is exporting or restoring {day} at the moment.")


@contextmanager
def _told_as_archive_error() -> Iterator[None]:
    try:
        yield
    except (StoreError, DatabaseError) as error:
        raise ArchiveError(str(error).strip()) from error
