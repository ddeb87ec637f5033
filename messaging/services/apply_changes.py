"""Applying what happens to messages that are there: deliveries, edits, transcripts, tapbacks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from core.clock import now, to_ms
from core.handles import normalise_with_region
from core.ids import public_id, uuid7
from events.services import NewEvent
from events.types import MESSAGE_UPDATED
from lines.services.sandbox import get_pairing
from messaging.inbound import (
    MalformedEvent,
    error_code,
    parse_attachment,
    parse_update,
    required_guid,
    strip_part,
    time_of_body,
)
from messaging.models import Attachment, File, Message, Reaction
from messaging.payloads import encode
from messaging.services.apply import PARENT_WAIT, Arrival, Batch, Wait
from messaging.services.messages import get_whole
from messaging.services.rollups import count_failure
from messaging.services.sent import find_own_reaction, reaction_event

REACTIONS = ("love", "like", "dislike", "laugh", "emphasize", "question")


def apply_update(batch: Batch, arrival: Arrival) -> str:
    guid, changes = parse_update(arrival.body)
    message = _parent(arrival, guid, lock=True)
    is_changed = False
    for field, value in changes.items():
        is_changed = _change(message, field, value, arrival) or is_changed
    if not is_changed:
        return "duplicate"
    message.save(
        update_fields=[
            "text",
            "service",
            "delivered_at",
            "read_at",
            "edited_at",
            "unsent_at",
            "failed_at",
            "error",
            "history",
        ]
    )
    batch.events.append(
        NewEvent(
            organization_id=message.organization_id,
            line_id=message.line_id,
            chat_id=message.chat_id,
            type=MESSAGE_UPDATED,
            object_id=message.id,
            data=encode({"id": public_id("msg", message.id), "fields": sorted(changes)}),
        )
    )
    return "applied"


def _parent(arrival: Arrival, guid: str, *, lock: bool = False) -> Message:
    """The message of this line; not there yet = wait. On the sandbox only while its phone is still paired to it."""
    rows = Message.objects.select_related("chat").filter(line_id=arrival.line.id)
    if lock:
        rows = rows.select_for_update(of=("self",))
    message = rows.filter(guid=guid).first()
    if message is None and (whole := get_whole(line_id=arrival.line.id, guid=guid)) != guid:
        message = rows.filter(guid=whole).first()
    if message is not None and arrival.line.is_sandbox:
        pairing = get_pairing(line=arrival.line, contact=message.chat.identifier)
        if pairing is None or pairing.organization_id != message.organization_id:
            message = None
    if message is None:
        raise Wait("its message is unknown", arrival.parent_wait(), "ignored")
    return message


def _change(message: Message, field: str, value: Any, arrival: Arrival) -> bool:
    """Each field moves one way only, so replay and other orders end in the same state."""
    if field in ("delivered_at", "read_at"):
        at = time_of_body(value) or arrival.occurred_at
        known = getattr(message, field)
        if known is not None and known <= at:
            return False
        setattr(message, field, at)
        return True
    if field == "edited":
        return _edit(message, value if isinstance(value, dict) else {"text": value}, arrival.occurred_at)
    if field == "unsent":
        return _unsend(message, value if isinstance(value, dict) else {}, arrival.occurred_at)
    if field == "transcription":
        value = value if isinstance(value, dict) else {"text": value}
        rows = message.attachments.filter(position=int(value.get("position") or 0))
        text = str(value.get("text") or "")
        return bool(text) and bool(rows.exclude(transcription=text).update(transcription=text) or _fill(rows, text))
    if field == "media_ready":
        return _fill_media(message, value if isinstance(value, dict) else {})
    if field == "service":
        is_new = isinstance(value, str) and message.service != value[:20]
        message.service = str(value)[:20] if is_new else message.service
        return is_new
    if not value or message.failed_at is not None:
        return False
    message.failed_at, message.error = arrival.occurred_at, error_code(value)
    if message.is_from_me:
        count_failure(chat_id=message.chat_id)
    return True


def _fill(rows: Any, text: str) -> bool:
    return bool(rows.filter(transcription=None).update(transcription=text))


def _edit(message: Message, value: dict[str, Any], occurred_at: datetime) -> bool:
    """The newest edit is shown, earlier texts are history, in whatever order edits arrive."""
    text, at = value.get("text"), time_of_body(value.get("at")) or occurred_at
    if not isinstance(text, str) or message.unsent_at is not None:
        return False
    if message.edited_at is not None and at <= message.edited_at:
        entry = {"text": text, "at": to_ms(at)}
        if at == message.edited_at or entry in message.history:
            return False
        message.history = sorted([*message.history, entry], key=lambda version: version["at"])
        return True
    since = message.edited_at or message.sent_at
    message.history = [*message.history, {"text": message.text, "at": to_ms(since)}]
    message.text, message.edited_at = text, at
    return True


def _unsend(message: Message, value: dict[str, Any], occurred_at: datetime) -> bool:
    """Wholly unsent: a tombstone without text. Partly: what is left stays, as an edit."""
    at = time_of_body(value.get("at")) or occurred_at
    left = value.get("text")
    if isinstance(left, str) and left:
        return _edit(message, {"text": left, "at": to_ms(at)}, occurred_at)
    if message.unsent_at is not None:
        return False
    message.unsent_at, message.text, message.history = at, None, []
    message.attachments.all().delete()
    return True


def _fill_media(message: Message, value: dict[str, Any]) -> bool:
    """The bytes were fetched by ``media.fetch_announced_media`` before; without them there is nothing to do."""
    found = parse_attachment(value)
    rows = message.attachments.filter(state=Attachment.State.PENDING)
    row = rows.filter(guid=found.ref).first() if found.ref else None
    row = row or rows.filter(position=found.position).first()
    if row is None:
        return False
    if found.file_id is None:
        raise Wait("media not here yet", PARENT_WAIT, "ignored")
    file = File.objects.filter(organization_id=message.organization_id, id=UUID(hex=found.file_id)).first()
    if file is None:
        return False
    row.file, row.state, row.size = file, Attachment.State.READY, file.size
    row.filename = row.filename or found.filename
    row.mime_type = row.mime_type or found.mime_type or file.mime_type
    row.save()
    return True


def apply_reaction(batch: Batch, arrival: Arrival) -> str:
    body, line = arrival.body, arrival.line
    type_ = {"emphasis": "emphasize"}.get(str(body.get("type")), str(body.get("type")))
    if type_ not in (*REACTIONS, "emoji"):
        raise MalformedEvent("no known reaction type")
    message = _parent(arrival, strip_part(required_guid(body, "target_guid")))
    is_from_me, added = bool(body.get("is_from_me")), bool(body.get("added", True))
    sent_at = time_of_body(body.get("sent_at")) or arrival.occurred_at
    part = int(body.get("part") or 0)
    if Reaction.objects.filter(event_key=arrival.row.event_id).exists():
        return "duplicate"
    if is_from_me and find_own_reaction(message=message, type_=type_, part=part, added=added, at=sent_at):
        return "duplicate"
    sender = line.handle if is_from_me else normalise_with_region(str(body.get("sender") or ""), line.region)
    if not sender:
        raise MalformedEvent("a reaction without a sender")
    reaction = Reaction.objects.create(
        id=uuid7(),
        message=message,
        event_key=arrival.row.event_id,
        type=type_,
        emoji=str(body.get("emoji") or "")[:32] if type_ == "emoji" else "",
        part=part,
        sender=sender[:120],
        is_from_me=is_from_me,
        added=added,
        sent_at=sent_at,
        synced_at=now(),
    )
    if arrival.phase != "backfill":
        batch.events.append(reaction_event(reaction, message=message, line_handle=line.handle))
    return "applied"
