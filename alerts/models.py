"""Who must hear: channels, policies with their steps, and the outbox of what is said."""

import uuid
from datetime import timedelta
from functools import cached_property

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import OwnedQuerySet, Team, User
from alerts.channels import mailtext
from alerts.channels.base import KINDS, Event, Wording
from alerts.domain import escalation
from alerts.domain.escalation import Severity, Whom, WhomKind
from alerts.models_push import Browser, PushKey  # noqa: F401 - defined beside this file, and found here
from incidents.models import Incident, Notice, Transition
from monitors.models import Monitor
from uptime.lib.fields import EncryptedJSONField

SEVERITIES = [(Severity.LOW, "Low"), (Severity.HIGH, "High"), (Severity.CRITICAL, "Critical")]
MAILS = {  # what a mail template is called, by what the mail is about
    Event.DOWN: "Outage",
    Event.REMINDER: "Reminder",
    Event.UP: "Recovery",
    Event.EXPIRY: "Certificate or domain",
    Event.DIGEST: "Digest",
    Event.CHANNEL: "Trouble with alerting",
    Event.TEST: "Test message",
}
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def all_severities():
    return [severity.value for severity in Severity]


FAILING = Q(last_failed_at__gt=F("last_ok_at")) | Q(last_failed_at__isnull=False, last_ok_at=None)  # Channel.failing


class ChannelQuerySet(OwnedQuerySet):
    def listed(self):
        """With what a list of them shows."""
        return self.select_related("member", "fallback", "team").order_by("name", "id")


class Channel(models.Model):
    """A way to tell somebody; its kind knows how. With a `member` it is that member's own."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="channels")
    member = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="channels",
        help_text="Whose own it is: used where a policy names this member. Empty: the team's.",
    )
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    options = models.JSONField(default=dict, help_text="The options of the kind.")
    secrets = EncryptedJSONField(null=True, help_text="The options of the kind that nobody may read.")
    severities = ArrayField(
        models.CharField(max_length=8, choices=SEVERITIES),
        default=all_severities,
        help_text="What a member wants to hear of here.",
    )
    fallback = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Told when this one fails.",
    )
    per_minute = models.PositiveSmallIntegerField(default=20, help_text="Messages; the rest comes in a digest.")
    per_hour = models.PositiveIntegerField(default=200, help_text="Messages; the rest comes in a digest.")
    automatic = models.BooleanField(
        default=False, editable=False, help_text="Made by us, for a member's account email."
    )
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=500, blank=True, help_text="Why it was switched off, if not by hand.")
    disabled_at = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_failed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    digest_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "member", "kind"], condition=Q(automatic=True), name="one_automatic_channel"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def about(self):
        """Its kind (alerts.channels.base.ChannelKind)."""
        return KINDS.get(self.kind)

    @cached_property
    def browsers(self):
        """Those it leads to, where its kind leads to browsers: its member's, or everybody's of the team."""
        if not self.about.to_browsers:
            return []
        return list(self.member.browsers.all() if self.member else Browser.objects.of_team(self.team_id))

    @property
    def all_options(self):
        """Every option of the kind, secrets included, and its member's email: for sending, never for showing."""
        email = (self.member.email or "") if self.member else ""
        who = self.member.username if self.member else ""
        whose = {"member_email": email, "member_name": who, "browsers": self.browsers}
        return {**self.options, **(self.secrets or {}), **whose}

    @property
    def summary(self):
        """Where its messages go, in a few words."""
        return self.about.summary(self.all_options)

    @property
    def problem(self):
        """Why nothing would arrive through it, in a sentence; empty when it should."""
        if not self.enabled:
            return f"{self.name} is switched off{f': {self.disabled_reason}' if self.disabled_reason else '.'}"
        return self.about.problem(self.all_options)

    @property
    def failing(self):
        """Whether its last message did not get through."""
        return bool(self.last_failed_at and (self.last_ok_at is None or self.last_failed_at > self.last_ok_at))


