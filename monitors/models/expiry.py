"""When what is watched runs out, as each region last saw it."""

from django.db import models

from monitors.models.monitors import Monitor
from monitors.models.regions import Region


class Expiry(models.Model):
    """The end that a region sees: of the first certificate of the chain, or of the domain. Written when it changes, and
    now and then."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="expiries")
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="+", db_index=False)
    expires_at = models.DateTimeField()
    since = models.DateTimeField(help_text="The first slot in which the region saw this end.")
    seen_at = models.DateTimeField(help_text="A slot in which it did, noted every few hours.")
    config_version = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["monitor", "region"], name="expiry_once")]
        verbose_name_plural = "expiries"

    def __str__(self):
        return f"{self.monitor_id} ends at {self.expires_at}"
