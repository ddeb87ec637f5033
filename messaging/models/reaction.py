from django.db import models

from core.ids import REACTION, public_id, uuid7
from messaging.models.message import Message


class Reaction(models.Model):
    """One tapback or its removal: a history, so a removal is a row of its own with ``added = False``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="reactions")
    event_key = models.CharField(max_length=64, unique=True, help_text="Derived event id: makes it arrive once.")
    type = models.CharField(max_length=12, help_text="love, like, dislike, laugh, emphasize, question or emoji")
    emoji = models.CharField(max_length=32, blank=True)
    part = models.PositiveSmallIntegerField(default=0)
    sender = models.CharField(max_length=120)
    is_from_me = models.BooleanField()
    added = models.BooleanField()
    sent_at = models.DateTimeField()
    synced_at = models.DateTimeField()
    outbox_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["message", "sent_at", "id"], name="reaction_message")]

    def __str__(self) -> str:
        return f"{'+' if self.added else '-'}{self.type}"

    @property
    def public_id(self) -> str:
        return public_id(REACTION, self.id)
