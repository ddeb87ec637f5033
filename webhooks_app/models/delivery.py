from django.db import models

from core.ids import DELIVERY, public_id, uuid7


class DeliveryState(models.TextChoices):
    """One event to one endpoint."""

    PENDING = "pending", "Pending"  # due now or soon, never tried
    RETRYING = "retrying", "Retrying"  # tried, not accepted, will be tried again
    DELIVERED = "delivered", "Delivered"  # answered 2xx
    FAILED = "failed", "Failed"  # every try was used up; only a replay sends it again
    HELD = "held", "Held"  # the endpoint was off; a replay sends it
    CANCELLED = "cancelled", "Cancelled"  # the endpoint was deleted, or a person said so


class Trigger(models.TextChoices):
    """Why an attempt was made (spec webhooks §7)."""

    FIRST = "first"
    RETRY = "retry"
    REPLAY = "replay"
    BULK = "bulk"
    TEST = "test"


class Delivery(models.Model):
    """What an endpoint is owed. Partitioned by day through its key; the table is made by hand."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=40)
    line_id = models.UUIDField()
    chat_id = models.UUIDField(null=True)
    object_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="All attempts ever made.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Steps used of the retry schedule.")
    trigger = models.CharField(max_length=8, choices=Trigger, default=Trigger.FIRST, help_text="Of the next attempt.")
    next_attempt_at = models.DateTimeField(null=True)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    replay_id = models.UUIDField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=40, blank=True, help_text="Error class; see webhooks_app/error_texts.py.")
    last_duration_ms = models.FloatField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "webhooks_app_delivery"

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"

    @property
    def public_id(self) -> str:
        return public_id(DELIVERY, self.id)


class Attempt(models.Model):
    """One HTTP try. Partitioned by day through its key; the table is made by hand."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    delivery_id = models.UUIDField()
    number = models.PositiveSmallIntegerField()
    trigger = models.CharField(max_length=8, choices=Trigger)
    started_at = models.DateTimeField()
    address = models.CharField(max_length=64, blank=True, help_text="What was connected to, ip:port.")
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=300, blank=True)
    # text in the table, so that they stay in the order in which they were sent
    request_headers = models.JSONField(default=dict)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True, help_text="The first 16 KB.")
    body_truncated = models.BooleanField(default=False)
    dns_ms = models.FloatField(null=True)
    connect_ms = models.FloatField(null=True)
    tls_ms = models.FloatField(null=True)
    wait_ms = models.FloatField(null=True)
    total_ms = models.FloatField()

    class Meta:
        managed = False
        db_table = "webhooks_app_attempt"

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"
