"""The viewer's bubbles: order, runs, states, tapbacks, quotes, and a fixed number of queries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from pytest_django import DjangoAssertNumQueries

from accounts.models import Organization
from core.clock import now
from core.ids import uuid7, uuid7_floor, uuid7_run
from messaging.models import Chat, Message, OutboxItem, Reaction
from messaging.viewer.bubbles import list_bubbles, list_bubbles_around, list_latest
from messaging.viewer.chats import list_chat_page, list_sections

START = now() - timedelta(hours=6)


def say(chat: Chat, text: str, *, minute: float = 0, me: bool = False, **fields: Any) -> Message:
    at = START + timedelta(minutes=minute)
    fields.setdefault("guid", f"G-{text}-{minute}")
    message = Message.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat=chat,
        sender=chat.line.handle if me else chat.identifier,
        text=text,
        is_from_me=me,
        sent_at=at,
        synced_at=at,
        service="iMessage",
        **fields,
    )
    Chat.objects.filter(pk=chat.pk).update(last_message_at=at, last_text=text)
    return message


def react(message: Message, type_: str, *, added: bool = True, second: int = 0) -> None:
    at = message.sent_at + timedelta(seconds=second)
    Reaction.objects.create(
        message=message,
        event_key=f"{message.guid}{type_}{second}",
        type=type_,
        sender="+15550100144",
        is_from_me=False,
        added=added,
        sent_at=at,
        synced_at=at,
    )


def search(organization: Organization, query: str) -> list[Chat]:
    return list_chat_page(organization, show="all", query=query, line=None, before=None).chats


def test_pages_go_backwards_without_gap_or_repeat(chat: Chat) -> None:
    for minute in range(7):
        say(chat, f"m{minute}", minute=minute)
    newest = list_bubbles(chat, limit=3)
    middle = list_bubbles(chat, before=newest.older, limit=3)
    oldest = list_bubbles(chat, before=middle.older, limit=3)
    assert [b.text for page in (oldest, middle, newest) for b in page.bubbles] == [f"m{n}" for n in range(7)]
    assert oldest.older is None


def test_pages_go_forwards_from_a_message_to_the_end(chat: Chat) -> None:
    messages = [say(chat, f"m{minute}", minute=minute) for minute in range(9)]
    found = list_bubbles_around(chat, messages[1].id, limit=2)
    assert found is not None
    texts = [b.text for b in found.bubbles]
    while found.newer:
        found = list_bubbles(chat, after=found.newer, limit=2)
        texts += [b.text for b in found.bubbles]
    assert texts == [f"m{n}" for n in range(9)]


def test_a_live_viewer_gets_what_came_after_its_first_message_and_hears_of_a_gap(chat: Chat) -> None:
    messages = [say(chat, f"m{minute}", minute=minute) for minute in range(6)]
    whole = list_latest(chat, start=messages[3].id, limit=3)
    assert ([b.text for b in whole.bubbles], whole.older) == (["m3", "m4", "m5"], None)
    cut = list_latest(chat, start=messages[2].id, limit=3)
    assert [b.text for b in cut.bubbles] == ["m3", "m4", "m5"]
    assert cut.older


def test_a_failed_send_stands_at_its_time_in_the_page_of_that_time(chat: Chat) -> None:
    for minute in range(6):
        say(chat, f"m{minute}", minute=minute)
    at = START + timedelta(minutes=1.5)
    OutboxItem.objects.create(
        id=UUID(int=uuid7_floor(at).int + 1), organization_id=chat.organization_id, line_id=chat.line_id,
        chat_id=chat.id, operation="send", payload={}, content={"text": "failed"}, status="failed", lane="x",
        error="not_registered", created_at=at, deadline_at=now(),
    )  # fmt: skip
    newest = list_bubbles(chat, limit=3)
    older = list_bubbles(chat, before=newest.older, limit=3)
    assert [b.text for b in newest.bubbles] == ["m3", "m4", "m5"]
    assert [b.text for b in older.bubbles] == ["m0", "m1", "failed", "m2"]
    assert [b.text for b in list_bubbles(chat).bubbles] == ["m0", "m1", "failed", "m2", "m3", "m4", "m5"]


def test_a_page_costs_the_same_number_of_queries_whatever_its_length(
    chat: Chat, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = say(chat, "first")
    for minute in range(1, 40):
        react(say(chat, f"m{minute}", minute=minute, reply_to_guid=first.guid), "like")
    with django_assert_num_queries(4):
        page = list_bubbles(chat)
        assert all(b.quote == first for b in page.bubbles[1:])
        assert all([t.emoji for t in b.tapbacks] == ["👍"] for b in page.bubbles[1:])


def test_only_the_standing_tapback_of_a_sender_shows(chat: Chat) -> None:
    message = say(chat, "hello")
    react(message, "like", second=1)
    react(message, "love", second=2)
    assert [t.emoji for t in list_bubbles(chat).bubbles[0].tapbacks] == ["❤️"]
    react(message, "love", added=False, second=3)
    assert list_bubbles(chat).bubbles[0].tapbacks == []


def test_runs_days_and_the_last_state_of_each_kind(chat: Chat) -> None:
    say(chat, "a", minute=0)
    say(chat, "b", minute=1)
    say(chat, "c", minute=1.5, me=True, delivered_at=now())
    say(chat, "d", minute=2, me=True, delivered_at=now())
    say(chat, "e", minute=90, me=True)
    a, b, c, d, e = list_bubbles(chat).bubbles
    assert (a.is_first, a.is_last, b.is_first, b.is_last) == (True, False, False, True)
    assert [x.is_first_of_day for x in (a, b, c, d, e)] == [True, False, False, False, True]
    assert [x.shows_state for x in (c, d, e)] == [False, True, True]
    assert [x.state.word for x in (c, d, e) if x.state] == ["Delivered", "Delivered", "Sent"]


def test_sends_on_their_way_stand_at_the_end_after_those_that_failed(chat: Chat) -> None:
    say(chat, "hello")
    for status, fields in (
        ("pending", {}),
        ("pending", {"held_reason": "reach_outs", "resumes_at": now()}),
        ("failed", {"error": "not_registered"}),
        ("failed", {"error": "delivery_unknown"}),
    ):
        OutboxItem.objects.create(
            organization_id=chat.organization_id,
            line_id=chat.line_id,
            chat_id=chat.id,
            operation="send",
            payload={},
            content={"text": status},
            status=status,
            deadline_at=now(),
            lane="x",
            **fields,
        )
    words = [b.state.word for b in list_bubbles(chat).bubbles if b.state]
    assert words == ["Not sent", "Unknown", "Accepted", "Held"]


def test_a_deep_link_shows_the_message_between_its_neighbours(chat: Chat) -> None:
    messages = [say(chat, f"m{n}", minute=n) for n in range(20)]
    page = list_bubbles_around(chat, messages[10].id, limit=6)
    assert page is not None
    assert [b.text for b in page.bubbles] == [f"m{n}" for n in range(7, 17)]
    assert list_bubbles_around(chat, uuid7()) is None


def test_conversations_are_found_by_handle_name_and_text(chat: Chat, lumen: Organization, other: Organization) -> None:
    say(chat, "the ferry to Lisbon leaves at nine")
    Chat.objects.filter(pk=chat.pk).update(name="Maya Okafor")
    for query in ("0144", "+1 (555) 010-0144", "maya", "Lisbon ferry"):
        assert search(lumen, query) == [chat], query
    assert not search(lumen, "Porto")
    assert not search(other, "Lisbon")


def test_lists_page_by_keyset_and_section_by_line(chat: Chat, lumen: Organization) -> None:
    for n in range(60):
        one = Chat.objects.create(
            organization=lumen, line=chat.line, key=f"d:{n}", identifier=f"+1555010{n:04d}", participants=[]
        )
        Chat.objects.filter(pk=one.pk).update(last_message_at=START + timedelta(minutes=n))
    first = list_chat_page(lumen, show="all", query="", line=None, before=None)
    rest = list_chat_page(lumen, show="all", query="", line=None, before=first.older)
    assert len(first.chats) == 50
    assert len(rest.chats) == 10
    assert not {c.id for c in first.chats} & {c.id for c in rest.chats}
    (section,) = list_sections(lumen, show="all").sections
    assert (len(section.chats), section.has_more) == (15, True)


def test_a_rare_word_is_found_far_behind_the_newest_messages(chat: Chat, lumen: Organization) -> None:
    say(chat, "the ferry to Lisbon leaves at nine")
    later = Chat.objects.create(
        organization=lumen, line=chat.line, key="d:+15550100145", identifier="+15550100145", last_message_at=now()
    )
    ids = uuid7_run(1100)
    Message.objects.bulk_create(
        Message(
            id=UUID(hex=key), organization_id=lumen.id, line_id=chat.line_id, chat_id=later.id, guid=f"later-{key}",
            sender="+15550100145", text="on my way", is_from_me=False, sent_at=now(), synced_at=now(),
        )
        for key in ids
    )  # fmt: skip
    assert search(lumen, "Lisbon ferry") == [chat]
    assert search(lumen, "on my way") == [later]
