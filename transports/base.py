"""What every transport is: dataclasses in, dataclasses out (spec transports §2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class Disposition(StrEnum):
    """What a try led to (§2.2)."""

    CONFIRMED = "confirmed"  # a guid exists in the message store and its row says sent
    ACCEPTED = "accepted"  # the engine took it; no row seen yet
    NOT_STARTED = "not_started"  # proven: no side effect; may be tried again
    REJECTED = "rejected"  # proven: will never arrive
    UNKNOWN = "unknown"  # may have happened: reconcile, never dispatch again


class EventKind(StrEnum):
    """The only things a transport reports (§2.3)."""

    MESSAGE_UPSERT = "message.upsert"
    MESSAGE_UPDATE = "message.update"
    REACTION = "reaction"
    TYPING = "typing"
    READ = "read"
    CHAT_UPSERT = "chat.upsert"
    CHAT_CHANGE = "chat.change"
    LINE_HEALTH = "line.health"
    OUTBOX_RESULT = "outbox.result"


class Phase(StrEnum):
    LIVE = "live"
    LATE = "late"  # old when it came: fires with its true time
    BACKFILL = "backfill"  # stored, never fires


@dataclass(frozen=True, kw_only=True, slots=True)
class LineRef:
    """What a transport knows of a line."""

    id: UUID
    handle: str
    service: str = "imessage"
    region: str = "US"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRef:
    """Where to send: a direct peer's handle, or a group by its platform guid."""

    identifier: str
    is_group: bool = False
    guids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRef:
    """A file to send, or one that arrived. ``ref`` opens it: a storage key of ours, or the transport's own name."""

    ref: str
    filename: str | None = None
    mime_type: str | None = None
    size: int | None = None
    is_audio_message: bool = False
    is_ready: bool = True
    transcription: str | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One part of a claimed outbox item. ``key`` is the same on every attempt of the same part (§3)."""

    key: UUID
    line: LineRef
    operation: str  # send | audio | react | typing | read
    chat: ChatRef
    attempt: int
    text: str | None = None
    file: FileRef | None = None
    reply_to_guid: str | None = None
    target_guid: str | None = None
    target_part: int = 0
    reaction: str | None = None
    is_on: bool = True  # typing on or off, reaction added or removed
    started_at: datetime | None = None
    bound_guids: frozenset[str] = frozenset()  # already bound to other items: reconcile must not take them


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """``code`` is one of §2.2 for everything but confirmed and accepted; ``detail`` is for people."""

    disposition: Disposition
    guid: str | None = None
    sent_at: datetime | None = None
    service: str | None = None
    code: str | None = None
    detail: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened on a line. ``event_id`` is derived from what it is about, never random (§2.3).

    ``body`` is JSON-able; its members by kind are in docs/transports.md.
    """

    kind: EventKind
    event_id: str
    occurred_at: datetime
    body: Mapping[str, Any]
    phase: Phase = Phase.LIVE
    cursor: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    level: str  # native | degraded | none
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """§2.5"""

    state: str  # ok | degraded | down | unpaired
    reasons: tuple[str, ...] = ()
    checked_at: datetime | None = None
    latency_ms: float | None = None
    clock_offset_ms: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


class Transport(Protocol):
    kind: str
    mode: str  # inline | push | pull

    def probe(self, line: LineRef) -> Health: ...
    def capabilities(self, line: LineRef) -> Mapping[str, Capability]: ...
    def dispatch(self, claim: Claim) -> Outcome: ...
    def reconcile(self, claim: Claim) -> Outcome: ...
    def catch_up(self, line: LineRef, cursor: str) -> Iterator[Event]: ...
    def open_media(self, line: LineRef, ref: str) -> Iterator[bytes]: ...
    def lookup(self, line: LineRef, address: str) -> str: ...  # imessage | sms | unknown
    def close(self) -> None: ...


ADVANCED = ("send.audio", "react.standard", "typing.send", "read.send", "send.reply")
CAPABILITIES = (
    "send.text",
    "send.file",
    "send.multipart",
    "send.audio",
    "send.reply",
    "send.effect",
    "react.standard",
    "react.emoji",
    "react.remove",
    "typing.send",
    "typing.receive",
    "read.send",
    "read.receive",
    "delivered.receive",
    "edit.receive",
    "unsend.receive",
    "group.events",
    "group.create",
    "sms.send",
    "handle.check",
    "history.query",
    "media.fetch",
    "transcript.receive",
)
