from django.conf import settings
from django.db import models

from accounts.models import Organization


class LineRequest(models.Model):
    """An organization asks for a real line; whoever runs the server connects it and says so, or declines."""

    class Status(models.TextChoices):
        OPEN = "open", "Asked"
        DONE = "done", "Connected"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="line_requests")
    handle = models.CharField(max_length=120)
    note = models.TextField(max_length=1000, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    answer = models.CharField(max_length=300, blank=True, help_text="What the operator says to it.")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "handle"], condition=models.Q(status="open"), name="one_open_request_per_handle"
            )
        ]
        indexes = [models.Index(fields=["status", "-id"], name="line_request_status")]

    def __str__(self) -> str:
        return f"{self.handle} for {self.organization}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN
