"""The month before today: talks of a travel concierge with its customers, as the services would have left them.

Rows are written in bulk with keys of their own time; what is counted, the product counts: ``move_chat`` and
``count_failed`` for lines and chats. Everything ends before the 24 hours that a line's meters look at.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from accounts.models import ApiKey, Organization, User
from core.clock import now
from core.ids import OUTBOX, new_request_id, public_id, uuid7_at
from core.partitions import create_current_partitions
from dashboard.demo_scripts import REMINDERS, TALKS
from lines.limit_math import floor_day, floor_hour
from lines.models import Line
from lines.services.counting import count_failed
from lines.services.organization_hours import MONTH, add_up_hours
from messaging.models import Chat, Message, OutboxItem
from messaging.payloads import last_text
from messaging.services.outbox_insert import lane_of
from messaging.services.rollups import clear_unread, move_chat

DAYS = 30
CONTACTS = 25
EU_CONTACTS = 7  # the last of them write to the second line
SEED = 20
BUSY_DAY = 9  # days ago: the afternoon on which an endpoint had trouble
WEEKDAYS = (1.0, 1.1, 1.0, 1.2, 1.5, 0.7, 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Who is there: ``bot`` sends through the API, ``person`` from the dashboard."""

    organization: Organization
    person: User
    bot: ApiKey
    lines: tuple[Line, Line]


@dataclass(slots=True)
class Said:
    """One message of the month. ``item`` is set for ours; ``is_lost``: the send failed, so there is no message."""

    at: datetime
    chat: Chat
    line: Line
    is_ours: bool
    text: str
    by_person: bool = False
    is_lost: bool = False
    item: OutboxItem | None = None
    message: Message | None = None


@dataclass(slots=True)
class Month:
    """What was made, for those who add to it."""

    said: list[Said] = field(default_factory=list)

    @property
    def messages(self) -> list[tuple[Message, Line]]:
        return [(one.message, one.line) for one in self.said if one.message is not None]

    @property
    def items(self) -> list[OutboxItem]:
        return [one.item for one in self.said if one.item is not None]


def get_end(at: datetime) -> datetime:
    """The month's end: the beginning of the 24 hours that meters look at."""
    return floor_hour(at) - timedelta(hours=24)


def make_partitions() -> None:
    for table in settings.PARTITIONED_TABLES:
        create_current_partitions(table, today=now().date(), days_back=DAYS)


def make_month(cast: Cast) -> Month:
    rng = random.Random(SEED)
    chats = _make_chats(cast)
    month = Month(sorted(_talk(rng, cast, chats), key=lambda one: one.at))
    for one in month.said:
        if one.is_ours:
            one.item = _item_of(one, cast, rng)
        if not one.is_lost:
            one.message = _message_of(one, rng)
    OutboxItem.objects.bulk_create(month.items)
    Message.objects.bulk_create(message for message, _ in month.messages)
    _count(month)
    add_up_hours(length=MONTH)
    return month


def _make_chats(cast: Cast) -> list[Chat]:
    chats = []
    for number in range(CONTACTS):
        handle = f"+1555010{300 + number:04}"
        line = cast.lines[number >= CONTACTS - EU_CONTACTS]
        chat = Chat(
            organization=cast.organization, line=line, key=f"d:{handle}", identifier=handle,
            guids=[f"any;-;{handle}"], participants=[handle],
        )  # fmt: skip
        chats.append(chat)
    return Chat.objects.bulk_create(chats)


def _talk(rng: random.Random, cast: Cast, chats: list[Chat]) -> Iterator[Said]:
    """Talks on days drawn by their weight, each contact at most once on a day."""
    end = get_end(now())
    days = [floor_day(end) - timedelta(days=n) for n in reversed(range(DAYS - 1))]
    weights = [WEEKDAYS[day.weekday()] * (0.8 + n / DAYS / 2) for n, day in enumerate(days)]
    busy = floor_day(now()) - timedelta(days=BUSY_DAY)
    for chat in chats:
        chosen = {*rng.choices(days, weights, k=7), *([busy] if rng.random() < 0.12 else [])}
        for day in sorted(chosen):
            hour = rng.uniform(12.5, 16.5) if day == busy else rng.choice((rng.gauss(9.5, 1.5), rng.gauss(16.5, 2.2)))
            start = day + timedelta(hours=min(max(hour, 6.2), 21.5))
            talk = list(_one_talk(rng, chat, start))
            if talk[-1].at < end:
                yield from talk


