"""The four public events: what each is, its JSON Schema and a realistic example (spec webhooks §1, §4, §5).

The example is what tests, documentation and "send a test" use, so that a receiver built on one takes all of them.
"""

from dataclasses import dataclass
from typing import Any

from events.types import MESSAGE_RECEIVED, MESSAGE_SENT, PUBLIC_EVENTS, REACTION_ADDED, REACTION_REMOVED

TEST_EVENT = "webhook.test"  # the log's kind for test data: never fanned out

Json = dict[str, Any]
_STRING: Json = {"type": "string"}
_NULLABLE_STRING: Json = {"type": ["string", "null"]}
_FROM_ME: Json = {"type": "boolean", "description": "True for what the line sent"}
_MILLISECONDS: Json = {"type": "number", "description": "Unix milliseconds"}


def _id(prefix: str, what: str) -> Json:
    return {"type": "string", "pattern": f"^{prefix}_[0-9a-f]{{32}}$", "description": what}


_ATTACHMENT: Json = {
    "type": "object",
    "properties": {
        "filename": _NULLABLE_STRING,
        "mime_type": _NULLABLE_STRING,
        "size": {"type": ["number", "null"], "description": "Bytes"},
        "url": {"type": ["string", "null"], "description": "Signed link to the bytes; null until they have arrived"},
        "transcription": {"type": ["string", "null"], "description": "Of voice memos, once it is ready"},
    },
    "required": ["filename", "mime_type", "size", "url", "transcription"],
}
_MESSAGE_PROPERTIES: Json = {
    "id": _id("msg", "The message"),
    "line_id": _id("ln", "The line"),
    "line_handle": {"type": "string", "description": "The line's own number or Apple ID"},
    "chat_id": _id("cht", "The conversation"),
    "guid": {"type": "string", "description": "The platform's id of the message"},
    "sender": {"type": "string", "description": "Who wrote it; the line's handle for own messages"},
    "text": {"type": ["string", "null"], "description": "Null for attachments without text"},
    "attachments": {"type": "array", "items": _ATTACHMENT, "description": "Files, each with a link that expires"},
    "service": {"type": ["string", "null"], "description": "iMessage, SMS or RCS"},
    "is_from_me": _FROM_ME,
    "is_audio_message": {"type": ["boolean", "null"], "description": "True for voice memos"},
    "sent_at": _MILLISECONDS,
    "synced_at": _MILLISECONDS,
    "reply_to_guid": {"type": ["string", "null"], "description": "The guid of the message it answers"},
}
_MESSAGE_REQUIRED = ["id", "line_handle", "chat_id", "guid", "sender", "text", "attachments", "is_from_me"]
_MESSAGE_REQUIRED += ["is_audio_message", "sent_at", "reply_to_guid"]
_OUTBOX: Json = {"outbox_id": {"type": ["string", "null"], "description": "What POST /v1/messages returned"}}
_REACTION_PROPERTIES: Json = {
    "id": _id("rxn", "The reaction"),
    "message_id": _id("msg", "The message it is about"),
    "line_id": _id("ln", "The line"),
    "chat_id": _id("cht", "The conversation"),
    "line_handle": {"type": "string", "description": "The line's own number or Apple ID"},
    "type": {"enum": ["love", "like", "dislike", "laugh", "emphasize", "question"]},
    "sender": {"type": "string", "description": "Who reacted"},
    "is_from_me": _FROM_ME,
    "sent_at": _MILLISECONDS,
    "synced_at": _MILLISECONDS,
}
_REACTION_REQUIRED = ["id", "message_id", "chat_id", "line_handle", "type", "sender", "is_from_me", "added", "sent_at"]


def _schema(event: str, properties: Json, required: list[str]) -> Json:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event,
        "type": "object",
        "properties": {
            "event": {"const": event},
            "data": {"type": "object", "properties": properties, "required": required},
            "timestamp": {"type": "number", "description": "Unix milliseconds, equal to X-Webhook-Timestamp"},
            "delivery_id": {"type": "string", "pattern": "^dlv_[0-9a-f]{32}$", "description": "The same in each try"},
        },
        "required": ["event", "data", "timestamp", "delivery_id"],
    }


@dataclass(frozen=True, slots=True)
class EventKind:
    """One entry of the catalogue. ``schema`` is of the whole request body."""

    name: str
    fires_when: str
    schema: Json


CATALOGUE: dict[str, EventKind] = {
    MESSAGE_RECEIVED: EventKind(
        MESSAGE_RECEIVED,
        "A new message arrived on the line.",
        _schema(MESSAGE_RECEIVED, _MESSAGE_PROPERTIES, _MESSAGE_REQUIRED),
    ),
    MESSAGE_SENT: EventKind(
        MESSAGE_SENT,
        "A message that you sent was delivered.",
        _schema(MESSAGE_SENT, {**_MESSAGE_PROPERTIES, **_OUTBOX}, _MESSAGE_REQUIRED),
    ),
    REACTION_ADDED: EventKind(
        REACTION_ADDED,
        "Someone reacted to a message.",
        _schema(REACTION_ADDED, {**_REACTION_PROPERTIES, "added": {"const": True}}, _REACTION_REQUIRED),
    ),
    REACTION_REMOVED: EventKind(
        REACTION_REMOVED,
        "Someone took a reaction back.",
        _schema(REACTION_REMOVED, {**_REACTION_PROPERTIES, "added": {"const": False}}, _REACTION_REQUIRED),
    ),
}

_HEX = "0197f3a25c4e7b1f9d3c6a8e2b4d5f7"
EXAMPLE_LINE_ID = f"ln_{_HEX}0"
EXAMPLE_LINE_HANDLE = "+15550100042"
EXAMPLE_CONTACT = "+16285550144"
EXAMPLE_DELIVERY_ID = f"dlv_{_HEX}5"


def build_example(
    event: str,
    *,
    sent_at: int = 1_760_000_000_123,
    line_id: str = EXAMPLE_LINE_ID,
    line_handle: str = EXAMPLE_LINE_HANDLE,
) -> Json:
    """Realistic ``data`` for one of the four events. ``sent_at`` in Unix milliseconds."""
    if event not in PUBLIC_EVENTS:
        raise KeyError(event)
    is_sent = event == MESSAGE_SENT
    if event in (REACTION_ADDED, REACTION_REMOVED):
        return {
            "id": f"rxn_{_HEX}4",
            "message_id": f"msg_{_HEX}2",
            "line_id": line_id,
            "chat_id": f"cht_{_HEX}1",
            "line_handle": line_handle,
            "type": "love",
            "sender": EXAMPLE_CONTACT,
            "is_from_me": False,
            "added": event == REACTION_ADDED,
            "sent_at": sent_at,
            "synced_at": sent_at + 420,
        }
    data: Json = {
        "id": f"msg_{_HEX}2",
        "line_id": line_id,
        "line_handle": line_handle,
        "chat_id": f"cht_{_HEX}1",
        "guid": "8C5F2A61-7D1B-4E43-9A0C-51B2E6D7F803",
        "sender": line_handle if is_sent else EXAMPLE_CONTACT,
        "text": "Your table for two at 19:30 is booked." if is_sent else "Is there a table for two at 19:30 tonight?",
        "attachments": [],
        "service": "iMessage",
        "is_from_me": is_sent,
        "is_audio_message": False,
        "sent_at": sent_at,
        "synced_at": sent_at + 420,
        "reply_to_guid": None,
    }
    if is_sent:
        data["outbox_id"] = f"obx_{_HEX}3"
    return data
