"""Fetching the bytes of announced attachments, before their message is applied and outside its transaction."""

import logging
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.clock import now
from core.errors import AppError
from lines.models import Line
from messaging.inbound import parse_chat_body
from messaging.models import InboundEvent, Message
from messaging.services.apply import owner_of
from messaging.services.files import store_file
from transports.base import LineRef
from transports.registry import get_transport

logger = logging.getLogger(__name__)
MAX_FETCHES = 20


def fetch_announced_media(*, limit: int) -> int:
    """Fetches for due events that carry a ready attachment without a file; returns how many files came.

    A fetch that fails is tried again when the event is looked at again: ``apply`` decides how long it waits.
    """
    due = InboundEvent.objects.filter(applied_at=None).filter(Q(not_before=None) | Q(not_before__lte=now()))
    with_media = Q(kind="message.upsert", envelope__body__attachments__0__isnull=False) | Q(
        kind="message.update", envelope__body__field="media_ready"
    )
    rows = list(due.filter(with_media).order_by("id")[:MAX_FETCHES])
    lines = Line.objects.in_bulk({row.line_id for row in rows})
    return sum(_fetch_row(row, lines[row.line_id]) for row in rows if row.line_id in lines)


def _fetch_row(row: InboundEvent, line: Line) -> int:
    body = row.envelope.get("body") or {}
    attachments = body.get("attachments") if row.kind == "message.upsert" else [body.get("value")]
    waiting = [a for a in attachments or () if isinstance(a, dict) and not a.get("file_id") and a.get("is_ready", True)]
    owner = _owner(row, line, body) if waiting else None
    if owner is None:
        return 0
    count = 0
    for attachment in waiting:
        file_id = _fetch(line, owner, attachment)
        if file_id is not None:
            attachment["file_id"] = file_id
            count += 1
    if count:
        InboundEvent.objects.filter(id=row.id, applied_at=None).update(envelope=row.envelope)
    return count


def _owner(row: InboundEvent, line: Line, body: dict[str, Any]) -> UUID | None:
    """Nobody's files are not fetched: what an unpaired phone sends to the sandbox is kept for nobody."""
    if not line.is_sandbox:
        return line.organization_id
    if row.kind == "message.update":
        found = Message.objects.filter(line_id=line.id, guid=str(body.get("guid"))).first()
        return found.organization_id if found else None
    chat = parse_chat_body(body, region=line.region)
    return owner_of(line, chat) if chat else None


def _fetch(line: Line, owner: UUID, attachment: dict[str, Any]) -> str | None:
    ref = str(attachment.get("ref") or attachment.get("guid") or "")
    place = LineRef(id=line.id, handle=line.handle, service=line.service, region=line.region)
    try:
        file = store_file(
            organization_id=owner,
            chunks=get_transport(line.transport).open_media(place, ref),
            filename=attachment.get("filename"),
            mime_type=attachment.get("mime_type"),
        )
    except (AppError, OSError, LookupError) as error:
        logger.warning("attachment %s of line %s not fetched: %s", ref[:40], line.handle, error)
        return None
    return file.id.hex
