"""Applying one inbound event: who it belongs to, and what it changes. Runs inside ``receive``'s transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.clock import from_ms, now, to_ms
from core.handles import normalise_with_region
from core.ids import uuid7_floor
from events.services import NewEvent
from events.types import CHAT_CHANGED, LINE_CHANGED, RECEIPT_CHANGED, TYPING_CHANGED
from lines.models import HealthState, Line
from lines.services.sandbox import get_pairing, redeem_code
from messaging.inbound import (
    ChatBody,
    MalformedEvent,
    MessageBody,
    parse_chat_body,
    parse_message_body,
    time_of_body,
)
from messaging.models import Attachment, Chat, File, InboundEvent, Message, OutboxItem, ReadReceipt, TypingIndicator
from messaging.payloads import encode, receipt_item, typing_item
from messaging.services.chats import find_chat, open_chat, open_direct_chat, update_chat
from messaging.services.holds import release_answered
from messaging.services.messages import NewMessage, get_whole, write_message
from messaging.services.rollups import clear_unread

WAIT_STEP = timedelta(seconds=1)
CHAT_WAIT = timedelta(seconds=30)
PARENT_WAIT = timedelta(seconds=60)
FETCH_WAIT = timedelta(seconds=10)  # for a message that had to be asked for
MEDIA_WAIT = timedelta(seconds=20)
BINDING_WAIT = timedelta(seconds=5)
TYPING_DEBOUNCE = timedelta(seconds=1)


class Wait(Exception):
    """The event needs something that may still come. After ``limit`` it ends with ``outcome``."""

    def __init__(self, reason: str, limit: timedelta, outcome: str = "quarantined") -> None:
        super().__init__(reason)
        self.reason, self.limit, self.outcome = reason, limit, outcome


@dataclass(slots=True)
class Batch:
    """What the events of one transaction share. ``events`` are appended to the log at its end."""

    lines: Mapping[UUID, Line]
    events: list[NewEvent] = field(default_factory=list)
    has_new: bool = False
    has_sound: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event with its line, unpacked."""

    row: InboundEvent
    line: Line
    body: Mapping[str, Any]
    occurred_at: datetime
    phase: str

    def parent_wait(self) -> timedelta:
        """How long it waits for its message: until that was asked for, and if it was found a little longer."""
        asked_at = self.row.envelope.get("fetched_at")
        if asked_at is None:
            return PARENT_WAIT + timedelta(hours=1)
        return from_ms(asked_at) - self.row.received_at + FETCH_WAIT

    def has_waited(self, limit: timedelta) -> bool:
        return now() >= self.row.received_at + limit


def owner_of(line: Line, chat: ChatBody) -> UUID | None:
    """Whose event it is: the line's organization, on the sandbox line that of the paired phone, or nobody."""
    if not line.is_sandbox:
        return line.organization_id
    if chat.is_group or chat.identifier is None:
        return None
    pairing = get_pairing(line=line, contact=chat.identifier)
    return pairing.organization_id if pairing else None


def apply_message(batch: Batch, arrival: Arrival) -> str:
    line = arrival.line
    body = parse_message_body(
        arrival.body, region=line.region, line_handle=line.handle, occurred_at=arrival.occurred_at
    )
    if Message.objects.filter(line_id=line.id, guid=body.guid).exists():
        return "duplicate"
    chat = _chat_for(batch, arrival, body)
    if isinstance(chat, str):
        return chat
    hold_for_media(arrival, body)
    outbox_id = _bind_outbox(arrival, chat, body) if body.is_from_me else None
    if outbox_id is not None and get_whole(line_id=line.id, guid=body.guid) != body.guid:
        return "duplicate"  # a later part of a send that is one message here
    new = NewMessage(
        chat=chat,
        guid=body.guid,
        sender=body.sender,
        text=body.text,
        is_from_me=body.is_from_me,
        sent_at=body.sent_at,
        service=body.service,
        is_audio_message=body.is_audio_message,
        outbox_id=outbox_id,
        reply_to_guid=body.reply_to_guid,
        phase=arrival.phase,
        delivered_at=body.delivered_at,
        read_at=body.read_at,
        error=body.error,
        attachments=_attachments_of(body, chat),
    )
    written = write_message(new, line_handle=line.handle)
    if written is None:
        return "duplicate"
    if line.is_strict and not body.is_from_me and arrival.phase != "backfill":
        release_answered(chat_id=chat.id)
    batch.events.append(written[1])
    batch.has_new = True
    batch.has_sound = batch.has_sound or body.is_audio_message
    return "applied"


