"""What dispatch reports of our own sends. Each call is idempotent, and runs in the caller's transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from core.ids import uuid7
from events.services import NewEvent, append_events
from events.types import MESSAGE_UPDATED, OUTBOX_UPDATED, REACTION_ADDED, REACTION_REMOVED
from messaging.models import Attachment, Chat, File, Message, Operation, OutboxItem, Reaction
from messaging.payloads import encode, outbox_data, reaction_data
from messaging.services.line_lock import lock_line_writes
from messaging.services.messages import NewMessage, attachment_of_file, write_message
from messaging.services.rollups import count_failure

SAME_REACTION = timedelta(minutes=2)


@transaction.atomic
def record_sent(*, item: OutboxItem, guid: str, sent_at: datetime, service: str | None) -> UUID:
    """The message that an item became. If its echo came first, the two are bound and nothing fires again.

    Returns the message's key; the caller writes it into the item.
    """
    lock_line_writes([item.line_id])
    chat = Chat.objects.select_related("line").get(id=item.chat_id)
    files = _files_of(item)
    new = NewMessage(
        chat=chat,
        guid=guid,
        sender=chat.line.handle,
        text=item.content.get("text"),
        is_from_me=True,
        sent_at=sent_at,
        service=service,
        is_audio_message=item.operation == Operation.AUDIO,
        outbox_id=item.id,
        reply_to_guid=item.content.get("reply_to_guid"),
        attachments=[attachment_of_file(file) for file in files],
    )
    written = write_message(new, line_handle=chat.line.handle)
    if written is not None:
        append_events([written[1]])
        return written[0].id
    return _bind(item, chat, guid, files)


@transaction.atomic
def record_reaction_sent(*, item: OutboxItem, guid: str | None, sent_at: datetime) -> UUID | None:
    """The tapback that an item became; None if its message has gone."""
    message = (
        Message.objects.select_related("chat__line")
        .filter(line_id=item.line_id, guid=item.content.get("target_guid", ""))
        .first()
    )
    if message is None:
        return None
    if (known := Reaction.objects.filter(outbox_id=item.id).values_list("id", flat=True).first()) is not None:
        return known
    added = bool(item.content.get("is_on", True))
    twin = find_own_reaction(
        message=message, type_=item.content["reaction"], part=item.content.get("part", 0), added=added, at=sent_at
    )
    if twin is not None:
        Reaction.objects.filter(id=twin.id).update(outbox_id=item.id)
        return twin.id
    reaction = Reaction.objects.create(
        id=uuid7(),
        message=message,
        event_key=f"outbox:{item.id.hex}",
        type=item.content["reaction"],
        part=item.content.get("part", 0),
        sender=message.chat.line.handle,
        is_from_me=True,
        added=added,
        sent_at=sent_at,
        synced_at=sent_at,
        outbox_id=item.id,
    )
    append_events([reaction_event(reaction, message=message, line_handle=message.chat.line.handle)])
    return reaction.id


@transaction.atomic
def record_failed(*, item: OutboxItem, code: str) -> None:
    """Counts the failure on the chat and tells the pages. No webhook announces it (spec api §7)."""
    if item.operation in (Operation.SEND, Operation.AUDIO):
        lock_line_writes([item.line_id])
        count_failure(chat_id=item.chat_id)
    append_events(
        [
            NewEvent(
                organization_id=item.organization_id,
                line_id=item.line_id,
                chat_id=item.chat_id,
                type=OUTBOX_UPDATED,
                object_id=item.id,
                data=encode({**outbox_data(item), "error": code}),
            )
        ]
    )


def find_own_reaction(*, message: Message, type_: str, part: int, added: bool, at: datetime) -> Reaction | None:
    """The same own tapback known by the other road: dispatch and echo name it differently, so it is matched by what
    it says and when.
    """
    return Reaction.objects.filter(
        message=message,
        type=type_,
        part=part,
        added=added,
        is_from_me=True,
        sent_at__range=(at - SAME_REACTION, at + SAME_REACTION),
    ).first()


def reaction_event(reaction: Reaction, *, message: Message, line_handle: str) -> NewEvent:
    """Public for the six types; an emoji tapback, which the contract does not know, is for pages only."""
    kind = REACTION_ADDED if reaction.added else REACTION_REMOVED
    return NewEvent(
        organization_id=message.organization_id,
        line_id=message.line_id,
        chat_id=message.chat_id,
        type=MESSAGE_UPDATED if reaction.type == "emoji" else kind,
        object_id=message.id if reaction.type == "emoji" else reaction.id,
        data=encode(reaction_data(reaction, message=message, line_handle=line_handle)),
    )


def _files_of(item: OutboxItem) -> list[File]:
    keys = [UUID(hex=key) for key in item.content.get("files", [])]
    found = File.objects.in_bulk(keys) if keys else {}
    return [found[key] for key in keys if key in found]


def _bind(item: OutboxItem, chat: Chat, guid: str, files: list[File]) -> UUID:
    """The echo was first: it keeps its row and gets the item's id and, if it has none, the item's files."""
    message = Message.objects.select_for_update().get(line_id=chat.line_id, guid=guid)
    if message.outbox_id is None:
        message.outbox_id = item.id
        message.save(update_fields=["outbox_id"])
        kept = list(message.attachments.order_by("position"))
        if files and not kept:
            rows = [attachment_of_file(file) for file in files]
            for position, row in enumerate(rows):
                row.message, row.position = message, position
            Attachment.objects.bulk_create(rows)
    return message.id
