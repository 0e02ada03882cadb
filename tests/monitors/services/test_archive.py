"""Old days leave the database once the archive has them, and never before."""

import logging
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

from monitors.models import ArchivedDay, Pulse, Tick
from monitors.services import archive, partitions
from monitors.services.archive import ArchiveError, BusyError
from tests import s3 as other_side
from uptime.lib import s3

pytestmark = [pytest.mark.django_db, pytest.mark.database]

OLD, OLDER, YOUNG = date(2026, 1, 30), date(2026, 1, 29), date(2026, 3, 1)
BEFORE = date(2026, 2, 1)


@pytest.fixture(autouse=True)
def days():
    for day in (OLDER, OLD, YOUNG):
        partitions.ensure_partition(day)
        Tick.objects.create(
            monitor_id=1, region_id=1, slot=datetime(day.year, day.month, day.day, tzinfo=UTC), config_version=1
        )


@pytest.fixture
def folder(tmp_path, settings):
    settings.ARCHIVE_URL = str(tmp_path / "archive")
    return tmp_path / "archive" / "ticks"


@pytest.fixture
def bucket(settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(s3, "PAUSES_S", ())
    with other_side.Store() as store:
        settings.ARCHIVE_URL = f"s3://{other_side.BUCKET}"
        settings.ARCHIVE_S3_ENDPOINT, settings.ARCHIVE_S3_REGION = store.url, other_side.REGION
        settings.ARCHIVE_S3_KEY_ID, settings.ARCHIVE_S3_SECRET = other_side.KEY_ID, other_side.SECRET
        yield store


def present():
    return sorted(set(partitions.days()) & {OLDER, OLD, YOUNG})


def test_without_an_archive_old_days_are_dropped(settings):
    settings.ARCHIVE_URL = ""
    archive.retire(BEFORE)
    assert present() == [YOUNG]
    assert not Pulse.objects.exists()


def test_with_an_archive_they_are_in_it_by_then(folder):
    archive.retire(BEFORE)
    assert present() == [YOUNG]
    assert archive.days() == [OLDER, OLD]
    assert [(row.rows, row.error, row.whole) for row in ArchivedDay.objects.all()] == [(1, "", True)] * 2
    assert Pulse.objects.get().name == "archive"


def test_a_day_that_cannot_be_exported_stays_is_told_and_goes_once_it_can(folder, caplog):
    folder.parent.write_text("a file where the folder should be")
    with caplog.at_level(logging.ERROR):
        archive.retire(BEFORE)
    assert present() == [OLDER, OLD, YOUNG]
    assert f"The ticks of {OLDER} stay in the database" in caplog.text
    assert "Not a directory" in ArchivedDay.objects.get(day=OLD).error
    assert not Pulse.objects.exists()
    folder.parent.unlink()
    archive.retire(BEFORE)
    assert present() == [YOUNG]
    assert {row.error for row in ArchivedDay.objects.all()} == {""}


@pytest.mark.parametrize("trouble", ["500", "503", "cut"])
def test_one_failed_day_holds_up_none_of_the_others(bucket, trouble):
    bucket.trouble.append(trouble)
    archive.retire(BEFORE)
    assert present() == [OLDER, YOUNG]
    archive.retire(BEFORE)
    assert present() == [YOUNG]
    assert sorted(bucket.objects) == [f"ticks/{day}.{kind}" for day in (OLDER, OLD) for kind in ("csv.gz", "json")]


def test_a_day_whose_manifest_could_not_be_written_is_not_archived(bucket):
    bucket.trouble.extend([None, None, "500"])
    archive.retire(BEFORE)
    assert present() == [OLDER, YOUNG]
    assert archive.days() == [OLD]


def test_what_was_exported_while_it_could_still_change_is_exported_again(folder):
    with time_machine.travel(datetime(2026, 1, 31, 12, tzinfo=UTC), tick=False):
        assert not archive.export(OLD).whole
    Tick.objects.create(
        monitor_id=2, region_id=1, slot=datetime(2026, 1, 30, 1, tzinfo=UTC), config_version=1
    )  # came late
    archive.retire(BEFORE)
    with archive.fetched(OLD) as (manifest, _):
        assert (manifest.rows, manifest.whole) == (2, True)


def test_a_whole_day_is_not_exported_twice(folder):
    archive.export(OLD)
    written = (folder / f"{OLD}.csv.gz").stat().st_mtime_ns
    archive.retire(BEFORE)
    assert (folder / f"{OLD}.csv.gz").stat().st_mtime_ns == written
    assert present() == [YOUNG]


def test_a_day_that_was_read_back_stays_for_its_time_and_longer_when_asked(folder):
    archive.retire(BEFORE)
    archive.restore(OLD, timedelta(days=7))
    archive.retire(BEFORE)
    assert present() == [OLD, YOUNG]
    archive.restore(OLD, timedelta(days=20))
    with time_machine.travel(timezone.now() + timedelta(days=10)):
        archive.retire(BEFORE)
    assert present() == [OLD, YOUNG]
    with time_machine.travel(timezone.now() + timedelta(days=21)):
        archive.retire(BEFORE)
    assert present() == [YOUNG]


def test_an_empty_database_never_empties_the_archive(folder):
    archive.export(OLD)
    ArchivedDay.objects.all().delete()
    Tick.objects.all().delete()
    archive.retire(BEFORE)
    assert present() == [OLD, YOUNG]
    assert "not replaced" in ArchivedDay.objects.get(day=OLD).error
    with archive.fetched(OLD) as (manifest, _):
        assert manifest.rows == 1


@pytest.fixture
def somebody_else():
    """Another session, in a transaction."""
    other = connections.create_connection("default")
    other.set_autocommit(False)
    yield other
    other.rollback()
    other.close()


def test_two_processes_are_never_at_the_same_day(folder, somebody_else):
    with somebody_else.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"archive {OLD}"])
    with pytest.raises(BusyError, match=f"Another process is exporting or restoring {OLD}"):
        archive.export(OLD)
    archive.retire(BEFORE)
    assert present() == [OLD, YOUNG]
    assert not ArchivedDay.objects.filter(day=OLD).exists()  # it is no failure


def test_what_the_database_refuses_is_a_failed_export_too(folder):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE monitors_tick RENAME detail TO elsewhere")
    with pytest.raises(ArchiveError, match='column "detail" does not exist'):
        archive.export(OLD)
    assert "detail" in ArchivedDay.objects.get().error
    assert list(folder.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_a_long_reader_puts_the_drop_off_and_stops_nobody(settings, somebody_else):
    settings.ARCHIVE_URL = ""
    with somebody_else.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM monitors_tick")
    archive.retire(BEFORE)
    assert present() == [OLDER, OLD, YOUNG]
    somebody_else.rollback()
    archive.retire(BEFORE)
    assert present() == [YOUNG]
