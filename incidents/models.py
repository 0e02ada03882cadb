"""What went wrong: incidents with their timeline, and the transitions people must hear of."""

from django.db import models
from django.db.models import Q

from accounts.models import Team, User
from monitors.models import Monitor
from monitors.queries_expiry import EXPIRIES


class TransitionQuerySet(models.QuerySet):
    def waiting(self):
        """The outbox: what somebody must hear of and nobody has heard yet."""
        return self.filter(announced_at=None, dropped_at=None, silent=False)

    def due(self, now):
        """What may be announced at `now`, the oldest first."""
        return self.waiting().filter(Q(hold_until=None) | Q(hold_until__lte=now)).order_by("created_at", "id")

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

    objects = TransitionQuerySet.as_manager()

    class Meta:
        ordering = ["-decided_at"]
        constraints = [models.UniqueConstraint(fields=["monitor", "at", "to_status"], name="transition_once")]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(announced_at=None, dropped_at=None, silent=False), name="outbox"
            ),
            models.Index(
                fields=["hold_until"],
                condition=Q(announced_at=None, dropped_at=None, silent=False, hold_until__isnull=False),
                name="outbox_held",
            ),
            models.Index(fields=["created_at"], name="transition_created"),
        ]

    def __str__(self):
        return f"{self.monitor_id} {self.from_status} to {self.to_status}"


class IncidentQuerySet(models.QuerySet):
    def visible_to(self, user):
        """The one visibility rule: incidents of the teams `user` is a member of."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(team__memberships__user=user)

    def open(self):
        return self.filter(resolved_at=None)


class Incident(models.Model):
    """One outage of one monitor, from the first failed round to the first good one; or the approaching end of its
    certificate or domain, from the first threshold to the renewal."""

    class Kind(models.TextChoices):
        OUTAGE = "outage", "Outage"
        CERTIFICATE = "certificate", "Certificate"
        DOMAIN = "domain", "Domain"
        MANUAL = "manual", "Manual"

    class Resolution(models.TextChoices):
        RECOVERED = "recovered", "Recovered"
        PAUSED = "paused", "Monitor paused"
        DELETED = "deleted", "Monitor deleted"
        RENEWED = "renewed", "Renewed"
        DROPPED = "dropped", "No longer watched"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="incidents")
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.OUTAGE)
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=12, choices=Resolution.choices, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="Somebody sees to it: nobody else is told.")
    acknowledged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    cause = models.CharField(max_length=32, help_text="The reason most regions gave.")
    summary = models.CharField(max_length=300, help_text="The cause in a sentence.")
    regions = models.JSONField(default=list, help_text="Names of the regions that saw it down.")
    votes = models.JSONField(default=dict, help_text="Why it was opened: votes, need, rounds.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="The end of the certificate or domain.")
    step = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The threshold last told of: so many days before the end."
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["monitor", "kind"], condition=Q(resolved_at=None) & ~Q(kind="manual"), name="one_open_incident"
            )
        ]
        indexes = [models.Index(fields=["team", "-started_at"], name="incident_team")]

    def __str__(self):
        return f"{self.monitor}: {self.summary}"

    @property
    def is_expiry(self):
        """Whether it tells of an end that draws near, and not of something that is down."""
        return self.kind in EXPIRIES


class TimelineEntry(models.Model):
    """Something that happened in the course of an incident."""

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        STEP = "step", "Drew nearer"
        RESOLVED = "resolved", "Resolved"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    text = models.TextField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self):
        return f"{self.kind} at {self.at}"


class NoticeQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(announced_at=None)


class Notice(models.Model):
    """What people must hear of an incident beside the transitions of its monitor, written in the same transaction as
    what it tells of: outages are told by Transition, everything else by these."""

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        STEP = "step", "Drew nearer"
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
