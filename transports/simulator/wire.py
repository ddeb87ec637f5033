"""Builds the events that the simulated network reports; bodies as in docs/transports.md."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.clock import from_ms, to_ms
from transports import event_ids
from transports.base import Event, EventKind, Phase
from transports.simulator.models import PhoneChat, PhoneMessage

REACTIONS = ("love", "like", "dislike", "laugh", "emphasize", "question")


def chat_body(chat: PhoneChat) -> dict[str, Any]:
    """What a chat is called on the wire; a direct one by its peer, a group by its id."""
    if not chat.is_group:
        peer = chat.participants[0]
        return {"guid": f"any;-;{peer}", "identifier": peer, "is_group": False}
    group = chat.guid.rpartition(";")[2]
    return {
        "guid": chat.guid,
        "identifier": group,
        "group_id": group,
        "is_group": True,
        "name": chat.name,
        "participants": list(chat.participants),
    }


def hidden_guid(message: PhoneMessage) -> str:
    """A guid under which nobody knows the message's chat yet; a direct one's must not pass for a group's."""
    return f"any;{'+' if message.chat.is_group else '?'};late{message.guid[:8]}"


def message_event(
    message: PhoneMessage,
    *,
    phase: Phase = Phase.LIVE,
    skew_ms: int = 0,
    hides_chat: bool = False,
    pending: bool = False,
) -> Event:
    """A message as the line's store shows it. ``hides_chat`` leaves a chat guid nobody knows yet."""
    chat = message.chat
    body: dict[str, Any] = {
        "guid": message.guid,
        "chat": {"guid": hidden_guid(message)} if hides_chat else chat_body(chat),
        "sender": message.sender,
        "is_from_me": message.is_from_line,
        "text": message.text,
        "service": message.service,
        "sent_at": to_ms(message.sent_at) + skew_ms,
        "reply_to_guid": message.reply_to_guid or None,
        "is_audio_message": any(file.get("is_audio_message") for file in message.files),
        "attachments": [_attachment(file, pending=pending) for file in message.files],
    }
    return Event(
        kind=EventKind.MESSAGE_UPSERT,
        event_id=event_ids.message_event_id(chat.line_handle, message.guid),
        occurred_at=message.sent_at,
        body=body,
        phase=phase,
    )


def _attachment(file: Mapping[str, Any], *, pending: bool) -> dict[str, Any]:
    if pending:
        return {**file, "is_ready": False, "file_id": None}
    return {"is_ready": True, **file}


def update_event(line_handle: str, guid: str, field: str, value: Any, at: datetime) -> Event:
    return Event(
        kind=EventKind.MESSAGE_UPDATE,
        event_id=event_ids.update_event_id(line_handle, guid, field, value),
        occurred_at=at,
        body={"guid": guid, "field": field, "value": value},
    )


def reaction_event(
    line_handle: str,
    *,
    target: str,
    sender: str,
    is_from_me: bool,
    type_: str,
    added: bool,
    row_guid: str,
    at: datetime,
) -> Event:
    known = type_ in REACTIONS
    return Event(
        kind=EventKind.REACTION,
        event_id=event_ids.reaction_event_id(line_handle, row_guid),
        occurred_at=at,
        body={
            "target_guid": f"p:0/{target}",
            "part": 0,
            "type": type_ if known else "emoji",
            "emoji": "" if known else type_,
            "sender": sender,
            "is_from_me": is_from_me,
            "added": added,
            "sent_at": to_ms(at),
        },
    )


def typing_event(chat: PhoneChat, handle: str, is_typing: bool, at: datetime) -> Event:
    return Event(
        kind=EventKind.TYPING,
        event_id=event_ids.typing_event_id(chat.line_handle, chat.guid, handle, to_ms(at)),
        occurred_at=at,
        body={"chat": chat_body(chat), "handle": handle, "is_typing": is_typing},
    )


def read_event(chat: PhoneChat, handle: str, at: datetime) -> Event:
    return Event(
        kind=EventKind.READ,
        event_id=event_ids.read_event_id(chat.line_handle, chat.guid, handle, to_ms(at)),
        occurred_at=at,
        body={"chat": chat_body(chat), "handle": handle, "read_at": to_ms(at)},
    )


def chat_event(chat: PhoneChat, kind: EventKind, change: Mapping[str, Any], at: datetime) -> Event:
    return Event(
        kind=kind,
        event_id=event_ids.chat_event_id(chat.line_handle, chat.guid, [dict(change), to_ms(at)]),
        occurred_at=at,
        body={"chat": chat_body(chat), **change},
    )


def health_event(line_handle: str, state: str, reasons: list[str], at: datetime) -> Event:
    return Event(
        kind=EventKind.LINE_HEALTH,
        event_id=event_ids.health_event_id(line_handle, state, to_ms(at)),
        occurred_at=at,
        body={"state": state, "reasons": reasons},
    )


def encode_event(event: Event) -> dict[str, Any]:
    return {
        "kind": str(event.kind),
        "event_id": event.event_id,
        "occurred_at": to_ms(event.occurred_at),
        "phase": str(event.phase),
        "body": dict(event.body),
    }


def decode_event(stored: Mapping[str, Any]) -> Event:
    return Event(
        kind=EventKind(stored["kind"]),
        event_id=stored["event_id"],
        occurred_at=from_ms(stored["occurred_at"]),
        phase=Phase(stored["phase"]),
        body=stored["body"],
    )
