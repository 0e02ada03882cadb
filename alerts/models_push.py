"""Where web push goes: the browsers members have allowed us to push to, and the key this site signs with."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from uptime.lib.fields import EncryptedJSONField


class BrowserQuerySet(models.QuerySet):
    def of_team(self, team_id):
        """Of everybody in a team, each once."""
        return self.filter(user__is_active=True, user__memberships__team=team_id).distinct()


class Browser(models.Model):
    """A browser of a member that shows notifications: what the Push API calls a subscription."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="browsers")
    fingerprint = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256 of the address, by which it is found again."
    )
    secrets = EncryptedJSONField(help_text="endpoint, p256dh and auth, as the browser gave them.")
    name = models.CharField(max_length=100, help_text="Such as Firefox on Linux.")
    last_key = models.CharField(
        max_length=36, blank=True, editable=False, help_text="The last message it took: it is not told twice."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_ok_at = models.DateTimeField(null=True, blank=True, help_text="The last time its push service took a message.")

    objects = BrowserQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"{self.name} of {self.user_id}"


class PushKey(models.Model):
    """The one key this site signs with: browsers take messages from nobody else, so that it is never made anew."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    private = EncryptedJSONField(help_text="base64url of the number, on P-256.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_push_key")]

    def __str__(self):
        return f"of {self.created_at:%Y-%m-%d}"
