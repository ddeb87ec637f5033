from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models

from core.ids import MESSAGE, public_id, uuid7
from messaging.models.chat import Chat
from messaging.models.file import File


class Message(models.Model):
    """A message as the platform's store has it, ours or theirs. ``(line_id, guid)`` is its permanent identity."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    line_id = models.UUIDField()
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="messages")
    guid = models.CharField(max_length=120)
    sender = models.CharField(max_length=120)
    text = models.TextField(null=True)
    service = models.CharField(max_length=20, null=True)
    is_from_me = models.BooleanField()
    is_audio_message = models.BooleanField(default=False)
    sent_at = models.DateTimeField()
    synced_at = models.DateTimeField()
    outbox_id = models.UUIDField(null=True)
    reply_to_guid = models.CharField(max_length=120, null=True)
    phase = models.CharField(max_length=10, default="live", help_text="live, late or backfill")
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    unsent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=60, blank=True)
    history = models.JSONField(default=list, help_text="Earlier texts, oldest first: {text, at}.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["line_id", "guid"], name="one_message_per_guid")]
        indexes = [
            models.Index(fields=["chat", "-sent_at", "-id"], name="message_chat_newest"),
            models.Index(fields=["outbox_id"], name="message_outbox", condition=models.Q(outbox_id__isnull=False)),
            models.Index(fields=["organization_id", "-id"], name="message_org_newest"),
            GinIndex(SearchVector("text", config="simple"), name="message_words"),
        ]

    def __str__(self) -> str:
        return f"{self.sender}: {self.guid}"

    @property
    def public_id(self) -> str:
        return public_id(MESSAGE, self.id)


class Attachment(models.Model):
    """A file of a message, in order. Its bytes are in ``file`` once they have arrived."""

    class State(models.TextChoices):
        PENDING = "pending"  # announced, still downloading on the Mac
        READY = "ready"  # file is set
        FAILED = "failed"  # will not arrive

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    position = models.PositiveSmallIntegerField(default=0)
    guid = models.CharField(max_length=160, blank=True)
    file = models.ForeignKey(File, models.SET_NULL, null=True, related_name="attachments")
    filename = models.CharField(max_length=255, null=True)
    mime_type = models.CharField(max_length=100, null=True)
    size = models.BigIntegerField(null=True)
    transcription = models.TextField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.READY)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "position"], name="one_attachment_per_position")]

    def __str__(self) -> str:
        return self.filename or self.guid
