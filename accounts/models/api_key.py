from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models.organization import Organization
from core.ids import API_KEY, public_id, uuid7


class ApiKey(models.Model):
    """A credential of an organization. Only its hash and visible prefix are kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, help_text="What is shown of it, such as sk_live_ab12.")
    token_hash = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the whole token.")
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    # Names lines by id only: accounts stand below lines.
    line_ids = ArrayField(models.UUIDField(), null=True, blank=True, help_text="Empty = every line.")
    source = models.CharField(max_length=20, default="dashboard", help_text="dashboard, cli, device or demo")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=40, blank=True, help_text="revoked, rolled, leaked or member_left")
    rolled_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="rolled_from")
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    allowed_recipients = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    requests_per_hour = models.PositiveIntegerField(null=True, blank=True, help_text="Empty = default, 0 = no limit.")
    daily_send_budget = models.PositiveIntegerField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_address = models.GenericIPAddressField(null=True)
    last_used_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "API key"
        indexes = [models.Index(fields=["organization", "-id"], name="api_key_org")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def public_id(self) -> str:
        return public_id(API_KEY, self.id)


class ApiKeyHour(models.Model):
    """Use of a key per hour: the usage chart, and the daily send budget."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    sends = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "hour"], name="one_row_per_key_hour")]

    def __str__(self) -> str:
        return f"{self.api_key} {self.hour:%Y-%m-%d %H}h"
