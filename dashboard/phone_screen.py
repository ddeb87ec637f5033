"""What a virtual phone shows of one conversation, and what the organization's code sees of it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.clock import now
from events.models import Event
from events.types import PUBLIC_EVENTS
from messaging.models import Chat
from messaging.viewer.bubbles import EMOJI, WORDS
from transports.simulator.models import PhoneChat, PhoneMessage, VirtualPhone
from transports.simulator.network import list_phone_messages

SHOWN = 60
SEEN = 8
TYPING_SECONDS = 60


@dataclass(slots=True, kw_only=True)
class PhoneBubble:
    """A message on the phone's screen. ``is_mine`` is the phone owner's side: the blue one."""

    guid: str
    text: str | None
    sent_at: datetime
    is_mine: bool
    files: list[dict[str, object]]
    tapbacks: list[tuple[str, str]]  # emoji, words
    state: str
    state_at: datetime | None
    is_unsent: bool
    is_edited: bool
    quote: str | None
    is_first: bool = True
    is_last: bool = True
    is_first_of_day: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    bubbles: list[PhoneBubble]
    is_line_typing: bool


def build_screen(phone: VirtualPhone, line_handle: str) -> Screen:
    """The newest messages between a phone and a line, oldest first; two queries."""
    chat = PhoneChat.objects.filter(guid=f"any;-;{line_handle};{phone.handle}").first()
    if chat is None:
        return Screen([], False)
    moment = now()
    rows = [m for m in list_phone_messages(phone=phone, chat=chat, limit=SHOWN) if not m.error]
    texts = {m.guid: m.text for m in rows}
    bubbles = [_bubble(m, phone, texts, moment) for m in rows]
    previous: PhoneBubble | None = None
    for bubble in bubbles:
        bubble.is_first_of_day = previous is None or bubble.sent_at - previous.sent_at > timedelta(hours=1)
        if previous is not None and not bubble.is_first_of_day and previous.is_mine == bubble.is_mine:
            bubble.is_first = False
            previous.is_last = False
        previous = bubble
    last_mine = next((b for b in reversed(bubbles) if b.is_mine), None)
    for bubble in bubbles:
        if bubble is not last_mine:
            bubble.state = ""
    typing = chat.line_typing_at is not None and chat.line_typing_at > moment - timedelta(seconds=TYPING_SECONDS)
    return Screen(bubbles, typing)


def _bubble(m: PhoneMessage, phone: VirtualPhone, texts: dict[str, str | None], moment: datetime) -> PhoneBubble:
    is_mine = m.sender == phone.handle
    read = m.read_at is not None and m.read_at <= moment
    tapbacks = [(EMOJI.get(r["type"], r["type"]), _say(r, phone)) for r in m.reactions]
    return PhoneBubble(
        guid=m.guid,
        text=m.text,
        sent_at=m.sent_at,
        is_mine=is_mine,
        files=m.files,
        tapbacks=tapbacks,
        state="Read" if read else "Delivered",
        state_at=m.read_at if read else None,
        is_unsent=m.unsent_at is not None,
        is_edited=m.edited_at is not None,
        quote=texts.get(m.reply_to_guid) if m.reply_to_guid else None,
    )


def _say(reaction: dict[str, str], phone: VirtualPhone) -> str:
    who = "You" if reaction["sender"] == phone.handle else "The line"
    return f"{who} {WORDS.get(reaction['type'], 'reacted to')} this"


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A public event as a webhook carries it, pretty-printed."""

    id: UUID
    type: str
    at: datetime
    body: str


def list_seen_events(organization_id: UUID, handle: str) -> list[SeenEvent]:
    """The newest public events of the chats with one phone."""
    chats = list(Chat.objects.filter(organization=organization_id, participants__contains=[handle]).values_list("id"))
    keys = [key for (key,) in chats]
    if not keys:
        return []
    rows = Event.objects.filter(organization_id=organization_id, chat_id__in=keys, type__in=PUBLIC_EVENTS)
    return [
        SeenEvent(
            e.id,
            e.type,
            e.occurred_at,
            json.dumps({"event": e.type, "data": json.loads(e.data)}, indent=2, ensure_ascii=False),
        )
        for e in rows.order_by("-id")[:SEEN]
    ]
