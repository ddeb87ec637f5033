"""Pages of messages and chats for the API, as steps (``core.steps``): only the columns that are shown, no ORM.

The number of rows stands in the text of the statement: PostgreSQL must know it to plan for the first few of a million.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from core.ids import CHAT, public_id
from core.steps import IN_THREAD, Statement, Steps
from messaging.models import Attachment
from messaging.selectors import Page, attachments_of, bad_cursor, cut_page, decode_place

_MESSAGES = """
SELECT m.id, m.line_id, m.chat_id, m.guid, m.sender, m.text, m.service, m.is_from_me, m.is_audio_message, m.sent_at,
    m.synced_at, m.outbox_id, m.reply_to_guid,
    EXISTS (SELECT 1 FROM messaging_attachment a WHERE a.message_id = m.id)
FROM messaging_message m WHERE m.chat_id = %(chat)s::uuid {after}
ORDER BY m.sent_at DESC, m.id DESC LIMIT {count}
"""
_CHATS = """
SELECT c.id, c.line_id, c.identifier, c.service, c.name, c.is_group, c.participants, c.has_received_inbound,
    c.last_message_at
FROM messaging_chat c WHERE c.line_id = %(line)s::uuid AND c.organization_id = %(org)s::uuid
    AND c.last_message_at IS NOT NULL {after}
ORDER BY c.last_message_at DESC, c.id DESC LIMIT {count}
"""
_AFTER = "AND {at} <= %(moment)s::timestamptz AND ({at} < %(moment)s::timestamptz OR {id} < %(id)s::uuid)"


class MessageRow(msgspec.Struct, frozen=True):
    """A message as far as a list shows it; names as in ``Message``."""

    id: UUID
    line_id: UUID
    chat_id: UUID
    guid: str
    sender: str
    text: str | None
    service: str | None
    is_from_me: bool
    is_audio_message: bool
    sent_at: datetime
    synced_at: datetime
    outbox_id: UUID | None
    reply_to_guid: str | None
    has_attachments: bool


class ChatRow(msgspec.Struct, frozen=True):
    """A chat as far as a list shows it; names as in ``Chat``."""

    id: UUID
    line_id: UUID
    identifier: str
    service: str
    name: str
    is_group: bool
    participants: list[str]
    has_received_inbound: bool
    last_message_at: datetime | None

    @property
    def public_id(self) -> str:
        return public_id(CHAT, self.id)


def list_messages_steps(
    *, chat_id: UUID, limit: int, cursor: str | None
) -> Steps[Page[tuple[MessageRow, list[Attachment]]]]:
    """Newest first, each with its attachments in order. One statement, and one more where there are attachments."""
    values: dict[str, Any] = {"chat": chat_id}
    after = ""
    if cursor is not None:
        moment, key = decode_place(cursor)
        if moment is None:
            raise bad_cursor()
        after = _AFTER.format(at="m.sent_at", id="m.id")
        values |= {"moment": moment, "id": key}
    found = yield Statement(_MESSAGES.format(after=after, count=int(limit) + 1), values, is_many=True)
    page = cut_page([MessageRow(*row) for row in found], limit, lambda row: (row.sent_at, row.id))
    attachments: defaultdict[UUID, list[Attachment]] = defaultdict(list)
    laden = [row for row in page.items if row.has_attachments]
    if laden:
        yield IN_THREAD
        attachments = attachments_of(laden)
    return Page([(row, attachments[row.id]) for row in page.items], page.next_cursor)


def list_spoken_chats_steps(
    *, organization_id: UUID, line_id: UUID, limit: int, cursor: str | None
) -> Steps[Page[ChatRow] | None]:
    """Newest activity first. None where the page would reach chats in which nothing was ever said: ``list_chats``."""
    values: dict[str, Any] = {"line": line_id, "org": organization_id}
    after = ""
    if cursor is not None:
        moment, key = decode_place(cursor)
        if moment is None:
            return None
        after = _AFTER.format(at="c.last_message_at", id="c.id")
        values |= {"moment": moment, "id": key}
    found = yield Statement(_CHATS.format(after=after, count=int(limit) + 1), values, is_many=True)
    if len(found) <= limit:
        return None
    return cut_page([ChatRow(*row) for row in found], limit, lambda row: (row.last_message_at, row.id))
