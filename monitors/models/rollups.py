"""Roll-ups: what the ticks of five minutes, an hour or a day come to, per monitor and region.

Like ticks they have no database foreign keys. The five-minute level is partitioned by day (services/partitions.py);
the coarser ones are small enough to be pruned row by row.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitors.models.monitors import Monitor
from monitors.models.regions import Region
from uptime.lib.fields import RealField


class Rollup(models.Model):
    """One stretch of time. Response times are those of good checks, in milliseconds; empty without any.

    A phase's sum is over all good checks, one that skipped the phase counting 0 ms: divided by their number
    (`domain.histogram.total`) the phases add up to the mean response time.
    """

    # The columns are in the order that wastes no byte between them: there may be a thousand million rows.
    pk = models.CompositePrimaryKey("monitor_id", "region_id", "start")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    start = models.DateTimeField()
    up = models.PositiveIntegerField()
    down = models.PositiveIntegerField()
    nodata = models.PositiveIntegerField()
    low = RealField(null=True)
    high = RealField(null=True)
    response_sum = RealField(null=True)
    dns_sum = RealField(null=True)
    connect_sum = RealField(null=True)
    tls_sum = RealField(null=True)
    first_byte_sum = RealField(null=True)
    transfer_sum = RealField(null=True)
    region = models.ForeignKey(
        Region, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    histogram = ArrayField(models.IntegerField(), default=list, help_text="Packed as domain.histogram says.")

    class Meta:
        abstract = True

    def __str__(self):
        return f"{self.monitor_id} from {self.start}"


class FiveMinuteRollup(Rollup):
    pass


class HourRollup(Rollup):
    class Meta:
        indexes = [models.Index(fields=["start"], name="hour_rollup_start")]


class DayRollup(Rollup):
    class Meta:
        indexes = [models.Index(fields=["start"], name="day_rollup_start")]


class RolledUp(models.Model):
    """How far a monitor's ticks have been rolled up. Locked by rolling up, and by whoever stores a tick before it."""

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE, related_name="rolled_up")
    until = models.DateTimeField(help_text="The begin of the first five minutes that are not rolled up.")

    def __str__(self):
        return f"{self.monitor_id} until {self.until}"
