"""One conversation as bubbles, newest page first, each page in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from core.clock import now
from core.cursors import decode_cursor, encode_cursor
from messaging.models import Attachment, Chat, Message, OutboxItem, OutboxStatus, Reaction, TypingIndicator
from messaging.viewer.states import State, state_of_item, state_of_message

PAGE = 50
GROUP_GAP = timedelta(minutes=2)
DAY_GAP = timedelta(hours=1)
EMOJI = {"love": "❤️", "like": "👍", "dislike": "👎", "laugh": "😂", "emphasize": "‼️", "question": "❓"}
WORDS = {
    "love": "loved",
    "like": "liked",
    "dislike": "disliked",
    "laugh": "laughed at",
    "emphasize": "emphasized",
    "question": "questioned",
}


@dataclass(frozen=True, slots=True)
class Tapback:
    """A reaction that stands now: the last word of its sender."""

    emoji: str
    word: str
    sender: str
    is_from_me: bool


@dataclass(slots=True, kw_only=True)
class Bubble:
    """One thing in the viewer: a message, or an outbox item that is not one yet."""

    key: str  # DOM id
    sent_at: datetime
    is_from_me: bool
    sender: str
    text: str | None
    state: State | None = None
    message: Message | None = None
    item: OutboxItem | None = None
    attachments: list[Attachment] = field(default_factory=list)
    tapbacks: list[Tapback] = field(default_factory=list)
    quote: Message | None = None
    has_quote: bool = False
    is_first_of_day: bool = False
    is_first: bool = True  # of a run of the same sender
    is_last: bool = True
    shows_state: bool = False

    @property
    def is_failed(self) -> bool:
        return self.state is not None and self.state.kind == "bad"


@dataclass(frozen=True, slots=True)
class BubblePage:
    bubbles: list[Bubble]
    older: str | None  # cursor of the page before, None at the beginning


def list_bubbles(chat: Chat, *, before: str | None = None, after: str | None = None, limit: int = PAGE) -> BubblePage:
    """A page of a chat, oldest first. ``before`` and ``after`` are cursors; without either the newest page.

    Items that are not messages yet are part of the newest page. At most 4 queries. Raises invalid_parameter_value.
    """
    found, older = _read_newer(chat, after, limit) if after else _read_older(chat, before, limit)
    bubbles = build_bubbles(found)
    if not before:
        bubbles += [_item_bubble(item, chat) for item in list_open_items(chat)]
    arrange(bubbles, is_group=chat.is_group)
    return BubblePage(bubbles, older)


def _read_older(chat: Chat, before: str | None, limit: int) -> tuple[list[Message], str | None]:
    """Messages before a cursor, or the newest, oldest first; and the cursor of the page before them."""
    rows = _with_reactions(chat)
    if before:
        sent_at, key = _place(before)
        rows = rows.filter(sent_at__lte=sent_at).filter(Q(sent_at__lt=sent_at) | Q(id__lt=key))
    return _turn(rows, limit)


def _turn(rows: QuerySet[Message], limit: int) -> tuple[list[Message], str | None]:
    """The newest of them, oldest first; and the cursor of the page before them."""
    found = list(rows.order_by("-sent_at", "-id")[: limit + 1])
    shown = found[:limit][::-1]
    return shown, cursor_of(shown[0]) if len(found) > limit else None


def _read_newer(chat: Chat, after: str, limit: int) -> tuple[list[Message], None]:
    sent_at, key = _place(after)
    newer = _with_reactions(chat).filter(Q(sent_at__gt=sent_at) | Q(sent_at=sent_at, id__gt=key))
    return list(newer.order_by("sent_at", "id")[:limit]), None


def _with_reactions(chat: Chat) -> QuerySet[Message]:
    """Messages of a chat, each with the history of its tapbacks as ``reactions_json``."""
    history = Reaction.objects.filter(message=OuterRef("pk")).order_by("sent_at", "id")
    fields = {name: name for name in ("sender", "part", "added", "emoji", "type", "is_from_me")}
    return Message.objects.filter(chat=chat).annotate(
        reactions_json=ArraySubquery(history.values(json=JSONObject(**fields)))
    )


def list_latest(chat: Chat, *, start: str | None, limit: int = 500) -> BubblePage:
    """Everything from a cursor on, itself included, with what is on its way: what a live viewer refreshes.

    Without a cursor as ``list_bubbles``. Raises invalid_parameter_value.
    """
    if not start:
        return list_bubbles(chat)
    sent_at, key = _place(start)
    rows = _with_reactions(chat).filter(Q(sent_at__gt=sent_at) | Q(sent_at=sent_at, id__gte=key))
    bubbles = build_bubbles(list(rows.order_by("sent_at", "id")[:limit]))
    bubbles += [_item_bubble(item, chat) for item in list_open_items(chat)]
    arrange(bubbles, is_group=chat.is_group)
    return BubblePage(bubbles, start)


def list_bubbles_around(chat: Chat, key: UUID, *, limit: int = PAGE) -> BubblePage | None:
    """The page that shows one message with what came before and up to ``limit`` after it; None if it is not there."""
    at = Subquery(Message.objects.filter(pk=key, chat=chat).values("sent_at"))
    rows = _with_reactions(chat).filter(sent_at__lte=at).filter(Q(sent_at__lt=at) | Q(id__lte=key))
    before, older = _turn(rows, limit // 2 + 1)
    if not before or before[-1].id != key:
        return None
    after, _ = _read_newer(chat, cursor_of(before[-1]), limit)
    bubbles = build_bubbles([*before, *after])
    bubbles += [_item_bubble(item, chat) for item in list_open_items(chat)]
    arrange(bubbles, is_group=chat.is_group)
    return BubblePage(bubbles, older)


def list_open_items(chat: Chat) -> list[OutboxItem]:
    """What people wait for or must look at: sends of this chat that have not become messages."""
    waiting = Q(status__in=[OutboxStatus.PENDING, OutboxStatus.CLAIMED])
    failed = Q(status=OutboxStatus.FAILED, message_id=None)
    items = OutboxItem.objects.filter(waiting | failed, chat_id=chat.id, operation__in=["send", "audio"])
    return list(items.order_by("-id")[:PAGE])[::-1]


def build_bubbles(messages: Sequence[Message]) -> list[Bubble]:
    """Bubbles of messages with attachments, standing tapbacks and quotes: 2 queries for any number."""
    if not messages:
        return []
    keys = [m.id for m in messages]
    attachments: defaultdict[UUID, list[Attachment]] = defaultdict(list)
    for attachment in Attachment.objects.filter(message__in=keys).select_related("file").order_by("position"):
        attachments[attachment.message_id].append(attachment)
    guids = {m.reply_to_guid for m in messages if m.reply_to_guid}
    quotes = {m.guid: m for m in Message.objects.filter(line_id=messages[0].line_id, guid__in=guids)} if guids else {}
    return [
        Bubble(
            key=m.public_id,
            sent_at=m.sent_at,
            is_from_me=m.is_from_me,
            sender=m.sender,
            text=m.text,
            message=m,
            attachments=attachments[m.id],
            tapbacks=standing_tapbacks(vars(m)["reactions_json"]),
            has_quote=bool(m.reply_to_guid),
            quote=quotes.get(m.reply_to_guid or ""),
            state=state_of_message(m) if m.is_from_me else None,
        )
        for m in messages
    ]


def standing_tapbacks(history: Iterable[dict[str, Any]]) -> list[Tapback]:
    """The tapbacks that stand after a history in order: a sender has one at a time, a removal takes it away."""
    standing: dict[tuple[str, int], dict[str, Any]] = {}
    for reaction in history:
        place = (reaction["sender"], reaction["part"])
        if reaction["added"]:
            standing[place] = reaction
        else:
            standing.pop(place, None)
    return [
        Tapback(EMOJI.get(r["type"], r["emoji"]), WORDS.get(r["type"], "reacted to"), r["sender"], r["is_from_me"])
        for r in standing.values()
    ]


def arrange(bubbles: list[Bubble], *, is_group: bool) -> None:
    """Marks days, runs of one sender, and where a state is worth showing: the last outgoing of its kind."""
    previous: Bubble | None = None
    for bubble in bubbles:
        new_day = previous is None or bubble.sent_at - previous.sent_at > DAY_GAP
        new_day = new_day or (previous is not None and bubble.sent_at.date() != previous.sent_at.date())
        bubble.is_first_of_day = new_day
        same = (
            previous is not None
            and not new_day
            and (previous.is_from_me, previous.sender) == (bubble.is_from_me, bubble.sender)
            and bubble.sent_at - previous.sent_at <= GROUP_GAP
        )
        bubble.is_first, bubble.is_last = not same, True
        if same and previous is not None:
            previous.is_last = False
        previous = bubble
    shown: set[str] = set()
    for bubble in reversed(bubbles):
        if bubble.state is None:
            continue
        word = bubble.state.word
        bubble.shows_state = bubble.is_failed or bubble.item is not None or word not in shown
        shown.add(word)


def with_typing(chats: QuerySet[Chat]) -> QuerySet[Chat]:
    """Adds ``typing_now``: handles that typed within the last minute and have not stopped."""
    fresh = now() - timedelta(seconds=60)
    rows = TypingIndicator.objects.filter(chat=OuterRef("pk"), is_typing=True, updated_at__gt=fresh)
    return chats.annotate(typing_now=ArraySubquery(rows.values("handle")))


def cursor_of(message: Message) -> str:
    return encode_cursor(message.sent_at.isoformat(), message.id.hex)


def _place(cursor: str) -> tuple[datetime, UUID]:
    sent_at, key = decode_cursor(cursor, str, str)
    try:
        return datetime.fromisoformat(str(sent_at)), UUID(hex=str(key))
    except ValueError:
        return now(), UUID(int=0)


def _item_bubble(item: OutboxItem, chat: Chat) -> Bubble:
    return Bubble(
        key=item.public_id,
        sent_at=item.created_at,
        is_from_me=True,
        sender="",
        text=item.content.get("text"),
        item=item,
        state=state_of_item(item),
    )
