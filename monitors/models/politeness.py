"""What keeps us from asking too often: the schedule history, and buckets for domains."""

from django.db import models
from django.db.models import Q

from monitors.models.monitors import Monitor
from monitors.models.regions import Region


class Pace(models.Model):
    """A stretch of a monitor's schedule in which slots are left out: `monitors.domain.pace.Pace`.

    Judging asks for one, in a row without `start`; dispatch, which alone moves the schedule, lets it begin. To ask is
    to insert, so that judging never waits for dispatch.
    """

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="paces")
    every = models.PositiveSmallIntegerField(default=1, help_text="Of the slots, every n-th is kept ...")
    not_before = models.DateTimeField(null=True, help_text="... and none before this moment.")
    start = models.DateTimeField(null=True, help_text="The first slot it holds for; empty until it begins.")
    end = models.DateTimeField(null=True, help_text="The first slot it no longer holds for; empty while it lasts.")

    class Meta:
        ordering = ["monitor", "id"]
        indexes = [
            models.Index(fields=["monitor", "end"], name="pace_end"),
            models.Index(fields=["id"], condition=Q(start=None), name="pace_asked_for"),
        ]

    def __str__(self):
        return f"{self.monitor_id} every {self.every}. slot from {self.start}"


class Bucket(models.Model):
    """When the next check of a domain from a region would be on time, if they all came evenly; see domain/bucket.py.

    Only domains that several monitors check have one.
    """

    domain = models.CharField(max_length=253)
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="+")
    free_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "region"], name="bucket_once")]
        indexes = [models.Index(fields=["free_at"], name="bucket_free_at")]

    def __str__(self):
        return f"{self.domain} from {self.region_id}"
