"""The shapes that several endpoints share, as spec api §7 and §9 give them. Times are Unix milliseconds."""

from typing import Annotated, Any, Literal

import msgspec

From = Annotated[str, msgspec.Meta(min_length=1, description="The line: its phone number, Apple ID or `ln_…` id.")]
To = Annotated[str, msgspec.Meta(min_length=1, description="A phone number, an Apple ID or a chat id `cht_…`.")]
MessageRef = Annotated[str, msgspec.Meta(min_length=1, description="A message: `msg_…` or its iMessage GUID.")]
FileRef = Annotated[str, msgspec.Meta(min_length=1, description="A file id, `file_…`.")]
ReactionType = Literal["love", "like", "dislike", "laugh", "emphasize", "question"]
OutboxState = Literal["pending", "claimed", "sent", "failed"]
COMMON_LINE_ERRORS = ("line_not_found", "line_not_accessible", "sandbox_not_activated", "sandbox_requires_owner")
CHAT_ERRORS = (*COMMON_LINE_ERRORS, "sandbox_contact_mismatch", "chat_not_found")
PRESENCE_ERRORS = (*CHAT_ERRORS, "recipient_not_allowed", "advanced_features_required")
SEND_ERRORS = (
    *PRESENCE_ERRORS,
    "contact_has_not_messaged",
    "file_not_found",
    "message_not_found",
    "sandbox_quota_exceeded",
    "send_budget_exceeded",
)


class Queued(msgspec.Struct, frozen=True):
    """An accepted request. Follow it with `GET /v1/outbox`."""

    id: str
    status: OutboxState = "pending"


class FromTo(msgspec.Struct, frozen=True):
    """The chat to read."""

    from_: From = msgspec.field(name="from")
    to: To


class AttachmentOut(msgspec.Struct, frozen=True):
    """``url`` downloads without an API key and expires; it is null until the bytes have arrived."""

    filename: str | None
    mime_type: str | None
    size: int | None
    url: str | None
    transcription: str | None


class MessageOut(msgspec.Struct, frozen=True):
    """A message, ours or theirs. ``sender`` of own messages is the line's handle."""

    id: str
    line_id: str
    chat_id: str
    guid: str
    sender: str
    text: str | None
    attachments: list[AttachmentOut]
    service: str | None
    is_from_me: bool
    is_audio_message: bool | None
    sent_at: int
    synced_at: int
    outbox_id: str | None
    reply_to_guid: str | None


class ReactionOut(msgspec.Struct, frozen=True):
    """``added`` false is the record of a removal."""

    id: str
    message_id: str
    type: str
    sender: str
    is_from_me: bool
    added: bool
    sent_at: int
    synced_at: int


class ChatOut(msgspec.Struct, frozen=True):
    """``participants`` are the other people's handles."""

    id: str
    line_id: str
    identifier: str
    service: str
    name: str | None
    is_group: bool
    participants: list[str]
    has_received_inbound: bool
    last_message_at: int | None


class TypingOut(msgspec.Struct, frozen=True):
    id: str
    chat_id: str
    handle: str
    is_typing: bool
    updated_at: int


class ReceiptOut(msgspec.Struct, frozen=True):
    id: str
    chat_id: str
    handle: str
    last_read_at: int
    synced_at: int


class OutboxItemOut(msgspec.Struct, frozen=True):
    """``payload`` is the original request. ``error`` says why it failed.

    A pending item that a strict line keeps back has ``held_reason``, the limit it waits for, and ``resumes_at``.
    """

    id: str
    line_id: str
    status: OutboxState
    payload: dict[str, Any]
    attempts: int
    max_attempts: int
    created_at: int
    completed_at: int | None
    error: str | None
    held_reason: str | None
    resumes_at: int | None


class FileOut(msgspec.Struct, frozen=True):
    id: str
    url: str | None
    filename: str | None
    mime_type: str
    size: int


class LineOut(msgspec.Struct, frozen=True):
    id: str
    handle: str
    label: str | None
    service: Literal["imessage", "sms", "auto"]
    is_active: bool
