"""What a chat shows in lists, moved with each message and in its transaction."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from core.clock import now
from lines.limit_math import is_reach_out
from lines.services.counting import count_failed, count_inbound, count_outbound

_MOVE = """
UPDATE messaging_chat AS c SET
    is_started_by_contact = CASE WHEN old.last_message_at IS NULL THEN NOT %(me)s ELSE old.is_started_by_contact END,
    last_text = CASE WHEN coalesce(old.last_message_at, '-infinity') <= %(at)s THEN %(text)s ELSE old.last_text END,
    last_message_id = CASE WHEN coalesce(old.last_message_at, '-infinity') <= %(at)s THEN %(id)s
        ELSE old.last_message_id END,
    last_message_at = greatest(old.last_message_at, %(at)s),
    has_received_inbound = old.has_received_inbound OR NOT %(me)s,
    first_inbound_at = CASE WHEN %(me)s THEN old.first_inbound_at ELSE least(old.first_inbound_at, %(at)s) END,
    last_inbound_at = CASE WHEN %(me)s THEN old.last_inbound_at ELSE greatest(old.last_inbound_at, %(at)s) END,
    last_outbound_at = CASE WHEN %(me)s THEN greatest(old.last_outbound_at, %(at)s) ELSE old.last_outbound_at END,
    unanswered = CASE WHEN %(old)s THEN old.unanswered WHEN %(me)s THEN old.unanswered + 1 ELSE 0 END,
    unread = CASE WHEN %(old)s THEN old.unread WHEN %(me)s THEN 0 ELSE old.unread + 1 END,
    has_audio = old.has_audio OR %(audio)s,
    service = coalesce(%(service)s, old.service)
FROM (SELECT * FROM messaging_chat WHERE id = %(chat)s FOR UPDATE) AS old
WHERE c.id = old.id
RETURNING c.line_id, old.first_inbound_at, old.last_inbound_at, c.is_started_by_contact
"""


def move_chat(
    *,
    chat_id: UUID,
    message_id: UUID,
    sent_at: datetime,
    is_from_me: bool,
    sender: str,
    text: str,
    is_audio: bool,
    service: str | None,
    is_backfill: bool = False,
) -> None:
    """Counts one new message, on its chat and on its line: two statements. Backfilled history changes what was last
    said, never what is unread nor what a line did.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            {
                "chat": chat_id,
                "id": message_id,
                "at": sent_at,
                "me": is_from_me,
                "text": text,
                "audio": is_audio,
                "service": service,
                "old": is_backfill,
            },
        )
        line_id, first_inbound_at, last_inbound_at, is_theirs = cursor.fetchone()
    if is_backfill:
        return
    if is_from_me:
        is_late = is_reach_out(last_inbound_at=last_inbound_at, at=sent_at)
        count_outbound(line_id=line_id, at=sent_at, is_reach_out=is_late)
    else:
        count_inbound(
            line_id=line_id,
            contact=sender,
            at=sent_at,
            is_new_contact=first_inbound_at is None,
            starts_conversation=is_theirs,
        )


def count_failure(*, chat_id: UUID) -> None:
    """A send that will not arrive, on its chat and on its line."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_chat SET failed = failed + 1 WHERE id = %s RETURNING line_id", [chat_id])
        row = cursor.fetchone()
    if row is not None:
        count_failed(line_id=row[0], at=now())


def clear_unread(*, chat_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_chat SET unread = 0, failed = 0 WHERE id = %s", [chat_id])
