from django.conf import settings
from django.db import models

from accounts.models import Organization
from core.ids import REPLAY, public_id, uuid7


class ReplayState(models.TextChoices):
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"
    DONE = "done", "Done"


class Replay(models.Model):
    """Sending many deliveries again, in the background, at a rate that leaves live traffic its speed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="replays")
    endpoint_id = models.UUIDField(null=True, help_text="Empty = every endpoint the filter finds.")
    filter = models.JSONField(help_text="The filter as in the list's URL, or {since, until, only}.")
    state = models.CharField(max_length=10, choices=ReplayState, default=ReplayState.RUNNING)
    total = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cursor = models.CharField(max_length=80, blank=True)
    per_second = models.FloatField(default=500)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    started_by_label = models.CharField(max_length=120)
    api_key_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "-id"], name="replay_org"),
            models.Index(fields=["state"], name="replay_running", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"

    @property
    def public_id(self) -> str:
        return public_id(REPLAY, self.id)
