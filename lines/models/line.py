from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from core.ids import LINE, NODE, public_id, uuid7


class HealthState(models.TextChoices):
    """What is known of a line's connection (spec transports §2.5)."""

    OK = "ok", "Healthy"  # a live answer proved that it works
    DEGRADED = "degraded", "Degraded"  # works, with reasons for worry
    DOWN = "down", "Down"  # cannot send; items wait
    UNPAIRED = "unpaired", "Not paired"  # no machine behind it yet


class Node(models.Model):
    """The Mac or bridge behind lines."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="nodes")
    name = models.CharField(max_length=80)
    transport = models.CharField(max_length=20, help_text="simulator, bluebubbles or relay")
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict, help_text="Versions and permissions, as last reported.")

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id(NODE, self.id)


class Line(models.Model):
    """A number or Apple ID of ours. The sandbox line belongs to the operator, so it has no organization."""

    class Service(models.TextChoices):
        IMESSAGE = "imessage"
        SMS = "sms"
        AUTO = "auto"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, blank=True, related_name="lines")
    handle = models.CharField(max_length=120)
    label = models.CharField(max_length=80, blank=True)
    service = models.CharField(max_length=10, choices=Service, default=Service.IMESSAGE)
    transport = models.CharField(max_length=20, default="simulator")
    node = models.ForeignKey(Node, models.SET_NULL, null=True, blank=True, related_name="lines")
    region = models.CharField(max_length=2, default="US", help_text="For national numbers.")
    is_sandbox = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="By a person: nothing is sent.")
    paused_by = models.CharField(max_length=120, blank=True)
    health = models.CharField(max_length=10, choices=HealthState, default=HealthState.OK)
    health_reasons = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    health_detail = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    capabilities = models.JSONField(default=dict, blank=True, help_text="name -> native, degraded or none")
    messages_per_second = models.FloatField(null=True, blank=True, help_text="Empty = the default of its transport.")
    is_strict = models.BooleanField(default=False, help_text="Hold sends that would exceed guidance.")
    warmup_started_at = models.DateTimeField(null=True, blank=True)
    warmup_days = models.PositiveSmallIntegerField(default=0, help_text="0 = no warm-up curve.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["handle"], condition=models.Q(deleted_at=None), name="one_live_line_per_handle"
            ),
        ]
        indexes = [models.Index(fields=["organization", "id"], name="line_org")]

    def __str__(self) -> str:
        return self.label or self.handle

    @property
    def public_id(self) -> str:
        return public_id(LINE, self.id)

    @property
    def is_active(self) -> bool:
        """Whether the line may send now: neither paused nor down (spec transports §2.5)."""
        return self.paused_at is None and self.deleted_at is None and self.health not in ("down", "unpaired")
