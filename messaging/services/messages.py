"""Writing a message once per (line, guid), with its event and what its chat shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.clock import now
from core.ids import uuid7
from events.services import NewEvent
from events.types import MESSAGE_RECEIVED, MESSAGE_SENT, MESSAGE_UPDATED
from messaging.models import Attachment, Chat, File, Message, OutboxItem
from messaging.payloads import encode, last_text, message_data
from messaging.services.rollups import move_chat

_COLUMNS = (
    "id, organization_id, line_id, chat_id, guid, sender, text, service, is_from_me, is_audio_message, sent_at,"
    " synced_at, outbox_id, reply_to_guid, phase, delivered_at, read_at, failed_at, error, history"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMessage:
    """A message to be; names as in ``Message``. ``attachments`` carry their files, in order, unsaved."""

    chat: Chat
    guid: str
    sender: str
    text: str | None
    is_from_me: bool
    sent_at: datetime
    service: str | None = None
    is_audio_message: bool = False
    outbox_id: UUID | None = None
    reply_to_guid: str | None = None
    phase: str = "live"
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    error: str = ""
    attachments: Sequence[Attachment] = ()


def write_message(new: NewMessage, *, line_handle: str) -> tuple[Message, NewEvent] | None:
    """Inserts the message, its attachments and its chat's roll-up; returns it with the event to append.

    None if the guid is there already: then nothing has changed, and nothing may fire. Backfill gets an event that
    pages see and webhooks do not.
    """
    message = _insert(new)
    if message is None:
        return None
    for position, attachment in enumerate(new.attachments):
        attachment.message, attachment.position = message, position
    if new.attachments:
        Attachment.objects.bulk_create(new.attachments)
    is_backfill = new.phase == "backfill"
    move_chat(
        chat_id=new.chat.id,
        message_id=message.id,
        sent_at=new.sent_at,
        is_from_me=new.is_from_me,
        sender=new.sender,
        text=last_text(new.text, new.attachments, is_audio=new.is_audio_message),
        is_audio=new.is_audio_message,
        service=new.service,
        is_backfill=is_backfill,
    )
    kind = MESSAGE_UPDATED if is_backfill else MESSAGE_SENT if new.is_from_me else MESSAGE_RECEIVED
    event = NewEvent(
        organization_id=message.organization_id,
        line_id=message.line_id,
        chat_id=message.chat_id,
        type=kind,
        object_id=message.id,
        data=encode(message_data(message, line_handle=line_handle, attachments=new.attachments)),
    )
    return message, event


def get_whole(*, line_id: UUID, guid: str) -> str:
    """The guid of the message that a part of one of our sends belongs to; any other guid as it is."""
    items = OutboxItem.objects.exclude(part_guids=[]).filter(line_id=line_id, part_guids__contains=[guid])
    return items.values_list("guid", flat=True).first() or guid


def attachment_of_file(file: File, *, transcription: str | None = None) -> Attachment:
    return Attachment(
        file=file,
        filename=file.filename or None,
        mime_type=file.mime_type,
        size=file.size,
        transcription=transcription,
        state=Attachment.State.READY,
    )


def _insert(new: NewMessage) -> Message | None:
    moment = now()
    message = Message(
        id=uuid7(),
        organization_id=new.chat.organization_id,
        line_id=new.chat.line_id,
        chat=new.chat,
        guid=new.guid,
        sender=new.sender,
        text=new.text,
        service=new.service,
        is_from_me=new.is_from_me,
        is_audio_message=new.is_audio_message,
        sent_at=new.sent_at,
        synced_at=moment,
        outbox_id=new.outbox_id,
        reply_to_guid=new.reply_to_guid,
        phase=new.phase,
        delivered_at=new.delivered_at,
        read_at=new.read_at,
        failed_at=moment if new.error else None,
        error=new.error,
    )
    values = [getattr(message, name.strip()) for name in _COLUMNS.split(",")[:-1]]
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO messaging_message ({_COLUMNS}) VALUES ({marks}, '[]'::jsonb)"
            " ON CONFLICT (line_id, guid) DO NOTHING",
            values,
        )
        if not cursor.rowcount:
            return None
    message._state.adding = False
    return message
