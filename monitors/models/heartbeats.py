"""Jobs that report in: what we know of each (Heartbeat), what it said (Ping), and when we could not listen."""

import secrets
import uuid

from django.db import models
from django.db.models import Q

from monitors.domain.heartbeat import PingKind
from monitors.models.monitors import Monitor

PING_KINDS = [
    (PingKind.SUCCESS, "Success"),
    (PingKind.START, "Start"),
    (PingKind.FAIL, "Failure"),
    (PingKind.LOG, "Log"),
    (PingKind.IGNORED, "Ignored"),
]


def new_token():
    """24 letters and digits, as long as those of Better Stack."""
    return secrets.token_hex(12)


class Heartbeat(models.Model):
    """Where a monitor of this kind is pinged, and the judge's memory of its pings. Locked before its State."""

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE)
    uuid = models.UUIDField(unique=True, default=uuid.uuid4)
    token = models.CharField(max_length=64, unique=True, default=new_token)
    pings = models.PositiveBigIntegerField(default=0, help_text="How many there were; the number of the last one.")
    last_ping_at = models.DateTimeField(null=True, help_text="The last success or failure.")
    runs = models.JSONField(default=dict, help_text="Run id to the moment it began, of runs that have not ended.")
    expected_from = models.DateTimeField(help_text="Due times count from here at the earliest.")
    due_at = models.DateTimeField(null=True, help_text="When the next ping is due, while it is up.")
    look_at = models.DateTimeField(null=True, help_text="When time alone changes something: the judge looks then.")
    # Period and grace, copied here while a ping does nothing but put the next one off: it is up and not late, nothing
    # runs, and no rule looks at the ping. Such a ping is one statement (services/pings.py).
    quick_period = models.PositiveIntegerField(null=True)
    quick_grace = models.PositiveIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="heartbeat_look")]

    def __str__(self):
        return f"{self.monitor_id} after {self.pings} pings"  # its addresses are secrets


class Ping(models.Model):
    """One message of a job. `pk` counts each heartbeat's own pings, so that the log is found and cut by its key."""

    pk = models.CompositePrimaryKey("heartbeat_id", "n")
    heartbeat = models.ForeignKey(
        Heartbeat, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="log"
    )
    n = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=8, choices=PING_KINDS)
    received_at = models.DateTimeField()
    exit_code = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.FloatField(null=True)
    run = models.CharField(max_length=36, blank=True, help_text="The rid it named.")
    method = models.CharField(max_length=10)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    body = models.BinaryField(null=True)
    body_size = models.PositiveIntegerField(default=0, help_text="Bytes it had, of which the first are kept.")

    class Meta:
        ordering = ["-n"]

    def __str__(self):
        return f"{self.heartbeat_id} {self.kind} {self.n}"

    @property
    def text(self):
        """The body as it may be shown."""
        return bytes(self.body or b"").decode(errors="replace")


class IngestGap(models.Model):
    """A time in which we could not take pings. What was lost in it is not held against any job."""

    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        ordering = ["-start"]
        indexes = [models.Index(fields=["end"], name="ingest_gap_end")]

    def __str__(self):
        return f"{self.start} to {self.end}"
