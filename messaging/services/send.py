"""Accepting what is to be sent: the checks of spec api §3 in their order, then one row in the outbox.

At most two round trips to the database: one select (``addressing.find_target``), one insert that also counts the
sandbox message or the key's daily budget; a plain text takes one that does both (``quick_send``). Each statement is
atomic by itself, so no transaction is opened. What is queued is sent by ``messaging.tasks.dispatch_outbox``.

``content`` of an item, which is what dispatch needs: ``text``, ``files`` (hex ids), ``reply_to_guid``,
``target_guid``, ``part``, ``reaction``, ``is_on``; a member is absent where it says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.services.key_limits import check_recipients
from core.clock import now
from core.errors import AuthorizationError, InvalidRequestError, invalid, missing, not_found
from core.hints import send_hint
from core.ids import OUTBOX, public_id
from core.steps import IN_THREAD, Steps, run_steps
from lines.services.limits import count_held
from messaging.addressing import (
    Address,
    Sender,
    Target,
    check_active,
    check_capability,
    check_line,
    check_sandbox_contact,
    check_text,
    find_target,
    find_target_steps,
    parse_chat,
    parse_file,
    parse_line,
    parse_message,
)
from messaging.models import Operation
from messaging.services.audio import check_sound
from messaging.services.chats import ensure_sandbox_chat
from messaging.services.holds import decide_queue_hold, extend_deadline
from messaging.services.outbox_insert import NewItem, insert_item_steps
from messaging.services.quick_send import queue_text_steps
from messaging.transcoding import AudioRefused

MAX_TEXT = 20_000
REACTIONS = ("love", "like", "dislike", "laugh", "emphasize", "question")
TYPING_LIFE = timedelta(seconds=10)  # a late indicator says something untrue
READ_LIFE = timedelta(minutes=5)
_LIVES = {Operation.TYPING: TYPING_LIFE, Operation.READ: READ_LIFE}
DISPATCH = "messaging.tasks.dispatch_outbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedItem:
    """The accepted item as spec api §7 shows it, without ``request_id``."""

    id: UUID
    status: str = "pending"

    @property
    def public_id(self) -> str:
        return public_id(OUTBOX, self.id)


def queue_message(
    *,
    sender: Sender,
    line: str | None,
    to: str | None,
    text: str | None = None,
    attachments: Sequence[str] | None = None,
    reply_to: str | None = None,
    payload: dict[str, Any] | None = None,
) -> QueuedItem:
    """Queues text, one file or both (spec api §9.4). ``line`` is a handle or ``ln_``, ``to`` a handle or ``cht_``,
    ``attachments`` ``file_`` ids, ``reply_to`` ``msg_`` or a guid. ``payload`` is kept as what was asked for.
    """
    steps = queue_message_steps(
        sender=sender, line=line, to=to, text=text, attachments=attachments, reply_to=reply_to, payload=payload
    )
    return run_steps(steps)


def queue_message_steps(
    *,
    sender: Sender,
    line: str | None,
    to: str | None,
    text: str | None = None,
    attachments: Sequence[str] | None = None,
    reply_to: str | None = None,
    payload: dict[str, Any] | None = None,
) -> Steps[QueuedItem]:
    """``queue_message`` for who must not wait: see ``core.steps``."""
    require({"from": line, "to": to})
    if not text and not attachments:
        raise missing("text", "A message needs `text` or `attachments`.")
    line_at, chat_at = parse_line(line), parse_chat(to)
    if text:
        check_text(text, param="text", limit=MAX_TEXT)
    if attachments and len(attachments) > 1:
        raise invalid("attachments", "A message can carry one attachment.")
    file = parse_file(attachments[0], param="attachments") if attachments else None
    reply = parse_message(reply_to, param="reply_to") if reply_to else None
    said = payload or _request(line, to, text=text or None, attachments=list(attachments or ()), reply_to=reply_to)
    if file is None and reply is None and not sender.allowed_recipients and sender.daily_send_budget is None:
        deadline_at = now() + _life_of(Operation.SEND)
        found = yield from queue_text_steps(
            sender, line_at, chat_at, text=text or "", payload=said, deadline_at=deadline_at
        )
        if isinstance(found, UUID):
            send_hint(DISPATCH)
            return QueuedItem(id=found)
        target = found
    else:
        target = yield from find_target_steps(sender, line_at, chat_at, file=file, message=reply)
    if target.is_sandbox or target.is_strict:
        yield IN_THREAD
    target = check_send(sender, target, chat_at)
    content: dict[str, Any] = {"text": text} if text else {}
    if file is not None:
        content["files"] = [_found_file(target, "attachments").hex]
        check_capability(target, "send.file", param="attachments")
    _add_reply(content, target, reply)
    check_active(target)
    return (yield from _queue_steps(sender, target, Operation.SEND, content, said))


def queue_audio(
    *,
    sender: Sender,
    line: str | None,
    to: str | None,
    audio_message: str | None,
    reply_to: str | None = None,
    payload: dict[str, Any] | None = None,
) -> QueuedItem:
    """Queues a voice memo (spec api §9.5). The file is made into 24 kHz Opus when it is dispatched; what is plainly
    no sound is refused here.
    """
    require({"from": line, "to": to, "audio_message": audio_message})
    line_at, chat_at = parse_line(line), parse_chat(to)
    file = parse_file(audio_message, param="audio_message")
    reply = parse_message(reply_to, param="reply_to") if reply_to else None
    target = check_send(sender, find_target(sender, line_at, chat_at, file=file, message=reply), chat_at)
    content: dict[str, Any] = {"files": [_found_file(target, "audio_message").hex]}
    if not (target.file_mime_type or "").startswith("audio/"):
        raise invalid("audio_message", "The file is not a sound file.")
    _add_reply(content, target, reply)
    if target.service == "sms":
        raise InvalidRequestError("advanced_features_required", "Voice messages are for iMessage lines.", param="from")
    check_capability(target, "send.audio")
    _check_sound(target)
    check_active(target)
    said = payload or _request(line, to, audio_message=audio_message, reply_to=reply_to)
    return _queue(sender, target, Operation.AUDIO, content, said)


def queue_reaction(
    *,
    sender: Sender,
    line: str | None,
    to: str | None,
    message_id: str | None,
    type: str | None,
    payload: dict[str, Any] | None = None,
) -> QueuedItem:
    """Queues a tapback on a message of the chat (spec api §9.6)."""
    require({"from": line, "to": to, "message_id": message_id, "type": type})
    line_at, chat_at = parse_line(line), parse_chat(to)
    message = parse_message(message_id, param="message_id")
    if type not in REACTIONS:
        raise invalid("type", f"`type` must be one of {', '.join(REACTIONS)}.")
    target = check_presence(sender, find_target(sender, line_at, chat_at, message=message), chat_at)
    if target.message_guid is None:
        raise not_found("message", param="message_id")
    check_capability(target, "react.standard")
    check_active(target)
    content = {"target_guid": target.message_guid, "part": 0, "reaction": type, "is_on": True}
    said = payload or _request(line, to, message_id=message_id, type=type)
    return _queue(sender, target, Operation.REACT, content, said)


def queue_typing(
    *,
    sender: Sender,
    line: str | None,
    to: str | None,
    state: str | None = "on",
    payload: dict[str, Any] | None = None,
) -> QueuedItem:
    """Queues a typing indicator, ``on`` or ``off`` (spec api §9.7). Dropped when it is late."""
    require({"from": line, "to": to})
    line_at, chat_at = parse_line(line), parse_chat(to)
    if state is None:
        state = "on"
    if state not in ("on", "off"):
        raise invalid("state", "`state` must be `on` or `off`.")
    target = check_presence(sender, find_target(sender, line_at, chat_at), chat_at)
    check_capability(target, "typing.send")
    check_active(target)
    said = payload or _request(line, to, state=state)
    return _queue(sender, target, Operation.TYPING, {"is_on": state == "on"}, said)


def queue_receipt(
    *, sender: Sender, line: str | None, to: str | None, payload: dict[str, Any] | None = None
) -> QueuedItem:
    """Queues marking a whole chat as read (spec api §9.8)."""
    require({"from": line, "to": to})
    line_at, chat_at = parse_line(line), parse_chat(to)
    target = check_presence(sender, find_target(sender, line_at, chat_at), chat_at)
    check_capability(target, "read.send")
    check_active(target)
    return _queue(sender, target, Operation.READ, {}, payload or _request(line, to))


def require(members: Mapping[str, str | None]) -> None:
    """Names the first member that is absent or blank."""
    for param, value in members.items():
        if value is None or not value.strip():
            raise missing(param)


def check_send(sender: Sender, target: Target, chat: Address) -> Target:
    """Line, sandbox, recipient, chat and contact-first (spec api §8.1), in that order."""
    check_line(sender, target)
    check_sandbox_contact(target, chat)
    if target.chat_id is None:
        if chat.chat_id is not None:
            raise not_found("chat", param="to")
        if target.is_sandbox:
            target = ensure_sandbox_chat(sender, target)
    _check_recipients(sender, target, chat)
    if not target.is_sandbox and not target.has_received_inbound:
        raise ContactHasNotWritten()
    return target


def check_presence(sender: Sender, target: Target, chat: Address) -> Target:
    """As ``check_send`` for what is not gated by contact-first: an unknown handle has no chat."""
    check_line(sender, target)
    check_sandbox_contact(target, chat)
    if target.chat_id is None:
        if not (target.is_sandbox and chat.chat_id is None):
            raise not_found("chat", param="to")
        target = ensure_sandbox_chat(sender, target)
    _check_recipients(sender, target, chat)
    return target


class ContactHasNotWritten(AuthorizationError):
    """403 with the type of a 400: spec api §3, note on ``contact_has_not_messaged``."""

    type = "invalid_request_error"

    def __init__(self) -> None:
        super().__init__(
            "contact_has_not_messaged",
            "This contact has not written to this line yet: a line answers, it never writes first.",
            param="to",
        )


def _check_recipients(sender: Sender, target: Target, chat: Address) -> None:
    if not sender.allowed_recipients:
        return
    peers = target.participants if target.is_group else (target.chat_identifier or chat.handle or "",)
    check_recipients(recipients=sender.allowed_recipients, handles=peers)


def _found_file(target: Target, param: str) -> UUID:
    if target.file_id is None:
        raise not_found("file", param=param)
    return target.file_id


def _check_sound(target: Target) -> None:
    """Refuses at once what could never be sent. One that was sent before is known to be good."""
    if target.file_id is None or target.file_has_voice:
        return
    try:
        check_sound(file_id=target.file_id)
    except AudioRefused as refusal:
        raise invalid("audio_message", f"The file cannot be sent as a voice message: {refusal.reason}.") from None


def _add_reply(content: dict[str, Any], target: Target, reply: Address | None) -> None:
    """A guid that is not stored is passed through (spec api §9.4)."""
    if reply is None:
        return
    if target.message_guid is None and reply.message_id is not None:
        raise not_found("message", param="reply_to")
    content["reply_to_guid"] = target.message_guid or reply.message_guid
    check_capability(target, "send.reply", param="reply_to")


def _request(line: str | None, to: str | None, **members: Any) -> dict[str, Any]:
    given = {name: value for name, value in members.items() if value not in (None, [])}
    return {"from": line, "to": to, **given}


def _queue(
    sender: Sender, target: Target, operation: Operation, content: dict[str, Any], payload: dict[str, Any]
) -> QueuedItem:
    return run_steps(_queue_steps(sender, target, operation, content, payload))


def _queue_steps(
    sender: Sender, target: Target, operation: Operation, content: dict[str, Any], payload: dict[str, Any]
) -> Steps[QueuedItem]:
    """May block where the line is strict or of the sandbox."""
    assert target.chat_id is not None
    is_message = operation in (Operation.SEND, Operation.AUDIO)
    hold = decide_queue_hold(line_id=target.line_id, chat_id=target.chat_id) if _may_hold(target, is_message) else None
    deadline_at = now() + _life_of(operation)
    key = yield from insert_item_steps(
        NewItem(
            organization_id=sender.organization_id,
            line_id=target.line_id,
            chat_id=target.chat_id,
            api_key_id=sender.api_key_id,
            user_id=sender.user_id,
            request_id=sender.request_id,
            operation=operation,
            payload=payload,
            content=content,
            deadline_at=extend_deadline(deadline_at, hold) if hold else deadline_at,
            held_reason=hold.reason if hold else "",
            resumes_at=hold.resumes_at if hold else None,
        ),
        sandbox_limit=target.sandbox_limit if target.is_sandbox and is_message else None,
        send_budget=sender.daily_send_budget if is_message else None,
    )
    if hold:
        count_held(line_id=target.line_id, at=now())
    send_hint(DISPATCH)
    return QueuedItem(id=key)


def _life_of(operation: Operation) -> timedelta:
    return _LIVES.get(operation) or timedelta(hours=settings.OUTBOX_DEADLINE_HOURS)


def _may_hold(target: Target, is_message: bool) -> bool:
    return target.is_strict and is_message and not target.is_sandbox


__all__ = [
    "QueuedItem",
    "Sender",
    "queue_audio",
    "queue_message",
    "queue_reaction",
    "queue_receipt",
    "queue_typing",
]
