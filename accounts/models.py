"""Who: people, and the teams that own everything people make."""

import secrets
import uuid

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction
from django.db.models.functions import Lower


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"


class UserManager(DjangoUserManager):
    """Whoever is made here, such as by `manage.py createsuperuser`, has a personal team like everyone else."""

    @transaction.atomic
    def create_user(self, *args, **kwargs):
        user = super().create_user(*args, **kwargs)
        user.ensure_team()  # type: ignore[attr-defined]  # it is our User
        return user

    @transaction.atomic
    def create_superuser(self, *args, **kwargs):
        user = super().create_superuser(*args, **kwargs)
        user.ensure_team()  # type: ignore[attr-defined]  # it is our User
        return user


class User(AbstractUser):
    """A person. The clones' sign-up asks for no email, so it may be missing; usernames are free text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=150, unique=True)
    # Missing, not empty: two who have none must not collide below.
    email = models.EmailField(null=True, blank=True)  # type: ignore[assignment]  # noqa: DJ001
    time_zone = models.CharField(max_length=64, blank=True, help_text="Such as Europe/Berlin; empty means UTC.")

    objects = UserManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_once",
                violation_error_message="Another account uses this email address.",
            ),
            models.UniqueConstraint(
                Lower("username"), name="user_username_once", violation_error_message="This username is taken."
            ),
        ]

    def save(self, *args, **kwargs):
        self.email = self.email.lower() if self.email else None
        super().save(*args, **kwargs)

    def ensure_team(self):
        """The personal team, made now if there is none yet."""
        own = self.memberships.filter(team__personal=True, role=Role.OWNER).order_by("id").first()
        if own:
            return own.team
        name = f"{self.username[:90]}'s team"
        team = Team.objects.create(name=name, personal=True)
        Membership.objects.create(team=team, user=self, role=Role.OWNER)
        return team


def new_ping_key():
    """128 random bits, as long as those of Healthchecks."""
    return secrets.token_urlsafe(16)


class Team(models.Model):
    """Owns monitors, channels and pages. Everyone has a personal one from sign-up on."""

    name = models.CharField(max_length=100)
    personal = models.BooleanField(default=False)
    ping_key = models.CharField(
        max_length=64,
        unique=True,
        default=new_ping_key,
        editable=False,
        help_text="In the addresses of its heartbeats' short names.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    def __str__(self):
        return self.name


class OwnedQuerySet(models.QuerySet):
    """Of whatever belongs to a `team`."""

    def visible_to(self, user):
        """The one visibility rule: what belongs to the teams `user` is a member of."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(team__memberships__user=user)


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OWNER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_once")]

    def __str__(self):
        return f"{self.user} in {self.team}"


class Mail(models.Model):
    """A message we sent, or would have sent were a mail server configured; shown on the Mailbox page."""

    sent_at = models.DateTimeField(auto_now_add=True, db_index=True)
    recipients = models.TextField()
    subject = models.CharField(max_length=998)  # the longest line RFC 5322 (section 2.1.1) allows
    text = models.TextField()
    html = models.TextField(blank=True)
    delivered = models.BooleanField(default=False, help_text="Handed to the mail server without an error.")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self):
        return f"{self.subject} to {self.recipients}"
