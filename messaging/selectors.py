"""Reading conversations by keyset: a page costs the same however deep it is. Attachments come with one more query."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Q

from core.cursors import decode_cursor, encode_cursor
from core.errors import InvalidRequestError, invalid, missing, not_found
from core.ids import OUTBOX, has_prefix, parse_id
from core.steps import Steps, run_steps
from lines.models import Line, SandboxPairing
from messaging.addressing import (
    Address,
    Sender,
    Target,
    check_line,
    check_sandbox_contact,
    find_target_steps,
    parse_chat,
    parse_line,
    parse_message,
)
from messaging.models import Attachment, Chat, Message, OutboxItem, Reaction, ReadReceipt, TypingIndicator

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next_cursor`` is None on the last page."""

    items: list[T]
    next_cursor: str | None = None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None


def get_readable_line(*, sender: Sender, line: str | None) -> Target:
    """The line of a read request, after the checks that apply to reading. One query; ``chat_id`` is the paired chat
    on the sandbox line and says nothing elsewhere.
    """
    return run_steps(get_readable_line_steps(sender=sender, line=line))


def get_readable_line_steps(*, sender: Sender, line: str | None) -> Steps[Target]:
    """``get_readable_line`` for who must not wait."""
    target = yield from find_target_steps(sender, parse_line(line), Address())
    check_line(sender, target)
    return target


def get_readable_chat(*, sender: Sender, line: str | None, to: str | None) -> Target:
    """The chat of a read request; ``chat_id`` is set. Raises what spec api §3 says, ``chat_not_found`` last."""
    return run_steps(get_readable_chat_steps(sender=sender, line=line, to=to))


def get_readable_chat_steps(*, sender: Sender, line: str | None, to: str | None) -> Steps[Target]:
    """``get_readable_chat`` for who must not wait."""
    line_at, chat_at = parse_line(line), parse_chat(to)
    target = yield from find_target_steps(sender, line_at, chat_at)
    check_line(sender, target)
    check_sandbox_contact(target, chat_at)
    if target.chat_id is None:
        raise not_found("chat", param="to")
    return target


def list_chats(
    *, organization_id: UUID, line_id: UUID, limit: int = 50, cursor: str | None = None, only_chat: UUID | None = None
) -> Page[Chat]:
    """Newest activity first; chats in which nothing was ever said come last. ``only_chat``: on the sandbox line."""
    rows = Chat.objects.filter(line_id=line_id, organization_id=organization_id)
    if only_chat is not None:
        found = list(rows.filter(id=only_chat))
        return Page(found)
    silent: list[Chat] = []
    spoken = rows.filter(last_message_at__isnull=False).order_by("-last_message_at", "-id")
    quiet = rows.filter(last_message_at=None).order_by("-id")
    if cursor is not None:
        moment, key = decode_place(cursor)
        if moment is None:
            spoken = spoken.none()
            quiet = quiet.filter(id__lt=key)
        else:
            spoken = spoken.filter(last_message_at__lte=moment).filter(Q(last_message_at__lt=moment) | Q(id__lt=key))
    found = list(spoken[: limit + 1])
    if len(found) <= limit:
        silent = list(quiet[: limit + 1 - len(found)])
    return cut_page(found + silent, limit, lambda chat: (chat.last_message_at, chat.id))


def list_messages(
    *, chat_id: UUID, limit: int = 50, cursor: str | None = None
) -> Page[tuple[Message, list[Attachment]]]:
    """Newest first, each with its attachments in order (their files loaded). Two queries."""
    rows = Message.objects.filter(chat_id=chat_id)
    if cursor is not None:
        moment, key = decode_place(cursor)
        if moment is None:
            raise bad_cursor()
        rows = rows.filter(sent_at__lte=moment).filter(Q(sent_at__lt=moment) | Q(id__lt=key))
    found = list(rows.order_by("-sent_at", "-id")[: limit + 1])
    page = cut_page(found, limit, lambda message: (message.sent_at, message.id))
    attachments = attachments_of(page.items)
    return Page([(message, attachments[message.id]) for message in page.items], page.next_cursor)


