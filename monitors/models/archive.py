"""What we know of the archive; what is in it, it tells itself (see services/archive.py)."""

from datetime import UTC, date, datetime, time, timedelta

from django.db import models

CHANGES_FOR = timedelta(days=2)  # from its start: outcomes of the day before are stored


def final_from(day: date) -> datetime:
    """From when on the ticks of a day no longer change."""
    return datetime.combine(day, time.min, UTC) + CHANGES_FOR


class ArchivedDay(models.Model):
    """The last export of a day's ticks. `rows`, `bytes` and `sha256` are of the last one that went well."""

    day = models.DateField(primary_key=True)
    at = models.DateTimeField(help_text="When it began.")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True, help_text="Why it failed; the day stays in the database and is tried again.")
    kept_until = models.DateTimeField(null=True, help_text="It was read back: until then it is not dropped again.")

    class Meta:
        ordering = ["-day"]

    def __str__(self):
        return f"{self.day}: {self.error[:60] or f'{self.rows} ticks'}"

    @property
    def whole(self):
        """The archive holds every tick the day will ever have."""
        return not self.error and self.at >= final_from(self.day)
