"""System checks: a misconfiguration is told before it hurts, with an id and the way out."""

from itertools import pairwise
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connections

_S3_WITHOUT_KEY = checks.Error(
    "ARCHIVE_URL names a bucket, and there is no access key for it.",
    hint="Set ARCHIVE_S3_KEY_ID and ARCHIVE_S3_SECRET.",
    id="uptime.E004",
)


class UptimeConfig(AppConfig):
    name = "uptime"

    def ready(self):
        checks.register(check_private_targets, checks.Tags.security)
        checks.register(check_retention)
        checks.register(check_archive)
        checks.register(check_database_version, checks.Tags.database)


def check_private_targets(app_configs, **kwargs):
    if settings.ALLOW_PRIVATE_TARGETS and not settings.LOOPBACK:
        return [
            checks.Warning(
                f"Anyone with an account can probe your internal network: HOST is {settings.HOST} and "
                "ALLOW_PRIVATE_TARGETS is on.",
                hint="Unset ALLOW_PRIVATE_TARGETS unless only people you trust can sign up.",
                id="uptime.W001",
            )
        ]
    return []


LEVELS = ("TICK_RETENTION_DAYS", "FIVE_MINUTE_RETENTION_DAYS", "HOUR_RETENTION_DAYS", "DAY_RETENTION_DAYS")


def check_retention(app_configs, **kwargs):
    """Coarser history is made from finer and shown for the time before it: it is not dropped first."""
    return [
        checks.Error(
            f"{coarser} is {getattr(settings, coarser)}, less than {finer}, which is {getattr(settings, finer)}.",
            hint=f"Set {coarser} to {getattr(settings, finer)} or more, or {finer} to less.",
            id="uptime.E002",
        )
        for finer, coarser in pairwise(LEVELS)
        if getattr(settings, coarser) < getattr(settings, finer)
    ]


def check_archive(app_configs, **kwargs):
    url = urlsplit(settings.ARCHIVE_URL)
    if url.scheme == "s3" and url.netloc:
        return [] if settings.ARCHIVE_S3_KEY_ID and settings.ARCHIVE_S3_SECRET else [_S3_WITHOUT_KEY]
    if settings.ARCHIVE_URL and not settings.ARCHIVE_URL.startswith("/"):
        return [
            checks.Error(
                f"ARCHIVE_URL is {settings.ARCHIVE_URL!r}, which is neither a folder nor a bucket.",
                hint="Use an absolute path such as /var/backups/uptime, or s3://bucket/prefix.",
                id="uptime.E003",
            )
        ]
    return []


def check_database_version(app_configs, databases=None, **kwargs):
    errors = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0])
        if version < 140000:
            errors.append(
                checks.Error(
                    f"PostgreSQL {version // 10000} is too old.",
                    hint="Use PostgreSQL 14 or newer, or unset DATABASE_URL to use the embedded one.",
                    id="uptime.E001",
                )
            )
    return errors
