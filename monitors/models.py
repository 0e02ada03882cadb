"""What we watch, and what we saw.

Monitor holds what people set; Schedule, ExtraSlot and State hold what the pipeline needs to know of it, each in a table
of its own so that judging never locks what dispatch claims. Tick is partitioned by day (see services/partitions.py).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from monitors.domain.slots import lateness, watermark
from monitors.domain.verdict import Policy, Quorum, Status
from uptime.lib.fields import EncryptedJSONField

STATUSES = [
    (Status.PENDING, "Pending"),
    (Status.UP, "Up"),
    (Status.DOWN, "Down"),
    (Status.VALIDATING, "Validating"),
    (Status.NODATA, "No data"),
    (Status.MAINTENANCE, "Maintenance"),
    (Status.PAUSED, "Paused"),
]


class Region(models.Model):
    """A place checks run from. Its key seals every message between the centre and its workers."""

    id = models.SmallAutoField(primary_key=True)
    slug = models.SlugField(max_length=32, unique=True, help_text="REGION_ID of its workers, such as eu-west.")
    name = models.CharField(max_length=60)
    key = EncryptedJSONField()
    enabled = models.BooleanField(default=True)
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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "name"], name="region_worker_once")]

    def __str__(self):
        return f"{self.name} ({self.region})"


class MonitorQuerySet(models.QuerySet):
    def visible_to(self, user):
        """The one visibility rule: monitors of the teams `user` is a member of, deleted ones left out."""
        if not user.is_authenticated:
            return self.none()
        return self.alive().filter(team__memberships__user=user)

    def alive(self):
        return self.filter(deleted_at=None)


class Monitor(models.Model):
    """Something that is watched: here a website; later a port, a name, a job that reports in."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="monitors")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, default="http")
    target = models.CharField(max_length=2048, help_text="What is checked: for a website its address.")
    interval = models.PositiveIntegerField(help_text="Seconds between checks.")
    timeout_ms = models.PositiveIntegerField(help_text="Milliseconds until a check counts as failed.")
    options = models.JSONField(default=dict, help_text="The options of the kind.")
    secrets = EncryptedJSONField(null=True, help_text="The options of the kind that nobody may read.")
    regions = models.ManyToManyField(Region, related_name="monitors")
    quorum = models.CharField(max_length=10, default=Quorum.MAJORITY.value, choices=[(q.value, q.name) for q in Quorum])
    at_least = models.PositiveSmallIntegerField(default=2, help_text="Regions that must agree, for `at least`.")
    confirm = models.PositiveSmallIntegerField(default=2, help_text="Failed rounds until it counts as down.")
    recover = models.PositiveSmallIntegerField(default=2, help_text="Good rounds until it counts as up again.")
    confirmation_period = models.PositiveIntegerField(default=0, help_text="Seconds a failure must last at least.")
    recovery_period = models.PositiveIntegerField(default=0, help_text="Seconds a recovery must last at least.")
    paused = models.BooleanField(default=False)
    config_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = MonitorQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["team", "name"], condition=Q(deleted_at=None), name="monitor_alive")]

    def __str__(self):
        return self.name

    @property
    def all_options(self):
        """Every option of the kind, secrets included: for probing, never for showing."""
        return {**self.options, **(self.secrets or {})}

    @property
    def lateness_ms(self):
        return lateness(self.interval)

    def watermark_ms(self, slot_ms):
        return watermark(slot_ms, self.timeout_ms, self.lateness_ms)

    def policy(self, region_ids):
        """The rules `monitors.domain.verdict` judges this monitor by."""
        return Policy(
            regions=frozenset(region_ids),
            quorum=Quorum(self.quorum),
            at_least=self.at_least,
            confirm=self.confirm,
            recover=self.recover,
            confirmation_period_s=self.confirmation_period,
            recovery_period_s=self.recovery_period,
            interval_s=self.interval,
            timeout_ms=self.timeout_ms,
        )


class Schedule(models.Model):
    """When a monitor's next slot is due. Locked by dispatch only; empty while nothing is to be checked."""

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE)
    next_slot_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["next_slot_at"], condition=Q(next_slot_at__isnull=False), name="schedule_due")]

    def __str__(self):
        return f"{self.monitor_id} next at {self.next_slot_at}"


