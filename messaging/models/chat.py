from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from core.ids import CHAT, public_id, uuid7
from lines.models import Line


class Chat(models.Model):
    """A conversation on one line. On the sandbox line it also belongs to the organization that was paired.

    ``key`` is its identity: ``d:<handle>`` for a direct chat, ``g:<group id>`` for a group; platform guids, whose
    prefix changes, are kept as aliases (spec transports §7).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="chats")
    line = models.ForeignKey(Line, models.CASCADE, related_name="chats")
    key = models.CharField(max_length=200)
    identifier = models.CharField(max_length=200)
    guids = ArrayField(models.CharField(max_length=200), default=list, help_text="Every platform guid ever seen.")
    service = models.CharField(max_length=20, default="iMessage")
    name = models.CharField(max_length=200, blank=True)
    is_group = models.BooleanField(default=False)
    participants = ArrayField(models.CharField(max_length=120), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    # Moved with each message, in its transaction
    has_received_inbound = models.BooleanField(default=False)
    is_started_by_contact = models.BooleanField(default=True)
    first_inbound_at = models.DateTimeField(null=True)
    last_inbound_at = models.DateTimeField(null=True)
    last_outbound_at = models.DateTimeField(null=True)
    last_message_at = models.DateTimeField(null=True)
    last_message_id = models.UUIDField(null=True)
    last_text = models.CharField(max_length=160, blank=True, help_text="For lists; masked where text is.")
    unanswered = models.PositiveIntegerField(default=0, help_text="Outgoing messages in a row without an answer.")
    unread = models.PositiveIntegerField(default=0, help_text="Inbound since somebody of ours looked or answered.")
    failed = models.PositiveIntegerField(default=0, help_text="Sends that failed and nobody has looked at.")
    has_audio = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["line", "organization", "key"], name="one_chat_per_key")]
        indexes = [
            models.Index(fields=["line", "organization", "-last_message_at", "-id"], name="chat_line_newest"),
            models.Index(fields=["organization", "-last_message_at", "-id"], name="chat_org_newest"),
            models.Index(fields=["organization"], name="chat_unread", condition=models.Q(unread__gt=0)),
            models.Index(fields=["line", "-unanswered"], name="chat_unanswered", condition=models.Q(unanswered__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name or self.identifier

    @property
    def public_id(self) -> str:
        return public_id(CHAT, self.id)
