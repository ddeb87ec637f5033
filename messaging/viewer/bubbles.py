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
from django.utils.timezone import localdate

from core.clock import now
from core.cursors import decode_cursor, encode_cursor
from core.ids import uuid7_floor
from messaging.models import Attachment, Chat, Message, OutboxItem, OutboxStatus, Reaction, TypingIndicator
from messaging.viewer.states import State, state_of_item, state_of_message

PAGE = 50
LATEST = 500  # messages a live viewer asks for again at most
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

    @property
    def is_on_its_way(self) -> bool:
        return self.item is not None and self.item.status != OutboxStatus.FAILED


@dataclass(frozen=True, slots=True)
class BubblePage:
    bubbles: list[Bubble]
    older: str | None  # cursor of the page before, None at the beginning
    newer: str | None = None  # cursor of the page after, None where the page reaches the end


def list_bubbles(chat: Chat, *, before: str | None = None, after: str | None = None, limit: int = PAGE) -> BubblePage:
    """A page of a chat, oldest first. ``before`` and ``after`` are cursors; without either the newest page.

    Sends that are no messages stand at their time, those on their way at the end. At most 4 queries. Raises
    invalid_parameter_value.
    """
    if after and not before:
        found, newer = _read_newer(chat, after, limit)
        older = cursor_of(found[0]) if found else None
        return _build_page(chat, found, older=older, newer=newer, since=_place(after)[0])
    found, older = _read_older(chat, before, limit)
    since = found[0].sent_at if found and older else None
    if not before:
        return _build_page(chat, found, older=older, since=since)
    newer = cursor_of(found[-1]) if found else None
    return _build_page(chat, found, older=older, newer=newer, since=since, until=_place(before)[0])


def _build_page(
    chat: Chat,
    found: Sequence[Message],
    *,
    older: str | None,
    newer: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> BubblePage:
    """Messages with the sends that belong between them."""
    if newer and found and until is None:
        until = found[-1].sent_at
    bubbles = [*build_bubbles(found), *[_item_bubble(item) for item in list_open_items(chat, since=since, until=until)]]
    bubbles.sort(key=lambda bubble: (bubble.is_on_its_way, bubble.sent_at))  # stable: messages keep their order
    arrange(bubbles)
    return BubblePage(bubbles, older, newer)


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


def _read_newer(chat: Chat, after: str, limit: int) -> tuple[list[Message], str | None]:
    """Messages after a cursor, oldest first; and the cursor of the page after them."""
    sent_at, key = _place(after)
    rows = _with_reactions(chat).filter(sent_at__gte=sent_at).filter(Q(sent_at__gt=sent_at) | Q(id__gt=key))
    found = list(rows.order_by("sent_at", "id")[: limit + 1])
    shown = found[:limit]
    return shown, cursor_of(shown[-1]) if len(found) > limit else None


def _with_reactions(chat: Chat) -> QuerySet[Message]:
    """Messages of a chat, each with the history of its tapbacks as ``reactions_json``."""
    history = Reaction.objects.filter(message=OuterRef("pk")).order_by("sent_at", "id")
    fields = {name: name for name in ("sender", "part", "added", "emoji", "type", "is_from_me")}
    return Message.objects.filter(chat=chat).annotate(
        reactions_json=ArraySubquery(history.values(json=JSONObject(**fields)))
    )


def list_latest(chat: Chat, *, start: UUID | None, limit: int = LATEST) -> BubblePage:
    """Everything from a message on, itself included, with what is on its way: what a live viewer refreshes.

    ``older`` is set where that is more than ``limit`` messages: then these are the newest of them.
    Without a message as ``list_bubbles``.
    """
    if start is None:
        return list_bubbles(chat)
    at = Subquery(Message.objects.filter(pk=start, chat=chat).values("sent_at"))
    rows = _with_reactions(chat).filter(sent_at__gte=at).filter(Q(sent_at__gt=at) | Q(id__gte=start))
    found, older = _turn(rows, limit)
    return _build_page(chat, found, older=older, since=found[0].sent_at if found else None)


def list_bubbles_around(chat: Chat, key: UUID, *, limit: int = PAGE) -> BubblePage | None:
    """The page that shows one message with what came before and up to ``limit`` after it; None if it is not there."""
    at = Subquery(Message.objects.filter(pk=key, chat=chat).values("sent_at"))
    rows = _with_reactions(chat).filter(sent_at__lte=at).filter(Q(sent_at__lt=at) | Q(id__lte=key))
    before, older = _turn(rows, limit // 2 + 1)
    if not before or before[-1].id != key:
        return None
    after, newer = _read_newer(chat, cursor_of(before[-1]), limit)
    return _build_page(chat, [*before, *after], older=older, newer=newer, since=before[0].sent_at if older else None)


def list_open_items(chat: Chat, *, since: datetime | None = None, until: datetime | None = None) -> list[OutboxItem]:
    """What people wait for or must look at: sends that have not become messages, accepted between two moments.

    What is still on its way belongs to the end of the chat: it is there whatever its age, and not with ``until``.
    """
    waiting = Q(status__in=[OutboxStatus.PENDING, OutboxStatus.CLAIMED])
    failed = Q(status=OutboxStatus.FAILED, message_id=None, retried_by=None)
    if since:
        failed &= Q(id__gte=uuid7_floor(since))
    wanted = failed & Q(id__lt=uuid7_floor(until)) if until else failed | waiting
    items = OutboxItem.objects.filter(wanted, chat_id=chat.id, operation__in=["send", "audio"])
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


def arrange(bubbles: list[Bubble]) -> None:
    """Marks days, runs of one sender, and where a state is worth showing: the last outgoing of its kind."""
    previous: Bubble | None = None
    for bubble in bubbles:
        new_day = previous is None or bubble.sent_at - previous.sent_at > DAY_GAP
        new_day = new_day or (previous is not None and localdate(bubble.sent_at) != localdate(previous.sent_at))
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


def _item_bubble(item: OutboxItem) -> Bubble:
    return Bubble(
        key=item.public_id,
        sent_at=item.created_at,
        is_from_me=True,
        sender="",
        text=item.content.get("text"),
        item=item,
        state=state_of_item(item),
    )