class ExtraSlot(models.Model):
    """A slot beside the grid: the first check, "check now", a quick second look. Kept until its round is closed."""

    class Cause(models.TextChoices):
        FIRST = "first", "first check"
        MANUAL = "manual", "check now"
        RECHECK = "recheck", "second look"

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="extra_slots")
    slot = models.DateTimeField()
    cause = models.CharField(max_length=10, choices=Cause.choices)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["monitor", "slot"], name="extra_slot_once")]
        indexes = [models.Index(fields=["slot"], condition=Q(claimed_at=None), name="extra_slot_due")]

    def __str__(self):
        return f"{self.monitor_id} at {self.slot} ({self.cause})"


class State(models.Model):
    """What we currently hold true of a monitor: the judge's memory and what lists show. One row each."""

    RECENT = 40  # rounds kept for the small bars

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE)
    status = models.CharField(max_length=12, choices=STATUSES, default=Status.PENDING)
    since = models.DateTimeField(default=timezone.now)
    # The judge's memory: monitors.domain.verdict.State
    verdict = models.CharField(max_length=12, default="pending")
    streak = models.PositiveSmallIntegerField(default=0)
    streak_first = models.DateTimeField(null=True)
    undecided = models.PositiveIntegerField(default=0)
    undecided_first = models.DateTimeField(null=True)
    last_decided = models.DateTimeField(default=timezone.now)
    nodata_since = models.DateTimeField(null=True)
    judged_until = models.DateTimeField(default=timezone.now, help_text="Slots up to here are closed.")
    accounted_until = models.DateTimeField(
        default=timezone.now, help_text="Every region has a tick for every slot up to here."
    )
    sweep_at = models.DateTimeField(null=True, help_text="When the first slot not accounted for is overdue.")
    partial = models.BooleanField(default=False, help_text="Some, but too few, regions see it down.")
    # What lists show
    last_slot = models.DateTimeField(null=True)
    last_checked_at = models.DateTimeField(null=True)
    last_vote = models.CharField(max_length=6, blank=True)
    last_reason = models.CharField(max_length=32, blank=True)
    last_detail = models.CharField(max_length=300, blank=True)
    last_response_ms = models.FloatField(null=True)
    recent = ArrayField(models.SmallIntegerField(), default=list, help_text="Newest last: ms, or -1 down, -2 no data.")
    late_outcomes = models.PositiveIntegerField(default=0, help_text="Came after their round was closed; not stored.")

    class Meta:
        indexes = [models.Index(fields=["sweep_at"], condition=Q(sweep_at__isnull=False), name="state_sweep")]

    def __str__(self):
        return f"{self.monitor_id} {self.status}"

    @property
    def confirming(self):
        """Seen down, not yet often enough to count."""
        return self.verdict in {"up", "pending"} and self.streak > 0 and self.status != Status.PAUSED


class Tick(models.Model):
    """A stored outcome. Partitioned by day on `slot`; no database foreign keys, so that a day drops in no time."""

    pk = models.CompositePrimaryKey("monitor_id", "region_id", "slot")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="ticks"
    )
    region = models.ForeignKey(
        Region, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    slot = models.DateTimeField()
    vote = models.CharField(max_length=6)
    reason = models.CharField(max_length=32, blank=True)
    config_version = models.PositiveIntegerField()
    started_at = models.DateTimeField(null=True)
    response_ms = models.FloatField(null=True)
    dns_ms = models.FloatField(null=True)
    connect_ms = models.FloatField(null=True)
    tls_ms = models.FloatField(null=True)
    first_byte_ms = models.FloatField(null=True)
    transfer_ms = models.FloatField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    address = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=300, blank=True)

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
        indexes = [models.Index(fields=["monitor", "end"], name="gap_end")]

    def __str__(self):
        return f"{self.monitor_id} {self.reason} {self.start} to {self.end}"


class Pulse(models.Model):
    """When a part of the pipeline last did its work; `since` tells how long it has done so without a break."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()
    since = models.DateTimeField()

    def __str__(self):
        return f"{self.name} at {self.at}"


class DeadLetter(models.Model):
    """A result that could not be stored, kept for a human to look at."""

    received_at = models.DateTimeField(auto_now_add=True)
    region = models.CharField(max_length=32, blank=True)
    error = models.TextField()
    payload = models.TextField()

    class Meta:
        ordering = ["-received_at"]

    def __str__(self):
        return f"{self.error[:60]} ({self.received_at})"