class MailTemplate(models.Model):
    """How a team puts one kind of its mails, in the language of alerts.channels.wording. What is empty is as usual."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="mail_templates")
    event = models.CharField(max_length=10, choices=[(event.value, event.name.capitalize()) for event in Event])
    subject = models.CharField(max_length=mailtext.SUBJECT_LONGEST, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    problem = models.CharField(max_length=500, blank=True, help_text="Why the usual words were sent instead, last.")
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "event"], name="one_mail_template")]

    def __str__(self):
        return f"{self.team}: {self.event}"

    @property
    def label(self):
        return MAILS[Event(self.event)]

    @property
    def wording(self):
        usual = mailtext.default()
        return Wording(self.subject or usual.subject, self.text or usual.text, self.html or usual.html)


class Policy(models.Model):
    """Who is told of an incident, when, and how often. Without steps nobody is."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False, help_text="For monitors that name no other.")
    repeats = models.PositiveSmallIntegerField(default=0, help_text="Until somebody acknowledges.")
    repeat_every = models.PositiveIntegerField(default=1800, help_text="Seconds from the last step to the first again.")
    remind_every = models.PositiveIntegerField(default=0, help_text="Seconds; 0 never.")
    tell_recovery = models.BooleanField(default=True)
    tell_expiry = models.BooleanField(default=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    quiet_zone = models.CharField(max_length=64, blank=True)
    quiet_days = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True, help_text="0 is Monday.")
    quiet_up_to = models.CharField(max_length=8, choices=SEVERITIES, default=Severity.LOW)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-is_default", "name", "id"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["team"], condition=Q(is_default=True), name="one_default_policy")
        ]

    def __str__(self):
        return self.name

    @property
    def rules(self):
        """As alerts.domain.escalation reads it. Reads its steps."""
        return self.rules_with(tuple(step.rules for step in self.steps.all()))

    def rules_with(self, steps):
        """Its rules with other steps than it has."""
        return escalation.Policy(
            steps=steps,
            repeats=self.repeats,
            repeat_every=timedelta(seconds=self.repeat_every),
            remind_every=timedelta(seconds=self.remind_every),
            tell_recovery=self.tell_recovery,
            tell_expiry=self.tell_expiry,
            quiet=self._quiet(),
        )

    def _quiet(self):
        if self.quiet_from is None or self.quiet_to is None:
            return None
        days = frozenset(self.quiet_days or range(7))
        zone = self.quiet_zone or "UTC"
        return escalation.QuietHours(zone, self.quiet_from, self.quiet_to, days, Severity(self.quiet_up_to))


class Step(models.Model):
    """One line of a policy: whom, and after how long."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    after = models.PositiveIntegerField(default=0, help_text="Seconds from the beginning of the alert.")
    whom = models.CharField(max_length=8, choices=[(kind.value, kind.name.title()) for kind in WhomKind])
    channel = models.ForeignKey(Channel, null=True, blank=True, on_delete=models.CASCADE, related_name="steps")
    member = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    severities = ArrayField(models.CharField(max_length=8, choices=SEVERITIES), default=all_severities)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(whom="channel", channel__isnull=False, member=None)
                    | Q(whom="member", member__isnull=False, channel=None)
                    | Q(whom__in=["owners", "team"], channel=None, member=None)
                ),
                name="step_names_whom",
            )
        ]

    def __str__(self):
        return f"{self.policy} {self.position}"

    @property
    def rules(self):
        named = {WhomKind.CHANNEL: self.channel_id, WhomKind.MEMBER: self.member_id}.get(WhomKind(self.whom), "")
        severities = frozenset(Severity(each) for each in self.severities)
        whom = Whom(WhomKind(self.whom), str(named))
        return escalation.Step(whom, timedelta(seconds=self.after), severities)


class MonitorPolicy(models.Model):
    """What a monitor says of its alerts; without one, the team's default policy and high severity."""

    monitor = models.OneToOneField(Monitor, on_delete=models.CASCADE, primary_key=True, related_name="alerting")
    policy = models.ForeignKey(
        Policy,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="monitors",
        help_text="Empty: the default.",
    )
    severity = models.CharField(max_length=8, choices=SEVERITIES, default=Severity.HIGH)

    class Meta:
        verbose_name_plural = "monitor policies"

    def __str__(self):
        return f"{self.monitor}: {self.policy or 'default'}"


