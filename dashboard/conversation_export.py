"""A whole conversation as JSON or CSV, streamed: memory does not grow with its length."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from core.clock import to_ms, to_ms_or_none
from dashboard.csv_rows import write_rows
from messaging.models import Attachment, Chat, Message

FORMATS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
COLUMNS = ("id", "sent_at", "sender", "is_from_me", "text", "attachments", "service", "delivered_at", "read_at", "guid")
_BATCH = 500


def stream_export(chat: Chat, format_: str) -> Iterator[str]:
    """Text chunks of the export, oldest message first."""
    if format_ == "csv":
        yield from write_rows(COLUMNS, ([_cell(row[name]) for name in COLUMNS] for row in _rows(chat)))
        return
    head = {"id": chat.public_id, "line": chat.line.handle, "identifier": chat.identifier, "name": chat.name or None}
    yield json.dumps(head)[:-1] + ', "participants": ' + json.dumps(chat.participants) + ', "messages": ['
    for index, row in enumerate(_rows(chat)):
        yield (",\n" if index else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]}\n"


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _rows(chat: Chat) -> Iterator[dict[str, Any]]:
    messages = Message.objects.filter(chat=chat).order_by("sent_at", "id").iterator(chunk_size=_BATCH)
    while batch := list(islice(messages, _BATCH)):
        names: dict[Any, list[str]] = {}
        for attachment in Attachment.objects.filter(message__in=[m.id for m in batch]).order_by("position"):
            names.setdefault(attachment.message_id, []).append(attachment.filename or attachment.mime_type or "file")
        for message in batch:
            yield {
                "id": message.public_id,
                "sent_at": to_ms(message.sent_at),
                "sender": message.sender,
                "is_from_me": message.is_from_me,
                "text": message.text,
                "attachments": names.get(message.id, []),
                "service": message.service,
                "delivered_at": to_ms_or_none(message.delivered_at),
                "read_at": to_ms_or_none(message.read_at),
                "guid": message.guid,
            }
