"""Where checks run from, and whether what comes from there is to be believed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from uptime.lib.fields import EncryptedJSONField


class Region(models.Model):
    """A place checks run from. Its key seals every message between the centre and its workers."""

    id = models.SmallAutoField(primary_key=True)
    slug = models.SlugField(max_length=32, unique=True, help_text="REGION_ID of its workers, such as eu-west.")
    name = models.CharField(max_length=60)
    key = EncryptedJSONField()
    enabled = models.BooleanField(default=True)
    public_addresses = ArrayField(
        models.CharField(max_length=49),
        default=list,
        blank=True,
        help_text="Where its checks come from, as targets see it.",
    )
    same_machine = models.BooleanField(default=False, help_text="Its worker is started by `make run` here.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self):
        return self.name


class RegionWorker(models.Model):
    """One worker process of a region, as its last sign of life described it."""

    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="workers")
    name = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    heard_at = models.DateTimeField(help_text="When its last sign of life was read here.")
    in_band_at = models.DateTimeField(help_text="When it sent that sign: what it sent earlier has arrived too.")
    in_flight = models.PositiveIntegerField(default=0)
    lag_ms = models.FloatField(default=0, help_text="How late its engine's own loop runs.")
    version = models.CharField(max_length=20, blank=True)
    clock_ms = models.FloatField(null=True, help_text="How far its clock is ahead of ours; empty while we cannot tell.")
    canaries = models.JSONField(
        default=list, help_text="What it last saw of sites known to be up, or known to be down."
    )
    addresses = ArrayField(
        models.CharField(max_length=49), default=list, help_text="Where its checks come from, as far as it can tell."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "name"], name="region_worker_once")]

    def __str__(self):
        return f"{self.name} ({self.region})"


class RegionTrouble(models.Model):
    """A time in which something was wrong with a region; `end` is empty while it lasts."""

    class Kind(models.TextChoices):
        OFFLINE = "offline", "Offline"
        SKEWED = "skewed", "Clock is off"
        CANARY = "canary", "Canaries fail"
        DISAGREES = "disagrees", "Disagrees with the others"
        IMPAIRED = "impaired", "Cannot look"

    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="troubles")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    start = models.DateTimeField()
    end = models.DateTimeField(null=True)
    doubted_from = models.DateTimeField(
        null=True,
        help_text="Votes of slots from here to the end are no data, in rounds that were not closed. Empty: none are.",
    )
    clean_since = models.DateTimeField(null=True, help_text="Since when nothing is wrong any more, while we wait.")
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-start"]
        constraints = [
            models.UniqueConstraint(fields=["region", "kind"], condition=Q(end=None), name="one_open_trouble")
        ]
        indexes = [models.Index(fields=["end"], name="region_trouble_end")]

    def __str__(self):
        return f"{self.region} {self.kind} from {self.start}"

    @property
    def seconds(self):
        """How long it lasted; None while it lasts."""
        return (self.end - self.start).total_seconds() if self.end else None
