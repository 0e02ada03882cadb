"""A misconfiguration is told with its name and the way out."""

import pytest
from django.core import checks

from uptime.apps import check_archive, check_retention

DEFAULTS = {"TICK": 30, "FIVE_MINUTE": 30, "HOUR": 180, "DAY": 1095}


@pytest.mark.parametrize(
    ("days", "wrong"),
    [
        ({}, []),
        ({"TICK": 31}, ["FIVE_MINUTE_RETENTION_DAYS is 30, less than TICK_RETENTION_DAYS, which is 31."]),
        ({"HOUR": 7}, ["HOUR_RETENTION_DAYS is 7, less than FIVE_MINUTE_RETENTION_DAYS, which is 30."]),
        ({"DAY": 90}, ["DAY_RETENTION_DAYS is 90, less than HOUR_RETENTION_DAYS, which is 180."]),
        ({"TICK": 2, "FIVE_MINUTE": 2, "HOUR": 2, "DAY": 2}, []),
    ],
)
def test_coarser_history_is_kept_as_long_as_finer(settings, days, wrong):
    for level, kept in {**DEFAULTS, **days}.items():
        setattr(settings, f"{level}_RETENTION_DAYS", kept)
    found = check_retention(None)
    assert [error.msg for error in found] == wrong
    assert all(error.id == "uptime.E002" and "Set " in error.hint for error in found)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"ARCHIVE_URL": "/var/backups/uptime"}, []),
        ({"ARCHIVE_URL": "s3://bucket/some/prefix", "ARCHIVE_S3_KEY_ID": "a", "ARCHIVE_S3_SECRET": "b"}, []),
        ({"ARCHIVE_URL": "s3://bucket", "ARCHIVE_S3_KEY_ID": "a"}, ["uptime.E004"]),
        ({"ARCHIVE_URL": "s3:///prefix"}, ["uptime.E003"]),
        ({"ARCHIVE_URL": "backups"}, ["uptime.E003"]),
        ({"ARCHIVE_URL": "gs://bucket"}, ["uptime.E003"]),
        ({"ARCHIVE_URL": "~/backups"}, ["uptime.E003"]),
    ],
)
def test_an_archive_that_cannot_be_is_an_error_with_the_way_out(values, found, settings):
    for name in ("ARCHIVE_URL", "ARCHIVE_S3_KEY_ID", "ARCHIVE_S3_SECRET"):
        setattr(settings, name, values.get(name, ""))
    assert [error.id for error in check_archive(None)] == found
    assert all(isinstance(error, checks.Error) and error.hint for error in check_archive(None))
