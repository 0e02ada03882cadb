"""Days of ticks go into the archive and come back, byte for byte, through the command an operator has."""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from monitors.models import ArchivedDay, Tick
from monitors.services import archive, partitions
from tests import s3 as other_side
from tests.product import ROOT
from uptime import tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = date(2026, 1, 31)
NASTY = [
    "",
    '"',
    '""',
    '",",',
    "\\N",
    "\\.",
    "\n\\.\n",
    "a\nb\r\nc\rd",
    "back\\slash \\n \\\\",
    "tab\tand\vmore\x01\x7f",
    "ünï日本😀\u202e",
    "'; DROP TABLE monitors_tick; --",
    " spaces ",
    "NULL",
    ",",
    "x" * 300,
]


@pytest.fixture
def folder(tmp_path, settings):
    settings.ARCHIVE_URL = str(tmp_path / "archive")
    return tmp_path / "archive" / "ticks"


@pytest.fixture
def bucket(settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with other_side.Store() as store:
        settings.ARCHIVE_URL = f"s3://{other_side.BUCKET}/uptime"
        settings.ARCHIVE_S3_ENDPOINT, settings.ARCHIVE_S3_REGION = store.url, other_side.REGION
        settings.ARCHIVE_S3_KEY_ID, settings.ARCHIVE_S3_SECRET = other_side.KEY_ID, other_side.SECRET
        yield store


@pytest.fixture
def ticks():
    """A day with every kind of text, with nulls and without, and with its first and last moment."""
    partitions.ensure_partition(DAY)
    start = datetime(2026, 1, 31, tzinfo=UTC)
    for number, text in enumerate(NASTY):
        full = {"started_at": start, "response_ms": 0.1 + number, "status_code": 200} if number % 2 else {}
        slot = start + timedelta(days=1, microseconds=-1) if number == 0 else start + timedelta(seconds=number)
        Tick.objects.create(
            monitor_id=number % 3 + 1, region_id=1, slot=slot, vote="down", config_version=1, detail=text, **full
        )
    Tick.objects.create(monitor_id=1, region_id=1, slot=start, vote="up", config_version=1)
    return stored()


def stored(day=DAY):
    start = datetime.combine(day, datetime.min.time(), UTC)
    day_after = start + timedelta(days=1)
    return sorted(Tick.objects.filter(slot__gte=start, slot__lt=day_after).values_list(*archive.COLUMNS), key=str)


def run(*words):
    out = io.StringIO()
    call_command("archive", *words, stdout=out)
    return out.getvalue()


def dropped():
    partitions.drop_partition(DAY)
    assert stored() == []


def read(capfdbinary, *words):
    run("read", *words)
    return capfdbinary.readouterr().out


# There and back -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_day_comes_back_as_it_was(place, ticks, request):
    request.getfixturevalue(place)
    assert f"{len(ticks)} ticks of {DAY} are in the archive" in run("export", str(DAY))
    dropped()
    assert f"The ticks of {DAY} are in the database" in run("restore", str(DAY))
    assert stored() == ticks


def test_the_files_are_what_everybody_can_read(ticks, folder):
    run("export", str(DAY))
    manifest = json.loads((folder / f"{DAY}.json").read_text())
    with gzip.open(folder / f"{DAY}.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(ticks) == manifest["rows"]
    assert list(rows[0]) == manifest["columns"]
    assert sorted(row["detail"] for row in rows) == sorted(["", *NASTY])
    digest = hashlib.sha256((folder / f"{DAY}.csv.gz").read_bytes()).hexdigest()
    assert digest == manifest["sha256"] == ArchivedDay.objects.get().sha256


def test_a_day_is_printed_as_csv(ticks, folder, capfdbinary):
    run("export", str(DAY))
    with gzip.open(folder / f"{DAY}.csv.gz") as file:
        assert read(capfdbinary, str(DAY)) == file.read()


def test_one_monitors_ticks_are_printed_text_with_line_breaks_included(ticks, folder, capfdbinary):
    run("export", str(DAY))
    whole = list(csv.reader(io.StringIO(read(capfdbinary, str(DAY)).decode(), newline="")))
    mine = list(csv.reader(io.StringIO(read(capfdbinary, str(DAY), "--monitor", "2").decode(), newline="")))
    assert mine == [whole[0], *(row for row in whole if row[0] == "2")]
    assert len(mine) == 1 + len(NASTY) // 3


def test_whoever_reads_may_stop_early(ticks, folder, capfdbinary):
    """With a pipe that nobody empties and a day that does not fit into it."""
    many(5_000)
    run("export", str(DAY))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "archive", "read", str(DAY)],
        cwd=ROOT,
        env={**os.environ, "ARCHIVE_URL": str(folder.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"monitor_id,region_id,slot,vote")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0


def many(count):
    partitions.ensure_partition(DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitors_tick (monitor_id, region_id, slot, vote, reason, config_version, attempts, address, "
            "degraded, detail, response_ms) SELECT n, 9, timestamptz '2026-01-31 12:00Z' + n * interval '1 ms', 'up', "
            "'', 1, 1, '192.0.2.1', false, md5(n::text) || md5((n + 1)::text), random() FROM generate_series(1, %s) n",
            [count],
        )


def test_a_large_day_takes_little_memory(folder):
    many(100_000)
    before = fingerprint()
    tracemalloc.start()
    try:
        run("export", str(DAY))
        dropped()
        run("restore", str(DAY))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fingerprint() == before
    assert peak < 4 << 20  # of 14 MB of CSV


def fingerprint():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM monitors_tick t")
        return cursor.fetchone()


def test_the_hourly_job_takes_old_days_into_the_archive_and_drops_them(ticks, folder):
    tasks.make_partitions()
    assert DAY not in partitions.days()
    assert timezone.now().date() + timedelta(days=7) in partitions.days()
    with archive.fetched(DAY) as (manifest, _):
        assert (manifest.rows, manifest.whole) == (len(ticks), True)


# What does not go well ------------------------------------------------------------------------------------------------
def test_a_damaged_file_is_not_read_back(ticks, folder, capfdbinary):
    run("export", str(DAY))
    dropped()
    path = folder / f"{DAY}.csv.gz"
    path.write_bytes(path.read_bytes()[:-9] + b"X" + path.read_bytes()[-8:])
    for words in (["restore", str(DAY)], ["read", str(DAY)]):
        with pytest.raises(CommandError, match=f"The archive of {DAY} is damaged"):
            run(*words)
    assert stored() == []
    assert capfdbinary.readouterr().out == b""


def test_a_file_that_is_not_what_its_manifest_says_is_not_restored(ticks, folder):
    run("export", str(DAY))
    dropped()
    path = folder / f"{DAY}.json"
    for wrong, said in [
        ({"rows": 3}, "its manifest says 3"),
        ({"columns": ["x"]}, "does not know the columns x of the file"),
    ]:
        path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
        with pytest.raises(CommandError, match=said):
            run("restore", str(DAY))
        assert stored() == []
    for text, said in [
        ("[", "manifest of 2026-01-31 in the archive cannot be read"),
        ("{}", "manifest of 2026-01-31 in the archive cannot be read"),
        ('{"format": 2, "novelty": "x"}', "has format 2, this version of Uptime reads 1"),
    ]:
        path.write_text(text)
        with pytest.raises(CommandError, match=said):
            run("restore", str(DAY))


def test_a_day_that_is_in_the_database_is_not_restored_over(ticks, folder):
    run("export", str(DAY))
    with pytest.raises(CommandError, match="in the database already; nothing was changed"):
        run("restore", str(DAY))
    assert stored() == ticks


def test_more_is_never_replaced_by_less(ticks, folder):
    run("export", str(DAY))
    Tick.objects.filter(monitor_id=1).delete()
    with pytest.raises(CommandError, match=rf"holds {len(ticks)} ticks .*--replace"):
        run("export", str(DAY))
    dropped()
    run("restore", str(DAY))
    assert stored() == ticks
    Tick.objects.filter(monitor_id=1).delete()
    assert "are in the archive" in run("export", str(DAY), "--replace")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "yesterday"], "'yesterday' is not a day: write it like 2026-01-31"),
        (["export", "2020-01-01"], "The database holds nothing of 2020-01-01; `archive list` shows"),
        (["read", "2020-01-01"], "The archive holds nothing of 2020-01-01; `manage.py archive list` shows"),
        (["restore", "2020-01-01", "--keep", "0"], "--keep takes a number of days from 1 to 3650"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(words, said, folder):
    with pytest.raises(CommandError, match=said):
        run(*words)


def test_without_an_archive_the_way_out_is_named(settings):
    settings.ARCHIVE_URL = ""
    with pytest.raises(CommandError, match="set ARCHIVE_URL"):
        run("read", str(DAY))
    assert "ARCHIVE_URL is not set" in run("list")


def test_a_store_that_says_no_is_quoted(ticks, bucket, settings):
    settings.ARCHIVE_S3_SECRET = "guess"
    with pytest.raises(CommandError, match=r"403 SignatureDoesNotMatch.*ARCHIVE_S3_SECRET"):
        run("export", str(DAY))
    out = io.StringIO()
    with pytest.raises(CommandError, match="403"):
        call_command("archive", "list", stdout=out)
    assert re.search(f"{DAY}  database .*export failed: .*403", out.getvalue())


# Looking --------------------------------------------------------------------------------------------------------------
def test_days_are_listed_with_where_they_are(ticks, folder):
    assert f"{DAY}  database" in run("list")
    run("export", str(DAY))
    assert f"{DAY}  database + archive   {len(ticks)} ticks" in run("list")
    dropped()
    assert f"{DAY}  archive  " in run("list")
    run("restore", str(DAY), "--keep", "3")
    assert "; kept until" in run("list")


def test_what_another_installation_has_archived_is_found_too(ticks, folder):
    run("export", str(DAY))
    ArchivedDay.objects.all().delete()
    dropped()
    assert f"{DAY}  archive" in run("list")
    run("restore", str(DAY))
    assert stored() == ticks


def test_a_day_that_can_still_change_is_said_to(folder):
    today = datetime.now(UTC).date()
    partitions.ensure_partition(today)
    assert "exported once more before it is dropped" in run("export", str(today))
