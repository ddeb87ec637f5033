"""The simulated network's own memory: what the phones show, and what will happen next.

This is the simulator's side of the wire, as the Messages database is Apple's: it names lines by handle, knows nothing
of the product's models, and is what reconcile queries.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from core.ids import uuid7


class VirtualPhone(models.Model):
    """A phone in the browser or over HTTP."""

    class Service(models.TextChoices):
        IMESSAGE = "imessage"
        SMS = "sms"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner_id = models.UUIDField(help_text="The organization whose phone it is.")
    handle = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=80, blank=True)
    service = models.CharField(max_length=10, choices=Service, default=Service.IMESSAGE)
    is_online = models.BooleanField(default=True)
    sends_read_receipts = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or self.handle


class PhoneChat(models.Model):
    """A conversation as the simulated network knows it; direct or group."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    guid = models.CharField(max_length=200, unique=True, help_text="any;-;<line>;<peer> or any;+;chat<digits>")
    line_handle = models.CharField(max_length=120)
    is_group = models.BooleanField(default=False)
    name = models.CharField(max_length=200, blank=True)
    participants = ArrayField(models.CharField(max_length=120), default=list, help_text="Phones, without the line.")
    line_typing_at = models.DateTimeField(null=True, help_text="Since when the line shows that it types.")

    class Meta:
        indexes = [
            models.Index(fields=["line_handle"], name="phone_chat_line"),
            GinIndex(fields=["participants"], name="phone_chat_people"),
        ]

    def __str__(self) -> str:
        return self.guid


class PhoneMessage(models.Model):
    """A message in the simulated store."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(PhoneChat, models.CASCADE, related_name="messages")
    guid = models.CharField(max_length=120, unique=True)
    dispatch_key = models.CharField(max_length=40, blank=True, help_text="The core's key: counts double sends.")
    sender = models.CharField(max_length=120)
    is_from_line = models.BooleanField()
    text = models.TextField(null=True)
    files = models.JSONField(default=list, help_text="[{ref, filename, mime_type, size, is_audio}]")
    service = models.CharField(max_length=20, default="iMessage")
    reply_to_guid = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    unsent_at = models.DateTimeField(null=True)
    history = models.JSONField(default=list)
    reactions = models.JSONField(default=list, help_text="[{type, emoji, sender, added, at}]")
    error = models.IntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["chat", "sent_at", "id"], name="phone_message_order"),
            models.Index(fields=["dispatch_key"], name="phone_message_key", condition=~models.Q(dispatch_key="")),
        ]

    def __str__(self) -> str:
        return self.guid


class LineScenario(models.Model):
    """What goes wrong on one simulated line, deterministically by seed."""

    line_handle = models.CharField(primary_key=True, max_length=250, help_text="<line>, or <line>><phone>")
    name = models.CharField(max_length=40, default="normal")
    seed = models.BigIntegerField(default=1)
    options = models.JSONField(default=dict)
    draws = models.BigIntegerField(default=0, help_text="How many random numbers were taken.")

    def __str__(self) -> str:
        return f"{self.line_handle}: {self.name}"


class DispatchFence(models.Model):
    """Tries of one dispatch key that reconcile has closed: a worker that wakes up late cannot send any more."""

    key = models.UUIDField(primary_key=True)
    closed_attempt = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.key} up to {self.closed_attempt}"


class ScheduledEvent(models.Model):
    """An event that the network will report later: a delivery, a read, a late transcript."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    line_handle = models.CharField(max_length=120)
    due_at = models.DateTimeField()
    event = models.JSONField(help_text="An encoded transports.base.Event.")

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="scheduled_due")]

    def __str__(self) -> str:
        return f"{self.line_handle} at {self.due_at}"