def _chat_for(batch: Batch, arrival: Arrival, body: MessageBody) -> Chat | str:
    """The chat, or the outcome that ends the event here. Unknown chats wait; they are never guessed."""
    if body.chat is None:
        raise Wait("no chat", CHAT_WAIT)
    line = arrival.line
    may_redeem = line.is_sandbox and not body.is_from_me and not body.chat.is_group and arrival.phase != "backfill"
    if may_redeem and (pairing := redeem_code(line=line, sender=body.sender, text=body.text)):
        # The activation text is consumed: neither listed nor announced (spec sandbox §2)
        open_direct_chat(organization_id=pairing.organization_id, line_id=line.id, handle=body.sender, has_written=True)
        batch.has_new = True
        return "activation"
    owner = owner_of(line, body.chat)
    if owner is None:
        return "ignored"
    chat = open_chat(organization_id=owner, line_id=line.id, body=body.chat)
    if chat is None:
        raise Wait("unknown chat", CHAT_WAIT)
    return chat


def hold_for_media(arrival: Arrival, body: MessageBody) -> None:
    """A message that is nothing but a file waits for it a while; one with text goes at once (spec transports §9)."""
    has_text = bool(body.text and body.text.replace("\ufffc", "").strip())
    is_waiting = any(a.file_id is None for a in body.attachments)
    if is_waiting and not has_text and arrival.phase != "backfill" and not arrival.has_waited(MEDIA_WAIT):
        raise Wait("media not here yet", MEDIA_WAIT + timedelta(minutes=10))


def _bind_outbox(arrival: Arrival, chat: Chat, body: MessageBody) -> UUID | None:
    """The item an own message came from, by guid alone. While one is on its way, dispatch gets to name it first."""
    recent = OutboxItem.objects.filter(chat_id=chat.id, id__gte=uuid7_floor(body.sent_at - timedelta(hours=25)))
    named = Q(guid=body.guid) | Q(part_guids__contains=[body.guid])
    bound = recent.filter(named).values_list("id", flat=True).first()
    if bound is None and not arrival.has_waited(BINDING_WAIT):
        underway = recent.filter(status="claimed", operation__in=["send", "audio"], started_at__isnull=False)
        if underway.exists():
            raise Wait("a send of this chat is under way", BINDING_WAIT + timedelta(minutes=1))
    return bound


def _attachments_of(body: MessageBody, chat: Chat) -> list[Attachment]:
    keys = [UUID(hex=a.file_id) for a in body.attachments if a.file_id]
    files = File.objects.filter(organization_id=chat.organization_id).in_bulk(keys) if keys else {}
    rows = []
    for a in body.attachments:
        file = files.get(UUID(hex=a.file_id)) if a.file_id else None
        rows.append(
            Attachment(
                guid=a.ref,
                file=file,
                filename=a.filename,
                mime_type=a.mime_type or (file.mime_type if file else None),
                size=file.size if file else a.size,
                transcription=a.transcription,
                state=Attachment.State.READY if file else Attachment.State.PENDING,
            )
        )
    return rows


def _known_chat(arrival: Arrival, *, wait: timedelta | None = CHAT_WAIT) -> Chat | None:
    """The chat of a presence event; None when it is nobody's."""
    body = parse_chat_body(arrival.body, region=arrival.line.region)
    if body is None:
        raise MalformedEvent("no chat")
    owner = owner_of(arrival.line, body)
    if owner is None:
        return None
    chat = find_chat(organization_id=owner, line_id=arrival.line.id, body=body)
    if chat is None and wait is not None:
        raise Wait("unknown chat", wait, "ignored")
    return chat


def _handle_of(arrival: Arrival, chat: Chat) -> str:
    handle = arrival.body.get("handle") or arrival.body.get("sender")
    return normalise_with_region(str(handle), arrival.line.region)[:120] if handle else chat.identifier[:120]


