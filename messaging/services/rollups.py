"""What a chat shows in lists, moved with each message and in its transaction."""

from datetime import datetime
from uuid import UUID

from django.db import connection

_MOVE = """
UPDATE messaging_chat SET
    is_started_by_contact = CASE WHEN last_message_at IS NULL THEN NOT %(me)s ELSE is_started_by_contact END,
    last_text = CASE WHEN coalesce(last_message_at, '-infinity') <= %(at)s THEN %(text)s ELSE last_text END,
    last_message_id = CASE WHEN coalesce(last_message_at, '-infinity') <= %(at)s THEN %(id)s ELSE last_message_id END,
    last_message_at = greatest(last_message_at, %(at)s),
    has_received_inbound = has_received_inbound OR NOT %(me)s,
    first_inbound_at = CASE WHEN %(me)s THEN first_inbound_at ELSE least(first_inbound_at, %(at)s) END,
    last_inbound_at = CASE WHEN %(me)s THEN last_inbound_at ELSE greatest(last_inbound_at, %(at)s) END,
    last_outbound_at = CASE WHEN %(me)s THEN greatest(last_outbound_at, %(at)s) ELSE last_outbound_at END,
    unanswered = CASE WHEN %(old)s THEN unanswered WHEN %(me)s THEN unanswered + 1 ELSE 0 END,
    unread = CASE WHEN %(old)s THEN unread WHEN %(me)s THEN 0 ELSE unread + 1 END,
    has_audio = has_audio OR %(audio)s,
    service = coalesce(%(service)s, service)
WHERE id = %(chat)s
"""


def move_chat(
    *,
    chat_id: UUID,
    message_id: UUID,
    sent_at: datetime,
    is_from_me: bool,
    text: str,
    is_audio: bool,
    service: str | None,
    is_backfill: bool = False,
) -> None:
    """Counts one new message. Backfilled history changes what was last said, never what is unread."""
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


def count_failure(*, chat_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_chat SET failed = failed + 1 WHERE id = %s", [chat_id])


def clear_unread(*, chat_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_chat SET unread = 0, failed = 0 WHERE id = %s", [chat_id])