def _one_talk(rng: random.Random, chat: Chat, start: datetime) -> Iterator[Said]:
    at = start
    words = {"code": rng.randint(1100, 9899), "day": f"{start + timedelta(days=2):%A}", "room": rng.randint(101, 418)}
    for is_ours, text in rng.choice(TALKS):
        said = Said(at, chat, chat.line, is_ours, text.format(**words))
        if is_ours and rng.random() < 0.015:  # the bot's send fails, and a person sends it again
            said.is_lost = True
            yield said
            at += timedelta(seconds=rng.uniform(200, 700))
            said = Said(at, chat, chat.line, is_ours, said.text, by_person=True)
        elif is_ours:
            said.by_person = rng.random() < 0.08
        yield said
        at += timedelta(seconds=rng.uniform(4, 30) if not is_ours else rng.uniform(25, 200))
    if rng.random() < 0.12:
        at = floor_day(start) + timedelta(days=1, hours=min(start.hour + 2, 20), minutes=rng.randint(0, 59))
        yield Said(at, chat, chat.line, True, rng.choice(REMINDERS))


def _item_of(one: Said, cast: Cast, rng: random.Random) -> OutboxItem:
    queued = one.at - timedelta(milliseconds=rng.uniform(15, 60))
    completed = one.at + timedelta(milliseconds=rng.uniform(3, 12) + (17_500 if one.is_lost else 0))
    payload = {"from": one.line.handle, "to": one.chat.identifier, "text": one.text}
    return OutboxItem(
        id=uuid7_at(queued), organization_id=cast.organization.id, line_id=one.line.id, chat_id=one.chat.id,
        api_key_id=None if one.by_person else cast.bot.id, user_id=cast.person.pk if one.by_person else None,
        request_id="" if one.by_person else new_request_id(), operation="send", payload=payload,
        content={"text": one.text}, status="failed" if one.is_lost else "sent", attempts=3 if one.is_lost else 1,
        error="engine_error" if one.is_lost else None, created_at=queued, completed_at=completed,
        lane=lane_of(line_id=one.line.id, chat_id=one.chat.id, operation="send"), claimed_by="worker:1",
        claimed_at=queued + timedelta(milliseconds=4), started_at=queued + timedelta(milliseconds=7),
        not_before=queued, deadline_at=queued + timedelta(hours=settings.OUTBOX_DEADLINE_HOURS),
        parts_sent=0 if one.is_lost else 1, guid="" if one.is_lost else _new_guid(),
    )  # fmt: skip


def _message_of(one: Said, rng: random.Random) -> Message:
    synced = one.at + timedelta(milliseconds=rng.uniform(2, 9) if one.is_ours else rng.uniform(120, 900))
    message = Message(
        id=uuid7_at(synced), organization_id=one.chat.organization_id, line_id=one.line.id, chat=one.chat,
        guid=one.item.guid if one.item else _new_guid(),
        sender=one.line.handle if one.is_ours else one.chat.identifier, text=one.text, service="iMessage",
        is_from_me=one.is_ours, sent_at=one.at, synced_at=synced, outbox_id=one.item.id if one.item else None,
    )  # fmt: skip
    if one.item:
        one.item.message_id = message.id
        message.delivered_at = one.at + timedelta(seconds=rng.uniform(0.4, 2.5))
        if rng.random() < 0.85:
            message.read_at = message.delivered_at + timedelta(seconds=rng.uniform(3, 20))
    return message


def _new_guid() -> str:
    return str(uuid4()).upper()


def _count(month: Month) -> None:
    """In the order in which it was said, as each message's own transaction would have."""
    for one in month.said:
        if one.message is None:
            assert one.item is not None
            assert one.item.completed_at is not None
            count_failed(line_id=one.line.id, at=one.item.completed_at)
            continue
        move_chat(
            chat_id=one.chat.id, message_id=one.message.id, sent_at=one.at, is_from_me=one.is_ours,
            sender=one.message.sender, text=last_text(one.text, (), is_audio=False), is_audio=False,
            service="iMessage",
        )  # fmt: skip
    began: dict[UUID, datetime] = {}
    for one in month.said:
        began.setdefault(one.chat.id, one.at)
    for chat_id in {one.chat.id for one in month.said}:
        clear_unread(chat_id=chat_id)  # somebody has looked since
    set_times("messaging_chat", "created_at", began)
    Chat.objects.filter(organization=month.said[0].chat.organization_id, last_message_at=None).delete()


def set_times(table: str, column: str, moments: dict[Any, datetime]) -> None:
    """What a row's own insertion would have been told by the clock then."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS t SET {column} = v.at FROM unnest(%s::uuid[], %s::timestamptz[]) AS v (id, at)"
            " WHERE t.id = v.id",
            [list(moments), list(moments.values())],
        )


def show_queued(item: OutboxItem) -> dict[str, Any]:
    """The answer of the API to a send, without the request's id."""
    return {"id": public_id(OUTBOX, item.id), "status": "pending"}
