"""What the API and the webhooks show of messaging's rows, field by field: spec api §7, §9 and webhooks §4, §5.

Everything is a plain dict, ready for msgspec. ``…_data`` is a webhook's ``data``, ``…_item`` an element of a list.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from core.clock import to_ms, to_ms_or_none
from core.ids import CHAT, LINE, MESSAGE, OUTBOX, public_id
from messaging.file_links import sign_file_url
from messaging.models import Attachment, Chat, File, Message, OutboxItem, Reaction, ReadReceipt, TypingIndicator

if TYPE_CHECKING:
    from messaging.page_rows import ChatRow, MessageRow

Payload = dict[str, Any]
_encoder = msgspec.json.Encoder()
PLACEHOLDER = "\ufffc"  # the platform's mark for "an attachment stands here"


def encode(data: Payload) -> str:
    """JSON text, for the event log."""
    return _encoder.encode(data).decode()


def visible_text(text: str | None) -> str | None:
    """Text without attachment marks; None when nothing is left."""
    if text is None:
        return None
    if PLACEHOLDER in text:
        text = text.replace(PLACEHOLDER, "").strip()
    return text or None


def attachment_data(attachment: Attachment) -> Payload:
    """``url`` is null until the bytes have arrived. Needs ``attachment.file`` loaded."""
    file = attachment.file
    return {
        "filename": attachment.filename or (file.filename if file else None) or None,
        "mime_type": attachment.mime_type or (file.mime_type if file else None) or None,
        "size": file.size if file else attachment.size,
        "url": sign_file_url(file.id) if file else None,
        "transcription": attachment.transcription,
    }


def message_data(message: Message, *, line_handle: str, attachments: Iterable[Attachment] = ()) -> Payload:
    """``data`` of ``message.received`` and ``message.sent``; the latter also has ``outbox_id``."""
    data: Payload = {
        "id": public_id(MESSAGE, message.id),
        "line_id": public_id(LINE, message.line_id),
        "line_handle": line_handle,
        "chat_id": public_id(CHAT, message.chat_id),
        "guid": message.guid,
        "sender": message.sender,
        "text": visible_text(message.text),
        "attachments": [attachment_data(a) for a in attachments],
        "service": message.service,
        "is_from_me": message.is_from_me,
        "is_audio_message": message.is_audio_message,
        "sent_at": to_ms(message.sent_at),
        "synced_at": to_ms(message.synced_at),
        "reply_to_guid": message.reply_to_guid,
    }
    if message.is_from_me:
        data["outbox_id"] = _id_or_none(OUTBOX, message.outbox_id)
    return data


def message_item(message: "Message | MessageRow", *, attachments: Iterable[Attachment] = ()) -> Payload:
    """An element of ``GET /v1/messages``."""
    return {
        "id": public_id(MESSAGE, message.id),
        "line_id": public_id(LINE, message.line_id),
        "chat_id": public_id(CHAT, message.chat_id),
        "guid": message.guid,
        "sender": message.sender,
        "text": visible_text(message.text),
        "attachments": [attachment_data(a) for a in attachments],
        "service": message.service,
        "is_from_me": message.is_from_me,
        "is_audio_message": message.is_audio_message,
        "sent_at": to_ms(message.sent_at),
        "synced_at": to_ms(message.synced_at),
        "outbox_id": _id_or_none(OUTBOX, message.outbox_id),
        "reply_to_guid": message.reply_to_guid,
    }


def reaction_data(reaction: Reaction, *, message: Message, line_handle: str) -> Payload:
    """``data`` of ``reaction.added`` and ``reaction.removed``."""
    return {
        "id": reaction.public_id,
        "message_id": public_id(MESSAGE, reaction.message_id),
        "line_id": public_id(LINE, message.line_id),
        "chat_id": public_id(CHAT, message.chat_id),
        "line_handle": line_handle,
        "type": reaction.type,
        "sender": reaction.sender,
        "is_from_me": reaction.is_from_me,
        "added": reaction.added,
        "sent_at": to_ms(reaction.sent_at),
        "synced_at": to_ms(reaction.synced_at),
    }


def reaction_item(reaction: Reaction) -> Payload:
    return {
        "id": reaction.public_id,
        "message_id": public_id(MESSAGE, reaction.message_id),
        "type": reaction.type,
        "sender": reaction.sender,
        "is_from_me": reaction.is_from_me,
        "added": reaction.added,
        "sent_at": to_ms(reaction.sent_at),
        "synced_at": to_ms(reaction.synced_at),
    }


def chat_item(chat: "Chat | ChatRow") -> Payload:
    return {
        "id": chat.public_id,
        "line_id": public_id(LINE, chat.line_id),
        "identifier": chat.identifier,
        "service": chat.service,
        "name": chat.name or None,
        "is_group": chat.is_group,
        "participants": list(chat.participants),
        "has_received_inbound": chat.has_received_inbound,
        "last_message_at": to_ms_or_none(chat.last_message_at),
    }


def typing_item(indicator: TypingIndicator) -> Payload:
    return {
        "id": indicator.public_id,
        "chat_id": public_id(CHAT, indicator.chat_id),
        "handle": indicator.handle,
        "is_typing": indicator.is_typing,
        "updated_at": to_ms(indicator.updated_at),
    }


def receipt_item(receipt: ReadReceipt) -> Payload:
    return {
        "id": receipt.public_id,
        "chat_id": public_id(CHAT, receipt.chat_id),
        "handle": receipt.handle,
        "last_read_at": to_ms(receipt.last_read_at),
        "synced_at": to_ms(receipt.synced_at),
    }


def outbox_data(item: OutboxItem) -> Payload:
    """``GET /v1/outbox`` without ``request_id``."""
    return {
        "id": item.public_id,
        "line_id": public_id(LINE, item.line_id),
        "status": str(item.status),
        "payload": item.payload,
        "attempts": item.attempts,
        "max_attempts": item.max_attempts,
        "created_at": to_ms(item.created_at),
        "completed_at": to_ms_or_none(item.completed_at),
        "error": item.error or None,
        "held_reason": item.held_reason or None,
        "resumes_at": to_ms_or_none(item.resumes_at),
    }


def file_data(file: File) -> Payload:
    """``POST /v1/files`` without ``request_id``."""
    return {
        "id": file.public_id,
        "url": sign_file_url(file.id),
        "filename": file.filename or None,
        "mime_type": file.mime_type,
        "size": file.size,
    }


def last_text(text: str | None, attachments: Sequence[Attachment], *, is_audio: bool) -> str:
    """One line for lists of conversations: the text, else what kind of thing it was."""
    shown = visible_text(text)
    if shown:
        return " ".join(shown.split())[:160]
    if is_audio:
        return "Voice message"
    return (attachments[0].filename or "Attachment")[:160] if attachments else ""


def _id_or_none(prefix: str, key: UUID | None) -> str | None:
    return None if key is None else public_id(prefix, key)
