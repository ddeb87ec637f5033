"""Bodies of inbound events, read into plain dataclasses. Anything malformed raises ``MalformedEvent``.

By kind (times are Unix milliseconds; a member that is not listed is ignored):

``chat``            ``{guid, identifier, is_group, group_id?, name?, participants?, service?}``; all but ``guid`` may be
                    absent: then the chat must be known by that guid already.
``message.upsert``  ``{guid, chat, sender, is_from_me, text, service, sent_at, reply_to_guid, is_audio_message,
                    attachments: [{ref, filename, mime_type, size, is_ready, is_audio_message, transcription}],
                    delivered_at?, read_at?, error?}``
``message.update``  ``{guid, field, value}`` with field ``delivered_at`` | ``read_at`` (ms), ``edited``
                    ``{text, at}``, ``unsent`` ``{at, text?}`` (what is left of a partly unsent one), ``transcription``
                    ``{text, position?}``, ``media_ready`` (an attachment and its ``position``), ``service``, ``error``
``reaction``        ``{target_guid, part, type, emoji?, sender, is_from_me, added, sent_at}``
``typing``          ``{chat, handle, is_typing}``
``read``            ``{chat, handle, read_at, is_from_me?}``
``chat.upsert``     ``{chat}``
``chat.change``     ``{chat, name?, participants?, added?, removed?}``
``line.health``     ``{state, reasons}``
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.clock import from_ms, now
from core.handles import normalise_with_region

FUTURE = timedelta(minutes=1)
UPDATE_FIELDS = (
    "delivered_at",
    "read_at",
    "edited",
    "unsent",
    "transcription",
    "media_ready",
    "service",
    "error",
)


class MalformedEvent(Exception):
    """The body lacks something without which it means nothing."""


@dataclass(frozen=True, slots=True)
class ChatBody:
    """``identifier`` is None when only a guid is known."""

    guid: str
    identifier: str | None
    is_group: bool
    key: str
    name: str
    participants: tuple[str, ...]
    service: str


@dataclass(frozen=True, slots=True)
class AttachmentBody:
    ref: str
    filename: str | None
    mime_type: str | None
    size: int | None
    is_ready: bool
    transcription: str | None
    position: int
    file_id: str | None


@dataclass(frozen=True, slots=True)
class MessageBody:
    guid: str
    chat: ChatBody | None
    sender: str
    is_from_me: bool
    text: str | None
    service: str | None
    sent_at: datetime
    reply_to_guid: str | None
    is_audio_message: bool
    attachments: tuple[AttachmentBody, ...] = field(default=())
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    error: str = ""


def parse_chat_body(body: Mapping[str, Any], *, region: str) -> ChatBody | None:
    """The chat of a body, None when it names none. A direct chat's guid holds its peer; a group's does not."""
    found = body.get("chat")
    if not isinstance(found, Mapping):
        found = {
            "guid": body.get("chat_guid") or (found if isinstance(found, str) else ""),
            "identifier": body.get("chat_identifier"),
            "is_group": body.get("is_group"),
        }
    guids = found.get("guids") or [found.get("guid") or ""]
    guid = str(guids[0])[:200]
    identifier = _text(found.get("identifier"), 200)
    is_group = bool(found.get("is_group")) or ";+;" in guid
    if identifier is None and ";-;" in guid:
        identifier = guid.rpartition(";-;")[2]
    if identifier is None and not guid:
        return None
    participants = tuple(normalise_with_region(str(p), region)[:120] for p in found.get("participants") or ())
    if identifier is not None and not is_group:
        identifier = normalise_with_region(identifier, region)[:200]
        participants = (identifier,)
    group = _text(found.get("group_id"), 190) or identifier or ""
    key = f"g:{group}" if is_group else f"d:{identifier or ''}"
    return ChatBody(
        guid=guid,
        identifier=identifier,
        is_group=is_group,
        key=key[:200],
        name=_text(found.get("name"), 200) or "",
        participants=participants,
        service=_text(found.get("service"), 20) or "iMessage",
    )


def parse_message_body(body: Mapping[str, Any], *, region: str, line_handle: str, occurred_at: datetime) -> MessageBody:
    is_from_me = bool(body.get("is_from_me"))
    chat = parse_chat_body(body, region=region)
    sender = line_handle if is_from_me else normalise_with_region(str(body.get("sender") or ""), region)
    if not sender and chat is not None and not chat.is_group:
        sender = chat.identifier or ""
    if not sender:
        raise MalformedEvent("a message without a sender")
    attachments = tuple(parse_attachment(a, position=n) for n, a in enumerate(body.get("attachments") or ()))
    is_audio = bool(body.get("is_audio_message")) or any(
        bool(a.get("is_audio_message") or a.get("is_audio")) for a in body.get("attachments") or ()
    )
    error = body.get("error")
    return MessageBody(
        guid=required_guid(body),
        chat=chat,
        sender=sender[:120],
        is_from_me=is_from_me,
        text=body.get("text") if isinstance(body.get("text"), str) else None,
        service=_text(body.get("service"), 20) or (chat.service if chat else None),
        sent_at=time_of_body(body.get("sent_at")) or clamp(occurred_at),
        reply_to_guid=_text(body.get("reply_to_guid"), 120),
        is_audio_message=is_audio,
        attachments=attachments,
        delivered_at=time_of_body(body.get("delivered_at")),
        read_at=time_of_body(body.get("read_at")),
        error=error_code(error) if error else "",
    )


def parse_attachment(body: Mapping[str, Any], *, position: int = 0) -> AttachmentBody:
    size = body.get("size")
    return AttachmentBody(
        ref=str(body.get("ref") or body.get("guid") or "")[:160],
        filename=_text(body.get("filename"), 255),
        mime_type=_text(body.get("mime_type"), 100),
        size=size if isinstance(size, int) else None,
        is_ready=bool(body.get("is_ready", True)),
        transcription=_text(body.get("transcription"), 100_000),
        position=int(body.get("position", position)),
        file_id=_text(body.get("file_id"), 32),
    )


def parse_update(body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The guid and what changed, field to value."""
    guid = required_guid(body)
    if "field" in body:
        changes = {str(body["field"]): body.get("value")}
    else:
        changes = {name: body[name] for name in UPDATE_FIELDS if name in body}
    unknown = set(changes) - set(UPDATE_FIELDS)
    if unknown or not changes:
        raise MalformedEvent(f"an update of {', '.join(sorted(unknown)) or 'nothing'}")
    return guid, changes


def required_guid(body: Mapping[str, Any], name: str = "guid") -> str:
    guid = body.get(name)
    if not isinstance(guid, str) or not guid or len(guid) > 120:
        raise MalformedEvent(f"no usable {name}")
    return guid


def strip_part(guid: str) -> str:
    """``p:0/G`` and ``bp:G`` name a part of the message G (spec transports §7)."""
    if guid.startswith("p:"):
        return guid.partition("/")[2] or guid
    return guid.removeprefix("bp:")


def time_of_body(value: Any) -> datetime | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return clamp(from_ms(int(value)))
    except (OverflowError, ValueError, OSError):
        return None


def clamp(moment: datetime) -> datetime:
    """A clock that runs ahead must not put a message on top of the list for ever (spec transports §9)."""
    return min(moment, now() + FUTURE)


def error_code(value: Any) -> str:
    return (
        {22: "not_registered", 34: "file_unreadable"}.get(value, f"imessage_error_{value}")
        if isinstance(value, int)
        else str(value)[:60]
    )


def _text(value: Any, limit: int) -> str | None:
    return value[:limit] if isinstance(value, str) and value else None
