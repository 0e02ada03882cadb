"""What we saw, and what it meant. Tick is partitioned by day (see services/partitions.py)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from monitors.models.monitors import STATUSES, Monitor
from monitors.models.regions import Region
from uptime.lib.fields import GivenBoolean, GivenChar, GivenFloat, GivenInteger, GivenMoment, GivenSmallInteger


class Tick(models.Model):
    """A stored outcome. Partitioned by day on `slot`; no database foreign keys, so that a day drops in no time."""

    pk = models.CompositePrimaryKey("monitor_id", "region_id", "slot")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="ticks"
    )
    region = models.ForeignKey(
        Region, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    slot = GivenMoment()
    vote = GivenChar(max_length=6)
    reason = GivenChar(max_length=32, blank=True)
    config_version = GivenInteger()
    started_at = GivenMoment(null=True)
    response_ms = GivenFloat(null=True)
    dns_ms = GivenFloat(null=True)
    connect_ms = GivenFloat(null=True)
    tls_ms = GivenFloat(null=True)
    first_byte_ms = GivenFloat(null=True)
    transfer_ms = GivenFloat(null=True)
    status_code = GivenSmallInteger(null=True)
    attempts = GivenSmallInteger(default=1)
    address = GivenChar(max_length=64, blank=True)
    detail = GivenChar(max_length=300, blank=True)
    degraded = GivenBoolean(default=False, help_text="Up, and worse than the monitor asks for.")
    retry_after_s = GivenInteger(null=True, help_text="How long the target asks us to stay away.")

    class Meta:
        ordering = ["-slot"]

    def __str__(self):
        return f"{self.monitor_id} {self.vote} at {self.slot}"


class Round(models.Model):
    """A round that was not plainly up everywhere, or whose eligible regions were not all assigned ones.

    No row means: every assigned region was eligible and, once closed, every vote was up.
    """

    pk = models.CompositePrimaryKey("monitor_id", "slot")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="rounds"
    )
    slot = models.DateTimeField()
    eligible = ArrayField(models.SmallIntegerField(), help_text="Frozen when the slot was dispatched.")
    stand_ins = ArrayField(
        models.SmallIntegerField(), default=list, help_text="Of the eligible ones, those that look in place of others."
    )
    votes = models.JSONField(default=dict, help_text="Region id to vote, once closed.")
    need = models.PositiveSmallIntegerField(default=0)
    config_version = models.PositiveIntegerField()
    verdict = models.CharField(max_length=6, blank=True, help_text="Empty while open.")
    partial = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-slot"]

    def __str__(self):
        return f"{self.monitor_id} {self.verdict or 'open'} at {self.slot}"


class StatusInterval(models.Model):
    """A stretch of time a monitor spent in one status; the last one is open. Together they tile its life."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="intervals")
    status = models.CharField(max_length=12, choices=STATUSES)
    start = models.DateTimeField()
    end = models.DateTimeField(null=True)

    class Meta:
        ordering = ["monitor", "start"]
        constraints = [models.UniqueConstraint(fields=["monitor"], condition=Q(end=None), name="one_open_interval")]
        indexes = [models.Index(fields=["monitor", "end"], name="interval_end")]

    def __str__(self):
        return f"{self.monitor_id} {self.status} from {self.start}"


class Gap(models.Model):
    """Slots of a monitor that were never sent out: too many to write one by one are this row alone."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="gaps")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=32)

    class Meta:
        ordering = ["-start"]
        indexes = [
            models.Index(fields=["monitor", "end"], name="gap_end"),
            models.Index(fields=["end"], name="gap_recent"),
        ]

    def __str__(self):
        return f"{self.monitor_id} {self.reason} {self.start} to {self.end}"