class Alarm(models.Model):
    """An incident people are told of: when telling began, and when the policy must be looked at next."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, primary_key=True, related_name="alarm")
    begun_at = models.DateTimeField()
    severity = models.CharField(max_length=8, choices=SEVERITIES, default=Severity.HIGH)
    next_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as things stand nothing more is due.")

    class Meta:
        indexes = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="alarm_next")]

    def __str__(self):
        return f"{self.incident_id}, next {self.next_at}"


class Status(models.TextChoices):
    """Of a delivery."""

    PENDING = "pending", "Waiting"
    SENDING = "sending", "Being sent"
    FAILED = "failed", "Trying again"
    SENT = "sent", "Sent"
    KEPT = "kept", "Kept, not sent"
    DIGESTED = "digested", "In a digest"
    DEAD = "dead", "Given up"
    CANCELLED = "cancelled", "Not needed"


class DeliveryQuerySet(OwnedQuerySet):
    OPEN = (Status.PENDING, Status.SENDING, Status.FAILED)
    TOLD = (Status.SENT, Status.KEPT, Status.DIGESTED)
    OVER = (*TOLD, Status.DEAD, Status.CANCELLED)

    def open(self):
        """What is still to be sent, or being sent."""
        return self.filter(status__in=self.OPEN)

    def due(self, now):
        """What may be sent at `now`. What is being sent is due again when its lease is over."""
        return self.open().filter(next_attempt_at__lte=now)

    def told(self):
        return self.filter(status__in=self.TOLD)

    def dead(self):
        return self.filter(status=Status.DEAD)


class Delivery(models.Model):
    """One message to one channel: first a row of the outbox, then the ledger of what came of it, and what was said."""

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Its key for the receiver.")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    channel_name = models.CharField(max_length=100)
    channel_kind = models.CharField(max_length=20)
    incident = models.ForeignKey(Incident, null=True, on_delete=models.CASCADE, related_name="deliveries")
    transition = models.ForeignKey(Transition, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    notice = models.ForeignKey(Notice, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    event = models.CharField(max_length=10, choices=[(event.value, event.name.capitalize()) for event in Event])
    severity = models.CharField(max_length=8, choices=SEVERITIES, default=Severity.HIGH)
    key = models.CharField(max_length=120, unique=True, help_text="Said once for each key.")
    first = models.BooleanField(default=True, help_text="Of the first step, which no acknowledgement stops.")
    why = models.CharField(max_length=300, help_text="Why it is sent, and when.")
    note = models.TextField(blank=True, help_text="What it says where no incident does.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When it was to be sent.")
    next_attempt_at = models.DateTimeField(help_text="While it is being sent: until when it is left alone.")
    tried_at = models.DateTimeField(null=True, blank=True, help_text="The first attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="The provider's, or what went wrong.")
    reference = models.CharField(max_length=200, blank=True, help_text="The provider's name for it.")
    instead_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="substitutes")
    digest = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="parts")
    title = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(status__in=DeliveryQuerySet.OPEN), name="delivery_outbox"
            ),
            models.Index(fields=["channel", "-finished_at"], name="delivery_channel"),
            models.Index(fields=["incident", "channel"], name="delivery_incident"),
            models.Index(fields=["team", "-id"], name="delivery_team"),
            models.Index(fields=["team"], condition=Q(status="dead"), name="delivery_dead"),
        ]

    def __str__(self):
        return f"{self.key} {self.status}"

    @property
    def is_open(self):
        return self.status in DeliveryQuerySet.OPEN

    @cached_property
    def about(self):
        """The kind of its channel; None where there is no such kind any more."""
        return KINDS.get(self.channel_kind) if self.channel_kind in KINDS else None

    @cached_property
    def heard_before(self):
        """Whether its channel has heard of the incident already; read along with those that are about to be sent."""
        told = Delivery.objects.told().filter(incident=self.incident_id, channel=self.channel_id)
        return told.exclude(pk=self.pk).exists()
