from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from core.ids import WEBHOOK, public_id, uuid7


class Endpoint(models.Model):
    """A customer's URL that is told about events. The API calls it a webhook."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="endpoints")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=120, blank=True)
    line_ids = ArrayField(models.UUIDField(), null=True, blank=True, help_text="Empty = every line, future ones too.")
    events = ArrayField(models.CharField(max_length=40))
    headers = models.JSONField(default=dict, blank=True, help_text="Sent with each request.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    api_key_id = models.UUIDField(null=True, help_text="The key that made it, if one did.")
    deleted_at = models.DateTimeField(null=True)
    # Secrets are encrypted at rest (core.secrets)
    secret = models.TextField()
    next_secret = models.TextField(blank=True)
    staged_at = models.DateTimeField(null=True)
    previous_secret = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True)
    # Switch and health
    is_active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=40, blank=True, help_text="paused, gone_410 or failing_5_days")
    failing_since = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    warnings_sent = models.PositiveSmallIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(default=0)
    breaker_open_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=40, blank=True)
    # Pace
    max_in_flight = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty = the default.")
    requests_per_second = models.FloatField(null=True, blank=True)
    is_ordered = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "id"], name="endpoint_org", condition=models.Q(deleted_at=None))
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def public_id(self) -> str:
        return public_id(WEBHOOK, self.id)
