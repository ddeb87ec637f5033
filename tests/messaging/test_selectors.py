"""Pages of chats and messages, and who may read what."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from core.clock import now
from core.errors import AppError
from lines.models import Line, SandboxPairing
from messaging import selectors
from messaging.addressing import Sender
from messaging.models import Attachment, Chat, Message, OutboxItem
from messaging.payloads import message_item


def say(chat: Chat, guid: str, *, second: int = 0) -> Message:
    at = now().replace(microsecond=123_456) - timedelta(hours=1) + timedelta(seconds=second)
    return Message.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat=chat,
        guid=guid,
        sender=chat.identifier,
        text=guid,
        is_from_me=False,
        sent_at=at,
        synced_at=at,
    )


def walk(fetch: Any, **arguments: Any) -> list[Any]:
    items, cursor = [], None
    while True:
        page = fetch(cursor=cursor, **arguments)
        items += page.items
        assert page.has_more == (page.next_cursor is not None)
        if not page.has_more:
            return items
        cursor = page.next_cursor


def test_messages_come_newest_first_without_gap_or_repeat(chat: Chat) -> None:
    at = now()
    for n in range(7):
        say(chat, f"G{n}", second=n // 2)
    Message.objects.filter(guid__in=["G3", "G4"]).update(sent_at=at)
    found = walk(selectors.list_messages, chat_id=chat.id, limit=2)
    order = [message.guid for message, _ in found]
    expected = Message.objects.order_by("-sent_at", "-id").values_list("guid", flat=True)
    assert order == list(expected)


def test_a_page_costs_two_queries_and_is_found_by_the_index(chat: Chat) -> None:
    for n in range(10):
        message = say(chat, f"G{n}", second=n)
        Attachment.objects.bulk_create([Attachment(message=message, position=p) for p in range(2)])
    cursor = selectors.list_messages(chat_id=chat.id, limit=5).next_cursor
    with CaptureQueriesContext(connection) as queries:
        page = selectors.list_messages(chat_id=chat.id, limit=5, cursor=cursor)
        shown = [message_item(message, attachments=rows) for message, rows in page.items]
    assert len(queries) == 2
    assert [len(item["attachments"]) for item in shown] == [2] * 5
    with connection.cursor() as raw:
        # The planner may not choose by cost: with few rows and no statistics any path looks as cheap.
        for path in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            raw.execute(f"SET LOCAL enable_{path} = off")
        raw.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(row[0] for row in raw.fetchall())
    assert "message_chat_newest" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzEsMl0", "WzEsIngiXQ", "WzksImEiXQ=="])
def test_a_made_up_cursor_is_refused(chat: Chat, cursor: str) -> None:
    for fetch in (
        lambda: selectors.list_messages(chat_id=chat.id, cursor=cursor),
        lambda: selectors.list_chats(organization_id=chat.organization_id, line_id=chat.line_id, cursor=cursor),
    ):
        with pytest.raises(AppError) as caught:
            fetch()
        assert (caught.value.status, caught.value.param) == (400, "cursor")


def test_chats_come_by_activity_and_silent_ones_last(line: Line, lumen: Organization) -> None:
    for n in range(7):
        Chat.objects.create(
            organization=lumen,
            line=line,
            key=f"d:{n}",
            identifier=str(n),
            last_message_at=now() - timedelta(minutes=n % 3) if n < 5 else None,
        )
    found = walk(selectors.list_chats, organization_id=lumen.id, line_id=line.id, limit=2)
    assert len({chat.id for chat in found}) == 7
    times = [chat.last_message_at for chat in found]
    assert times[5:] == [None, None]
    assert times[:5] == sorted([t for t in times if t], reverse=True)


def refused(act: Any, **arguments: Any) -> str:
    with pytest.raises(AppError) as caught:
        act(**arguments)
    return caught.value.code


def test_reading_follows_the_same_order_of_checks(chat: Chat, lumen: Organization, other: Organization) -> None:
    mine, theirs = Sender(organization_id=lumen.id), Sender(organization_id=other.id)
    shut_out = Sender(organization_id=lumen.id, line_ids=frozenset())
    act, line = selectors.get_readable_chat, chat.line.handle
    assert act(sender=mine, line=line, to=chat.identifier).chat_id == chat.id
    assert act(sender=mine, line=" 15550100042", to=chat.public_id).chat_id == chat.id
    assert refused(act, sender=theirs, line=line, to=chat.public_id) == "line_not_found"
    assert refused(act, sender=shut_out, line=line, to=chat.public_id) == "line_not_accessible"
    assert refused(act, sender=mine, line=line, to="+15550100199") == "chat_not_found"
    assert refused(selectors.get_readable_line, sender=mine, line="") == "missing_required_parameter"


def test_messages_and_items_of_others_do_not_exist(chat: Chat, lumen: Organization, other: Organization) -> None:
    message = say(chat, "G1")
    item = OutboxItem.objects.create(
        organization_id=lumen.id,
        line_id=chat.line_id,
        chat_id=chat.id,
        operation="send",
        payload={},
        lane="l",
        deadline_at=now(),
    )
    mine, theirs = Sender(organization_id=lumen.id), Sender(organization_id=other.id)
    shut_out = Sender(organization_id=lumen.id, line_ids=frozenset())
    assert selectors.get_message(sender=mine, message_id=message.public_id) == message
    assert selectors.get_message(sender=mine, message_id="G1") == message
    assert selectors.get_outbox_item(sender=mine, item_id=item.public_id) == item
    for sender in (theirs, shut_out):
        for name in (message.public_id, "G1"):
            assert refused(selectors.get_message, sender=sender, message_id=name) == "message_not_found"
        assert refused(selectors.get_outbox_item, sender=sender, item_id=item.public_id) == "outbox_item_not_found"
    assert refused(selectors.get_outbox_item, sender=mine, item_id="msg_1") == "invalid_parameter_value"
    assert refused(selectors.get_outbox_item, sender=mine, item_id="obx_1") == "outbox_item_not_found"
    page = selectors.list_outbox_items(organization_id=lumen.id, limit=1)
    assert (page.items, page.has_more) == ([item], False)


def test_a_chat_of_an_earlier_pairing_is_out_of_reach(lumen: Organization) -> None:
    line = Line.objects.create(handle="+15550100001", is_sandbox=True)
    pairing = SandboxPairing.objects.create(
        organization=lumen, line=line, status="active", contact_identifier="+15550100155"
    )
    old = Chat.objects.create(organization=lumen, line=line, key="d:+15550100144", identifier="+15550100144")
    message, sender = say(old, "G1"), Sender(organization_id=lumen.id)
    assert refused(selectors.get_message, sender=sender, message_id=message.public_id) == "message_not_found"
    answer = refused(selectors.get_readable_chat, sender=sender, line=line.handle, to=old.public_id)
    assert answer == "sandbox_contact_mismatch"
    pairing.contact_identifier = old.identifier
    pairing.save()
    assert selectors.get_readable_chat(sender=sender, line=line.handle, to=old.public_id).chat_id == old.id
    assert selectors.get_readable_line(sender=sender, line=line.handle).chat_id == old.id
