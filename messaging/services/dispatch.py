"""From claimed items to outcomes: builds what the transport gets, part by part, and writes what came of it."""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from uuid import UUID, uuid5

from django.db import InterfaceError, OperationalError, transaction

from lines.models import Line
from messaging.models import Chat, File, Operation, OutboxItem
from messaging.services.holds import hold_back
from messaging.services.outbox import (
    Claimed,
    claim_items,
    claim_started,
    finish_item,
    finish_reconciled,
    note_part_sent,
    release_expired,
    start_items,
)
from messaging.transcoding import AudioRefused
from transports.base import ChatRef, Claim, Disposition, FileRef, LineRef, Outcome
from transports.registry import get_transport

logger = logging.getLogger(__name__)
TRANSPORTS = ("simulator",)  # those a worker here calls; pull transports fetch their items themselves
NAMESPACE = UUID("6f0c1d3e-5a6b-5e0f-9d53-6d2b5b1b7f10")
BATCH = 50


def name_worker() -> str:
    """Who claims, for people who look at the table."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10_000}"


def dispatch_due(*, rounds: int = 200) -> int:
    """Dispatches what is ready until nothing is, or for so many rounds. Returns how many items were tried."""
    worker = name_worker()
    release_expired()
    reconcile_started(worker=worker)
    tried = 0
    for _ in range(rounds):
        claimed = claim_items(worker=worker, transports=TRANSPORTS, limit=BATCH)
        if not claimed.items:
            break
        tried += dispatch_claimed(claimed)
    return tried


def dispatch_claimed(claimed: Claimed) -> int:
    """Tries the items of a claim, each to its outcome. What a crash leaves is found by its lease."""
    started, lines, chats = start_claimed(claimed)
    for item in started:
        dispatch_item(item, lines[item.line_id], chats[item.chat_id])
    return len(started)


def start_claimed(claimed: Claimed) -> tuple[list[OutboxItem], dict[UUID, Line], dict[UUID, Chat]]:
    """Marks what may go as started, with its lines and chats; what a strict line must hold goes back into the queue."""
    if not claimed.items:
        return [], {}, {}
    lines, chats = load_targets(claimed.items)
    with transaction.atomic():
        may_go = hold_back(claimed.items, lines=lines, chats=chats, token=claimed.token)
        return start_items(Claimed(claimed.token, may_go)), lines, chats


def dispatch_item(item: OutboxItem, line: Line, chat: Chat) -> None:
    """One started item to its outcome. Raises only when the database is away: then the lease finds the item again."""
    try:
        finish_item(item, _dispatch(item, line, chat))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%s: dispatch broke", item.public_id)
        finish_item(item, Outcome(disposition=Disposition.UNKNOWN, code="engine_error"))


def reconcile_started(*, worker: str) -> int:
    """Finds out what became of items whose worker vanished after the start mark. Never sends."""
    claimed = claim_started(worker=worker, limit=BATCH)
    lines, chats = load_targets(claimed.items)
    for item in claimed.items:
        item.claim_token = claimed.token
        try:
            outcome = _reconcile(item, lines[item.line_id], chats[item.chat_id])
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("%s: reconcile broke", item.public_id)  # one item must not stop the others
            outcome = Outcome(disposition=Disposition.UNKNOWN, code="engine_error", detail=str(error))
        finish_reconciled(item, outcome)
    return len(claimed.items)


def _reconcile(item: OutboxItem, line: Line, chat: Chat) -> Outcome:
    """What became of the part that was under way; what is left of a send with several parts is then sent."""
    claims = build_claims(item, line, chat)
    if item.parts_sent >= len(claims):
        return Outcome(disposition=Disposition.CONFIRMED, guid=item.guid)
    outcome = get_transport(line.transport).reconcile(claims[item.parts_sent])
    if outcome.disposition == Disposition.CONFIRMED and len(claims) > 1:
        if not note_part_sent(item, guid=outcome.guid or ""):
            return Outcome(disposition=Disposition.UNKNOWN, code="delivery_unknown")
        if item.parts_sent < len(claims):
            return _dispatch(item, line, chat)
    return outcome


def build_claims(item: OutboxItem, line: Line, chat: Chat) -> list[Claim]:
    """The parts of an item in order: text first, then each file (spec transports §2.1)."""
    content = item.content
    files = [_file_ref(item, UUID(hex=key)) for key in content.get("files", [])]
    parts: list[tuple[str | None, FileRef | None]] = []
    if item.operation in (Operation.SEND, Operation.AUDIO):
        parts = [(content["text"], None)] if content.get("text") else []
        parts += [(None, file) for file in files]
    return [
        Claim(
            key=uuid5(NAMESPACE, f"{item.id}:{index}"),
            line=LineRef(id=line.id, handle=line.handle, service=line.service, region=line.region),
            operation=item.operation,
            chat=ChatRef(identifier=chat.identifier, is_group=chat.is_group, guids=tuple(chat.guids)),
            attempt=max(item.attempts, 1),
            text=text,
            file=file,
            reply_to_guid=content.get("reply_to_guid") if index == 0 else None,
            target_guid=content.get("target_guid"),
            target_part=content.get("part", 0),
            reaction=content.get("reaction"),
            is_on=content.get("is_on", True),
            started_at=item.started_at,
        )
        for index, (text, file) in enumerate(parts or [(None, None)])
    ]


def _dispatch(item: OutboxItem, line: Line, chat: Chat) -> Outcome:
    transport = get_transport(line.transport)
    try:
        claims = build_claims(item, line, chat)
    except AudioRefused as refusal:
        return Outcome(disposition=Disposition.REJECTED, code=refusal.code, detail=refusal.reason)
    except (FileNotFoundError, File.DoesNotExist):
        return Outcome(disposition=Disposition.REJECTED, code="file_unreadable", detail="The file is gone.")
    outcome = Outcome(disposition=Disposition.UNKNOWN)
    for index in range(item.parts_sent, len(claims)):
        outcome = transport.dispatch(claims[index])
        if outcome.disposition != Disposition.CONFIRMED:
            return outcome
        if len(claims) > 1 and not note_part_sent(item, guid=outcome.guid or ""):
            return Outcome(disposition=Disposition.UNKNOWN, code="delivery_unknown")
    return outcome


def _file_ref(item: OutboxItem, key: UUID) -> FileRef:
    file = File.objects.get(pk=key)
    if item.operation == Operation.AUDIO:
        from messaging.services.audio import prepare_voice_memo

        file = prepare_voice_memo(file=file)
        return FileRef(
            ref=file.audio_caf_key,
            filename="Audio Message.caf",
            mime_type="audio/x-caf",
            is_audio_message=True,
            duration_seconds=file.duration_seconds,
        )
    return FileRef(ref=file.storage_key, filename=file.filename, mime_type=file.mime_type, size=file.size)


def load_targets(items: Sequence[OutboxItem]) -> tuple[dict[UUID, Line], dict[UUID, Chat]]:
    if not items:
        return {}, {}
    return (
        Line.objects.in_bulk({item.line_id for item in items}),
        Chat.objects.in_bulk({item.chat_id for item in items}),
    )
