"""What went wrong: incidents with their timeline, and the transitions people must hear of."""

from django.db import models
from django.db.models import Q

from accounts.models import OwnedQuerySet, Team, User
from incidents.domain import lifecycle
from monitors.domain.verdict import Status
from monitors.models import Monitor
from monitors.queries_expiry import EXPIRIES

IN_MAINTENANCE = Q(monitor__state__status=Status.MAINTENANCE)


class TransitionQuerySet(models.QuerySet):
    def waiting(self):
        """The outbox: what somebody must hear of and nobody has heard yet."""
        return self.filter(announced_at=None, dropped_at=None, silent=False, flapping=False)

    def due(self, now):
        """What may be announced at `now`, the oldest first; of a monitor in maintenance nothing is."""
        ready = self.waiting().filter(Q(hold_until=None) | Q(hold_until__lte=now))
        return ready.exclude(IN_MAINTENANCE).order_by("created_at", "id")

    def held(self, now):
        """What is held back at `now`, because everything failed at once."""
        return self.waiting().filter(hold_until__gt=now)


class Transition(models.Model):
    """A monitor's change of status, written in the same transaction as the change: the outbox of alerting."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="transitions")
    from_status = models.CharField(max_length=12)
    to_status = models.CharField(max_length=12)
    at = models.DateTimeField(help_text="When it happened: the first round that said so.")
    decided_at = models.DateTimeField(help_text="When we were sure.")
    silent = models.BooleanField(default=False, help_text="Nobody needs to hear of it, such as the first success.")
    why = models.JSONField(default=dict)
    config_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    announced_at = models.DateTimeField(null=True, blank=True)
    hold_until = models.DateTimeField(
        null=True, blank=True, help_text="Not announced before: everything failed at once, which may be our own fault."
    )
    dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="Never announced: it was over before it was believed."
    )
    flapping = models.BooleanField(
        default=False, help_text="Never announced: quiet, while its monitor keeps going down and coming up."
    )

    objects = TransitionQuerySet.as_manager()

    class Meta:
        ordering = ["-decided_at"]
        constraints = [models.UniqueConstraint(fields=["monitor", "at", "to_status"], name="transition_once")]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(announced_at=None, dropped_at=None, silent=False, flapping=False),
                name="outbox",
            ),
            models.Index(
                fields=["hold_until"],
                condition=Q(announced_at=None, dropped_at=None, silent=False, flapping=False, hold_until__isnull=False),
                name="outbox_held",
            ),
            models.Index(fields=["created_at"], name="transition_created"),
        ]

    def __str__(self):
        return f"{self.monitor_id} {self.from_status} to {self.to_status}"


class IncidentQuerySet(OwnedQuerySet):
    def open(self):
        return self.filter(resolved_at=None)


class Incident(models.Model):
    """Something that went wrong and lasts: an outage of a monitor, from the first failed round to the first good one; a
    certificate or domain that ends; or whatever else somebody declares one, with or without a monitor."""

    class Kind(models.TextChoices):
        OUTAGE = "outage", "Outage"
        CERTIFICATE = "certificate", "Certificate"
        DOMAIN = "domain", "Domain"
        MANUAL = "manual", "Manual"

    class Resolution(models.TextChoices):
        RECOVERED = "recovered", "Recovered"
        BY_HAND = "by_hand", "Resolved by hand"
        PAUSED = "paused", "Monitor paused"
        DELETED = "deleted", "Monitor deleted"
        RENEWED = "renewed", "Renewed"
        DROPPED = "dropped", "No longer watched"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="incidents")
    monitor = models.ForeignKey(
        Monitor, null=True, blank=True, on_delete=models.CASCADE, related_name="incidents",
        help_text="Empty for a manual one that is about something else.",
    )  # fmt: skip
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.OUTAGE)
    name = models.CharField(max_length=100, blank=True, help_text="What a manual one is called.")
    description = models.TextField(blank=True, help_text="What whoever declared it knew.")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=12, choices=Resolution.choices, blank=True)
    resolved_name = models.CharField(max_length=150, blank=True, help_text="Who resolved it by hand.")
    flapping_since = models.DateTimeField(
        null=True, blank=True, help_text="Its monitor keeps changing; from the first of these changes."
    )
    changes = models.PositiveIntegerField(default=0, help_text="Of status, since its monitor has been flapping.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When we were sure that it is steady again.")
    reopened_at = models.DateTimeField(null=True, blank=True, help_text="When it was last taken up again.")
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="Somebody sees to it: nobody else is told.")
    acknowledged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    acknowledged_name = models.CharField(
        max_length=150, blank=True, help_text="Who that is, also without an account here."
    )
    cause = models.CharField(max_length=32, blank=True, help_text="The reason most regions gave.")
    summary = models.CharField(max_length=300, help_text="The cause in a sentence.")
    regions = models.JSONField(default=list, help_text="Names of the regions that saw it down.")
    votes = models.JSONField(default=dict, help_text="Why it was opened: votes, need, rounds.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="The end of the certificate or domain.")
    step = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The threshold last told of: so many days before the end."
    )
    postmortem = models.TextField(blank=True, help_text="What was learnt, in Markdown.")

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["monitor", "kind"], condition=Q(resolved_at=None) & ~Q(kind="manual"), name="one_open_incident"
            ),
            models.CheckConstraint(
                condition=Q(kind="manual") | Q(monitor__isnull=False), name="incident_of_a_monitor"
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["team", "-started_at"], name="incident_team")]

    def __str__(self):
        return f"{self.title}: {self.summary}"

    @property
    def title(self):
        """What it is about: its monitor, or its own name."""
        return self.name or (self.monitor.name if self.monitor else "Incident")

    @property
    def what(self):
        """What its monitor watches, as a line; empty where it has none."""
        return self.monitor.what if self.monitor else ""

    @property
    def acknowledger(self):
        """Who sees to it; empty while nobody does."""
        return self.acknowledged_name or (self.acknowledged_by.username if self.acknowledged_by else "")

    @property
    def monitor_status(self):
        """How its monitor stands, as far as that says something about the incident."""
        return self.monitor.state.status if self.monitor and self.kind == self.Kind.OUTAGE else ""

    @property
    def flapping(self):
        """Whether its monitor keeps going down and coming up: it lasts until that is over, and nobody hears more."""
        return self.flapping_since is not None and self.settled_at is None and self.resolved_at is None

    @property
    def status(self):
        """Where it stands (incidents.domain.lifecycle.Status)."""
        return lifecycle.status(self.resolved_at, self.acknowledged_at, self.monitor_status)

    @property
    def is_expiry(self):
        """Whether it tells of an end that draws near, and not of something that is down."""
        return self.kind in EXPIRIES


class TimelineEntry(models.Model):
    """Something that happened in the course of an incident."""

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        STEP = "step", "Drew nearer"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        FLAPPING = "flapping", "Flapping"
        SETTLED = "settled", "Steady again"
        COMMENT = "comment", "Comment"
        NOTE = "note", "Note"
        RESOLVED = "resolved", "Resolved"
        REOPENED = "reopened", "Reopened"
        POSTMORTEM = "postmortem", "Post-mortem"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    who = models.CharField(max_length=150, blank=True, help_text="Whose doing it was; empty for ours.")
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self):
        return f"{self.kind} at {self.at}"


class NoticeQuerySet(models.QuerySet):
    def waiting(self):
        """Of a monitor in maintenance nothing is told, but for what somebody declares in spite of it."""
        quiet = Q(incident__monitor__state__status=Status.MAINTENANCE) & ~Q(incident__kind=Incident.Kind.MANUAL)
        return self.filter(announced_at=None).exclude(quiet)


class Notice(models.Model):
    """What people must hear of an incident beside the transitions of its monitor, written in the same transaction as
    what it tells of: outages are told by Transition, everything else by these."""

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        STEP = "step", "Drew nearer"
        SETTLED = "settled", "Steady again, and down"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    key = models.CharField(max_length=40, help_text="Told once for each key, such as “step:14”.")
    text = models.CharField(max_length=300)
    at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    announced_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["incident", "key"], name="notice_once")]
        indexes = [models.Index(fields=["created_at"], condition=Q(announced_at=None), name="notice_outbox")]

    def __str__(self):
        return f"{self.incident_id} {self.key}"


class Maintenance(models.Model):
    """A time in which some monitors are worked on: they are looked at as ever, and nobody is told."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="maintenances")
    name = models.CharField(max_length=100)
    everything = models.BooleanField(default=False, help_text="All monitors of the team, new ones too.")
    monitors = models.ManyToManyField(Monitor, blank=True, related_name="maintenances")
    starts_at = models.DateTimeField(help_text="When it begins for the first time.")
    length = models.PositiveIntegerField(help_text="Seconds.")
    rule = models.CharField(max_length=200, blank=True, help_text="How it recurs: an RRULE (RFC 5545). Empty: once.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="Whose clock it recurs by.")
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="Ended early: what began before this moment is over."
    )
    current_from = models.DateTimeField(null=True, blank=True, help_text="Of the time under way, or the next one.")
    current_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["current_from", "id"]
        indexes = [
            models.Index(
                fields=["current_from"], condition=Q(current_from__isnull=False), name="maintenance_current"
            )
        ]  # fmt: skip

    def __str__(self):
        return self.name


class MaintenanceLinkQuerySet(OwnedQuerySet):
    def in_use(self):
        return self.filter(Q(monitor=None) | Q(monitor__deleted_at=None))


class MaintenanceLink(models.Model):
    """An address by which a script, such as that of a deployment, starts and ends maintenance without an account.
    Whoever knows it may do that and nothing else; deleting it revokes it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="maintenance_links")
    name = models.CharField(max_length=100, help_text="Whose it is; the maintenance it starts is called so.")
    monitor = models.ForeignKey(
        Monitor, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: all of the team."
    )
    maintenance = models.OneToOneField(
        Maintenance, null=True, blank=True, on_delete=models.SET_NULL, related_name="link",
        help_text="What it started last.",
    )  # fmt: skip
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    objects = MaintenanceLinkQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self):
        return self.name
