from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from core.ids import OUTBOX, public_id, uuid7


class OutboxStatus(models.TextChoices):
    """spec api §7, transports §3: pending -> claimed -> sent | failed."""

    PENDING = "pending"  # queued, or back in the queue after a try that proved to have no effect, or held
    CLAIMED = "claimed"  # a worker has it, and its outcome is open
    SENT = "sent"  # the platform's store holds it; a guid is known
    FAILED = "failed"  # will not arrive, or nobody can tell; `error` says which


class Operation(models.TextChoices):
    """spec transports §2.1"""

    SEND = "send"
    AUDIO = "audio"
    REACT = "react"
    TYPING = "typing"
    READ = "read"


class OutboxItem(models.Model):
    """Something to send. The public members are those of spec api §7, the rest is spec transports §3."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    line_id = models.UUIDField()
    chat_id = models.UUIDField()
    api_key_id = models.UUIDField(null=True)
    user_id = models.BigIntegerField(null=True, help_text="A person who sent from the dashboard.")
    request_id = models.CharField(max_length=20, blank=True)
    operation = models.CharField(max_length=8, choices=Operation)
    payload = models.JSONField(help_text="The request as it came, for the API.")
    content = models.JSONField(default=dict, help_text="Resolved: text, file ids, reply guid, target guid and so on.")
    status = models.CharField(max_length=8, choices=OutboxStatus, default=OutboxStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    error = models.CharField(max_length=60, null=True)
    error_detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)
    # private
    lane = models.CharField(max_length=48, help_text="Line, chat and kind: one in flight, in order.")
    claim_token = models.UUIDField(null=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True, help_text="Written before the first side effect.")
    not_before = models.DateTimeField(db_default=Now())
    deadline_at = models.DateTimeField()
    parts_sent = models.PositiveSmallIntegerField(default=0)
    guid = models.CharField(max_length=120, blank=True, help_text="Guid of the first part, once known.")
    part_guids = ArrayField(
        models.CharField(max_length=120), default=list, help_text="Guids of all parts, of an item that has several."
    )
    message_id = models.UUIDField(null=True)
    held_reason = models.CharField(max_length=40, blank=True, help_text="The limit a strict line holds it for.")
    resumes_at = models.DateTimeField(null=True)
    retried_by = models.UUIDField(null=True, help_text="The item that a person queued in its place.")

    class Meta:
        indexes = [
            models.Index(
                fields=["line_id", "lane", "id"],
                name="outbox_open_lanes",
                condition=models.Q(status__in=["pending", "claimed"]),
            ),
            models.Index(fields=["line_id", "id"], name="outbox_backlog", condition=models.Q(status="pending")),
            models.Index(fields=["not_before"], name="outbox_due", condition=models.Q(status="pending")),
            models.Index(fields=["deadline_at"], name="outbox_deadlines", condition=models.Q(status="pending")),
            models.Index(fields=["lease_until"], name="outbox_leases", condition=models.Q(status="claimed")),
            models.Index(fields=["organization_id", "-id"], name="outbox_org_newest"),
            models.Index(fields=["organization_id", "status", "-id"], name="outbox_org_status"),
            models.Index(fields=["line_id", "-id"], name="outbox_line_newest"),
            models.Index(fields=["chat_id", "-id"], name="outbox_chat_newest"),
            models.Index(fields=["api_key_id", "-id"], name="outbox_key_newest"),
            GinIndex(fields=["part_guids"], name="outbox_parts", condition=~models.Q(part_guids=[])),
            models.Index(fields=["request_id"], name="outbox_request", condition=~models.Q(request_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.public_id} {self.status}"

    @property
    def public_id(self) -> str:
        return public_id(OUTBOX, self.id)


class LinePace(models.Model):
    """When a paced line may send its next message. One row per line, taken from by the statement that claims."""

    line_id = models.UUIDField(primary_key=True)
    next_send_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.line_id} from {self.next_send_at}"
