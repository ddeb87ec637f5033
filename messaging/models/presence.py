from django.db import models

from core.ids import RECEIPT, TYPING, public_id, uuid7
from messaging.models.chat import Chat


class TypingIndicator(models.Model):
    """Whether somebody is typing in a chat; one row per chat and handle."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="typing")
    handle = models.CharField(max_length=120)
    is_typing = models.BooleanField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat", "handle"], name="one_typing_each")]

    def __str__(self) -> str:
        return f"{self.handle} {'types' if self.is_typing else 'is idle'}"

    @property
    def public_id(self) -> str:
        return public_id(TYPING, self.id)


class ReadReceipt(models.Model):
    """Up to when somebody has read a chat; one row per chat and handle."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="receipts")
    handle = models.CharField(max_length=120)
    last_read_at = models.DateTimeField()
    synced_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat", "handle"], name="one_receipt_each")]

    def __str__(self) -> str:
        return f"{self.handle} read at {self.last_read_at}"

    @property
    def public_id(self) -> str:
        return public_id(RECEIPT, self.id)