def apply_typing(batch: Batch, arrival: Arrival) -> str:
    chat = _known_chat(arrival, wait=None)
    if chat is None:
        return "ignored"
    is_typing = bool(arrival.body.get("is_typing", arrival.body.get("is_on", True)))
    handle = _handle_of(arrival, chat)
    known = TypingIndicator.objects.filter(chat=chat, handle=handle).first()
    if known is not None:
        is_same = known.is_typing == is_typing and arrival.occurred_at - known.updated_at < TYPING_DEBOUNCE
        if is_same or arrival.occurred_at < known.updated_at:
            return "duplicate"
    row, _ = TypingIndicator.objects.update_or_create(
        chat=chat, handle=handle, defaults={"is_typing": is_typing, "updated_at": arrival.occurred_at}
    )
    batch.events.append(_chat_event(chat, TYPING_CHANGED, encode(typing_item(row)), row.id))
    return "applied"


def apply_read(batch: Batch, arrival: Arrival) -> str:
    chat = _known_chat(arrival)
    if chat is None:
        return "ignored"
    if arrival.body.get("is_from_me"):  # read on another device of ours
        clear_unread(chat_id=chat.id)
        batch.events.append(_chat_event(chat, CHAT_CHANGED, "{}", chat.id))
        return "applied"
    read_at = time_of_body(arrival.body.get("read_at") or arrival.body.get("last_read_at")) or arrival.occurred_at
    handle = _handle_of(arrival, chat)
    known = ReadReceipt.objects.filter(chat=chat, handle=handle).first()
    if known is not None and known.last_read_at >= read_at:
        return "duplicate"
    row, _ = ReadReceipt.objects.update_or_create(
        chat=chat, handle=handle, defaults={"last_read_at": read_at, "synced_at": now()}
    )
    batch.events.append(_chat_event(chat, RECEIPT_CHANGED, encode(receipt_item(row)), row.id))
    return "applied"


def apply_chat(batch: Batch, arrival: Arrival) -> str:
    """Both a chat that shows itself and one that changes."""
    merged = dict(arrival.body)
    named = merged.get("chat")
    if isinstance(named, Mapping):
        extra = {name: merged[name] for name in ("name", "participants") if name in merged}
        merged["chat"] = {**named, **extra}
    body = parse_chat_body(merged, region=arrival.line.region)
    if body is None:
        raise MalformedEvent("no chat")
    owner = owner_of(arrival.line, body)
    if owner is None:
        return "ignored"
    chat = open_chat(organization_id=owner, line_id=arrival.line.id, body=body)
    if chat is None:
        raise Wait("unknown chat", CHAT_WAIT)
    batch.has_new = True
    is_changed = update_chat(chat, body)
    is_changed = _change_members(arrival, chat) or is_changed
    if is_changed:
        batch.events.append(_chat_event(chat, CHAT_CHANGED, encode({"id": chat.public_id}), chat.id))
    return "applied"


def _change_members(arrival: Arrival, chat: Chat) -> bool:
    def handles(name: str) -> list[str]:
        given = arrival.body.get(name) or []
        given = given if isinstance(given, list) else [given]
        return [normalise_with_region(str(one), arrival.line.region)[:120] for one in given]

    removed = set(handles("removed"))
    members = [m for m in chat.participants if m not in removed]
    members += [m for m in handles("added") if m not in members]
    if members == chat.participants:
        return False
    chat.participants = members
    chat.save(update_fields=["participants"])
    return True


def apply_health(batch: Batch, arrival: Arrival) -> str:
    state = arrival.body.get("state")
    if state not in HealthState.values:
        raise MalformedEvent("no known state")
    line = arrival.line
    if line.checked_at is not None and arrival.occurred_at < line.checked_at:
        return "duplicate"
    line.health, line.checked_at = str(state), arrival.occurred_at
    line.health_reasons = [str(reason)[:40] for reason in arrival.body.get("reasons") or ()]
    line.save(update_fields=["health", "checked_at", "health_reasons"])
    if line.organization_id is not None:
        data = encode({"id": line.public_id, "state": state, "checked_at": to_ms(arrival.occurred_at)})
        batch.events.append(
            NewEvent(
                organization_id=line.organization_id, line_id=line.id, type=LINE_CHANGED, object_id=line.id, data=data
            )
        )
    return "applied"


def _chat_event(chat: Chat, kind: str, data: str, object_id: UUID) -> NewEvent:
    return NewEvent(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat_id=chat.id,
        type=kind,
        object_id=object_id,
        data=data,
    )
