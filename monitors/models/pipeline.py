"""What the pipeline knows of itself."""

from django.db import models


class Pulse(models.Model):
    """When a part of the pipeline last did its work; `since` tells how long it has done so without a break."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()
    since = models.DateTimeField()
    took_ms = models.FloatField(null=True, help_text="How long its last work took.")
    done = models.PositiveBigIntegerField(default=0, help_text="How much it has done in all: runs, checks or ticks.")

    def __str__(self):
        return f"{self.name} at {self.at}"


class DeadLetter(models.Model):
    """A result that could not be stored, kept for a human to look at."""

    received_at = models.DateTimeField(auto_now_add=True)
    region = models.CharField(max_length=32, blank=True)
    kind = models.CharField(max_length=10, default="message", help_text="A whole message, or one outcome of it.")
    error = models.TextField()
    payload = models.TextField()
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often it was tried again by hand.")
    tried_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-received_at"]

    def __str__(self):
        return f"{self.error[:60]} ({self.received_at})"
