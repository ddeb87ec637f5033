from django.db import models

from core.ids import uuid7


class InboundEvent(models.Model):
    """A transport's raw event, stored before it is acknowledged and applied later, once (spec transports §2.3)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    line_id = models.UUIDField()
    event_id = models.CharField(max_length=64, unique=True, help_text="SHA-256, derived from what it is about.")
    kind = models.CharField(max_length=24)
    envelope = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    not_before = models.DateTimeField(null=True, help_text="Waits for its chat or message.")
    gives_up_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40, blank=True, help_text="applied, duplicate, ignored or quarantined")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="inbound_open", condition=models.Q(applied_at=None)),
            models.Index(fields=["applied_at"], name="inbound_done", condition=models.Q(applied_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id[:12]}"
