"""Tests: checks of settings that somebody tries out. Nothing here is a tick, and nobody judges it."""

from django.db import models
from django.utils import timezone

from accounts.models import Team, User
from monitors.models.monitors import Monitor
from monitors.models.regions import Region
from uptime.lib.fields import EncryptedJSONField


class TestRun(models.Model):
    """Some checks, asked of some regions once, and gone soon. The settings travel sealed and are not kept."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="test_runs")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    monitor = models.ForeignKey(
        Monitor, null=True, on_delete=models.CASCADE, related_name="test_runs", help_text="Whose settings they are."
    )
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(help_text="Nothing is waited for after this.")
    expires_at = models.DateTimeField(help_text="What comes later is ignored, and this removed.")
    checks = models.JSONField(help_text="What is checked, in order: key, kind, target as it may be shown, timeout_ms.")
    address = EncryptedJSONField(null=True, help_text="What was typed, where a proposal is to be made of it.")

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="test_run_expires"),
            models.Index(fields=["team", "created_at"], name="test_run_of_team"),
        ]

    def __str__(self):
        return f"test {self.pk}"


class TestAnswer(models.Model):
    """What one region was asked for one check of a run, and what it saw."""

    class Trouble(models.TextChoices):
        """Why a region was not asked."""

        OFFLINE = "offline", "Offline"
        OFF = "off", "Switched off"
        UNSENT = "unsent", "Not sent"

    run = models.ForeignKey(TestRun, on_delete=models.CASCADE, related_name="answers")
    number = models.PositiveSmallIntegerField(help_text="Which of the run's checks.")
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="+")
    trouble = models.CharField(max_length=8, choices=Trouble.choices, blank=True)
    came_at = models.DateTimeField(null=True)
    outcome = models.JSONField(null=True, help_text="The outcome as it travels: monitors.probes.base.Outcome.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number", "region"], name="test_answer_once")]

    def __str__(self):
        return f"{self.run_id}.{self.number} from {self.region_id}"
