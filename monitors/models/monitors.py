"""What people set (Monitor), and what the pipeline needs to know of it.

Schedule, ExtraSlot and State are tables of their own so that judging never locks what dispatch claims.
"""

from typing import NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from accounts.models import OwnedQuerySet, Team, User
from monitors.domain.slots import lateness, watermark
from monitors.domain.verdict import Policy, Quorum, Status
from monitors.models.regions import Region
from monitors.probes.kinds import KINDS, as_judged, is_probed, monitor_kinds
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


class MonitorQuerySet(OwnedQuerySet):
    def visible_to(self, user):
        """Deleted ones are left out."""
        return super().visible_to(user).alive()

    def alive(self):
        return self.filter(deleted_at=None)

    def in_api(self):
        """Those that programs know as monitors; heartbeats are a resource of their own."""
        return self.filter(kind__in=[kind.name for kind in monitor_kinds()])


class WhenBlind(models.TextChoices):
    """What happens while none of a monitor's regions can look."""

    STAND_IN = "stand_in", "Another region looks"
    WAIT = "wait", "It waits for them"


class Monitor(models.Model):
    """Something that is watched: a website, a port, a name, a job that reports in; its kind knows how."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="monitors")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, default="http")
    target = models.CharField(
        max_length=2048, help_text="What is checked: for a website its address, for a heartbeat its short name."
    )
    domain = models.CharField(
        max_length=253, blank=True, help_text="Whose servers its checks go to; empty where they need no sparing."
    )
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
    when_blind = models.CharField(
        max_length=8,
        choices=WhenBlind.choices,
        default=WhenBlind.STAND_IN,
        help_text="What happens while none of its regions can look.",
    )
    paused = models.BooleanField(default=False)
    config_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = MonitorQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["team", "name"], condition=Q(deleted_at=None), name="monitor_alive"),
            models.Index(fields=["domain"], condition=Q(deleted_at=None) & ~Q(domain=""), name="monitor_domain"),
            models.Index(
                fields=["team", "target"], condition=Q(deleted_at=None, kind="heartbeat"), name="heartbeat_short_name"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def probed(self):
        """Whether regions look at it."""
        return is_probed(KINDS.get(self.kind))

    @property
    def what(self):
        """What is watched, as a line: its target, or what is expected of what is judged."""
        judged = as_judged(KINDS.get(self.kind))
        return judged.expectation(self.options) if judged else self.target

    @property
    def all_options(self):
        """Every option of the kind, secrets included: for probing, never for showing."""
        return {**self.options, **(self.secrets or {})}

    @property
    def lateness_ms(self):
        return lateness(self.interval)

    def watermark_ms(self, slot_ms):
        return watermark(slot_ms, self.timeout_ms, self.lateness_ms)

    def policy(self, region_ids, grid=None):
        """The rules `monitors.domain.verdict` judges this monitor by; `grid`: where slots of it are left out."""
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
            grid=grid,
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


class PlainRound(NamedTuple):
    """What follows from a round in which a monitor that is up was seen up; times in UTC milliseconds."""

    monitor: int
    slot: int
    closes: bool  # with this vote it is decided
    complete: bool  # every region's vote is there
    sweep_at: int
    bar: int
    started_at: int | None
    response_ms: float | None
    detail: str
    degraded: bool


class StateQuerySet(models.QuerySet):
    def close_plain(self, rounds):
        """Write plain rounds down in one statement, which the ORM can only say row by row (a hundred times the cost).

        The rows are locked by the caller, and as they were when `rounds` was made of them.
        """
        if not rounds:
            return
        columns = [list(column) for column in zip(*rounds, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(CLOSE_PLAIN, [State.RECENT, *columns])


CLOSE_PLAIN = """
UPDATE monitors_state SET
    judged_until = CASE WHEN closes THEN moment ELSE judged_until END,
    last_decided = CASE WHEN closes THEN moment ELSE last_decided END,
    recent = CASE WHEN closes THEN (recent || bar)[cardinality(recent) + 2 - %s:] ELSE recent END,
    accounted_until = CASE WHEN complete THEN moment ELSE accounted_until END,
    degraded = CASE WHEN complete THEN worse ELSE degraded END,
    sweep_at = 'epoch'::timestamptz + due * interval '1 ms',
    last_slot = moment,
    last_checked_at = 'epoch'::timestamptz + started * interval '1 ms',
    last_vote = 'up', last_reason = '', last_detail = shown, last_response_ms = took
FROM (
    SELECT *, 'epoch'::timestamptz + slot * interval '1 ms' AS moment
    FROM unnest(%s::bigint[], %s::bigint[], %s::bool[], %s::bool[], %s::bigint[], %s::smallint[], %s::bigint[],
        %s::float8[], %s::text[], %s::bool[])
        AS one(id, slot, closes, complete, due, bar, started, took, shown, worse)
) AS plain WHERE monitor_id = id
"""


class State(models.Model):
    """What we currently hold true of a monitor: the judge's memory and what lists show. One row each."""

    RECENT = 40  # rounds kept for the small bars

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE)
    status = models.CharField(max_length=12, choices=STATUSES, default=Status.PENDING)
    since = models.DateTimeField(default=timezone.now)
    maintenance_from = models.DateTimeField(
        null=True, help_text="Of the maintenance it is in, was in last, or is near."
    )
    maintenance_until = models.DateTimeField(null=True, help_text="From this slot on it is judged as ever.")
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
    degraded = models.BooleanField(
        default=False, help_text="Most regions that saw it up in its last complete round saw it degraded."
    )
    late = models.BooleanField(default=False, help_text="A heartbeat that is due, in its time of grace.")
    # The memory of monitors.domain.flapping
    turns = ArrayField(models.DateTimeField(), default=list, help_text="When it last went down or came up.")
    flapping_since = models.DateTimeField(null=True, help_text="It keeps changing; from the first of these changes.")
    # What lists show
    last_slot = models.DateTimeField(null=True)
    last_checked_at = models.DateTimeField(null=True)
    last_vote = models.CharField(max_length=6, blank=True)
    last_reason = models.CharField(max_length=32, blank=True)
    last_detail = models.CharField(max_length=300, blank=True)
    last_response_ms = models.FloatField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="When its certificate or domain ends: the earliest seen.")
    recent = ArrayField(models.SmallIntegerField(), default=list, help_text="Newest last: ms, or -1 down, -2 no data.")
    late_outcomes = models.PositiveIntegerField(default=0, help_text="Came after their round was closed; not stored.")

    objects = StateQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["sweep_at"], condition=Q(sweep_at__isnull=False), name="state_sweep"),
            models.Index(
                fields=["maintenance_until"], condition=Q(maintenance_until__isnull=False), name="state_maintenance"
            ),
            models.Index(fields=["flapping_since"], condition=Q(flapping_since__isnull=False), name="state_flapping"),
        ]

    def __str__(self):
        return f"{self.monitor_id} {self.status}"

    @property
    def shown_degraded(self):
        """Up, and worse than it should be."""
        return self.degraded and self.status in {"up", "validating"}

    @property
    def flapping(self):
        """Going down and coming up again and again: people were told once, and hear no more until it is steady."""
        return self.flapping_since is not None

    @property
    def confirming(self):
        """Seen down, not yet often enough to count."""
        return self.verdict in {"up", "pending"} and self.streak > 0 and self.status != Status.PAUSED
