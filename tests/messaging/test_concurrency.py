"""Several workers at once: order per line, nothing twice, no circle of waiting."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from core.clock import now
from events.models import Event as Logged
from events.services import START, read_events
from lines.models import Line, LineHour
from messaging.models import Chat, InboundEvent, Message, OutboxItem
from messaging.services.receive import apply_inbound, store_events
from messaging.services.sent import record_sent
from tests.messaging.inbound import upsert

pytestmark = pytest.mark.django_db(transaction=True)


def run_together(*acts: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def guarded(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_workers_share_lines_and_keep_each_lines_order(line: Line) -> None:
    second = Line.objects.create(organization=line.organization, handle="+15550100043")
    for one in (line, second):
        store_events(line_id=one.id, events=[upsert(f"{one.handle}-{n:03}") for n in range(40)][:40])
    run_together(*[lambda: apply_inbound(limit=7)] * 4)
    apply_inbound()
    assert not InboundEvent.objects.filter(applied_at=None).exists()
    for one in (line, second):
        guids = list(Message.objects.filter(line_id=one.id).order_by("id").values_list("guid", flat=True))
        assert guids == sorted(guids)
        assert len(guids) == 40
    assert len(read_events(START, limit=500, types=["message.received"])) == 80
    assert sorted(Chat.objects.values_list("unread", flat=True)) == [40, 40]


def test_sends_and_arrivals_on_one_line_do_not_wait_in_a_circle(line: Line) -> None:
    peers = [f"+1555010{n:04}" for n in range(200, 206)]
    store_events(line_id=line.id, events=[upsert(f"first-{peer}", peer=peer) for peer in peers])
    apply_inbound()
    items = [
        OutboxItem.objects.create(
            organization_id=chat.organization_id,
            line_id=line.id,
            chat_id=chat.id,
            operation="send",
            payload={},
            content={"text": "x"},
            lane="l",
            deadline_at=now() + timedelta(hours=1),
        )
        for chat in Chat.objects.order_by("-identifier")
        for _ in range(5)
    ]

    def arrive() -> None:
        for n in range(5):
            store_events(line_id=line.id, events=[upsert(f"more-{peer}-{n}", peer=peer) for peer in peers])
            apply_inbound()

    def send(mine: list[OutboxItem]) -> None:
        for item in mine:
            record_sent(item=item, guid=f"S-{item.id.hex}", sent_at=now(), service="iMessage")

    run_together(arrive, lambda: send(items[::2]), lambda: send(items[1::2]))
    apply_inbound()
    assert Logged.objects.filter(type="message.sent").count() == 30
    assert Message.objects.filter(is_from_me=False).count() == 36
    assert sum(LineHour.objects.values_list("outbound", flat=True)) == 30