def attachments_of(messages: Sequence[Any]) -> defaultdict[UUID, list[Attachment]]:
    """Attachments with files by message, in order; one query for any number of messages."""
    found: defaultdict[UUID, list[Attachment]] = defaultdict(list)
    if messages:
        rows = Attachment.objects.filter(message__in=[m.id for m in messages]).select_related("file")
        for attachment in rows.order_by("message_id", "position"):
            found[attachment.message_id].append(attachment)
    return found


def get_message(*, sender: Sender, message_id: str | None, param: str = "message_id") -> Message:
    """By ``msg_`` id or guid, if the sender may see its line. Raises ``message_not_found``."""
    place = parse_message(message_id, param=param)
    rows = Message.objects.filter(organization_id=sender.organization_id).select_related("chat__line")
    rows = rows.filter(id=place.message_id) if place.message_id else rows.filter(guid=place.message_guid)
    for message in rows[:5]:
        if _is_readable(sender, message.chat):
            return message
    raise not_found("message", param=param)


def list_reactions(*, message: Message) -> list[Reaction]:
    """The whole history, oldest first, removals included."""
    return list(Reaction.objects.filter(message=message).exclude(type="emoji").order_by("sent_at", "id"))


def list_typing(*, chat_id: UUID) -> list[TypingIndicator]:
    return list(TypingIndicator.objects.filter(chat_id=chat_id).order_by("handle"))


def list_receipts(*, chat_id: UUID) -> list[ReadReceipt]:
    return list(ReadReceipt.objects.filter(chat_id=chat_id).order_by("handle"))


def get_outbox_item(*, sender: Sender, item_id: str | None, param: str = "id") -> OutboxItem:
    """By ``obx_`` id. An item on a line the key may not use does not exist for it."""
    if not item_id:
        raise missing(param)
    if not has_prefix(OUTBOX, item_id):
        raise invalid(param, f"`{param}` must be an id that starts with `{OUTBOX}_`.")
    key = parse_id(OUTBOX, item_id)
    item = OutboxItem.objects.filter(id=key, organization_id=sender.organization_id).first() if key else None
    if item is None or not _may_use_line(sender, item.line_id):
        raise not_found("outbox item", param=param)
    return item


def list_outbox_items(
    *, organization_id: UUID, line_id: UUID | None = None, limit: int = 50, cursor: str | None = None
) -> Page[OutboxItem]:
    """Newest first, of one line or of all."""
    rows = OutboxItem.objects.filter(organization_id=organization_id)
    if line_id is not None:
        rows = rows.filter(line_id=line_id)
    if cursor is not None:
        (text,) = decode_cursor(cursor, str)
        rows = rows.filter(id__lt=_parse_uuid(str(text)))
    found = list(rows.order_by("-id")[: limit + 1])
    more = encode_cursor(found[limit - 1].id.hex) if len(found) > limit else None
    return Page(found[:limit], more)


def _is_readable(sender: Sender, chat: Chat) -> bool:
    if chat.line.is_sandbox:
        return SandboxPairing.objects.filter(
            organization_id=sender.organization_id, status="active", contact_identifier=chat.identifier
        ).exists()
    return sender.line_ids is None or chat.line_id in sender.line_ids


def _may_use_line(sender: Sender, line_id: UUID) -> bool:
    if sender.line_ids is None or line_id in sender.line_ids:
        return True
    return Line.objects.filter(id=line_id, is_sandbox=True).exists()


def cut_page(found: list[T], limit: int, place: Callable[[T], tuple[datetime | None, UUID]]) -> Page[T]:
    if len(found) <= limit:
        return Page(found)
    moment, key = place(found[limit - 1])
    # Microseconds are what PostgreSQL keeps, so the cursor is exact; -1 stands for "never"
    at = -1 if moment is None else (moment - EPOCH) // timedelta(microseconds=1)
    return Page(found[:limit], encode_cursor(at, key.hex))


def decode_place(cursor: str) -> tuple[datetime | None, UUID]:
    at, key = decode_cursor(cursor, int, str)
    try:
        return (None if at == -1 else EPOCH + timedelta(microseconds=int(at))), UUID(hex=str(key))
    except (ValueError, OverflowError):
        raise bad_cursor() from None


def _parse_uuid(text: str) -> UUID:
    try:
        return UUID(hex=text)
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> InvalidRequestError:
    return invalid("cursor", "`cursor` is not a cursor that this list has returned.")
