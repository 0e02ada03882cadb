"""What checks came across, of the few whose evidence is kept (see monitors/domain/keeping.py)."""

from django.db import models

from monitors.models.monitors import Monitor
from monitors.models.regions import Region


class Evidence(models.Model):
    """The evidence of one check. It belongs to the tick of the same key, which may leave before it or after it.

    No database foreign keys: storing one must not wait for somebody who changes the monitor.
    """

    monitor = models.ForeignKey(
        Monitor, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="evidence"
    )
    region = models.ForeignKey(
        Region, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    slot = models.DateTimeField()
    vote = models.CharField(max_length=6)
    run = models.PositiveIntegerField(help_text="How many of this vote were kept one after another, up to this one.")
    bundle = models.JSONField(help_text="What was seen; see docs/evidence.md.")

    class Meta:
        verbose_name_plural = "evidence"
        ordering = ["-slot", "region"]
        constraints = [models.UniqueConstraint(fields=["monitor", "region", "slot"], name="evidence_once")]
        indexes = [models.Index(fields=["slot"], name="evidence_slot")]

    def __str__(self):
        return f"{self.monitor_id} {self.vote} at {self.slot}"
