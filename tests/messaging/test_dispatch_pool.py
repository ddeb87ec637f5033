"""Dispatch side by side: nothing twice, four of a line at most, a slow engine holds up nobody and keeps its lease."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import Organization
from lines.models import Line
from messaging.addressing import Sender
from messaging.models import Chat, OutboxItem
from messaging.services.dispatch_pool import dispatch_until_idle
from messaging.services.outbox import IN_FLIGHT_PER_LINE, claim_items, claim_started
from messaging.services.send import queue_message
from tests.live import wait_until
from transports.simulator.models import PhoneMessage
from transports.simulator.network import count_double_sends, set_scenario

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads
        barrier = threading.Barrier(8)

        def leave() -> None:
            barrier.wait(10)
            connections.close_all()

        for future in [threads.submit(leave) for _ in range(8)]:
            future.result()


def make_chats(line: Line, organization: Organization, count: int) -> list[Chat]:
    handles = [f"+155501{20_000 + n}" for n in range(count)]
    rows = [
        Chat(
            organization=organization,
            line=line,
            key=f"d:{handle}",
            identifier=handle,
            participants=[handle],
            has_received_inbound=True,
        )
        for handle in handles
    ]
    return Chat.objects.bulk_create(rows)


def send(chat: Chat, text: str) -> OutboxItem:
    sender = Sender(organization_id=chat.organization_id)
    queued = queue_message(sender=sender, line=chat.line.handle, to=chat.public_id, text=text)
    return OutboxItem.objects.get(pk=queued.id)


def test_every_item_leaves_once_and_in_the_order_of_its_chat(
    line: Line, lumen: Organization, pool: ThreadPoolExecutor
) -> None:
    chats = make_chats(line, lumen, 6)
    for n in range(4):
        for chat in chats:
            send(chat, str(n))
    assert dispatch_until_idle(pool=pool) == 24
    assert set(OutboxItem.objects.values_list("status", flat=True)) == {"sent"}
    for chat in chats:
        rows = PhoneMessage.objects.filter(chat__participants=[chat.identifier]).order_by("sent_at", "id")
        assert list(rows.values_list("text", flat=True)) == ["0", "1", "2", "3"]
    assert count_double_sends() == 0


def test_four_items_of_a_line_are_in_flight_whoever_claims(line: Line, lumen: Organization) -> None:
    for chat in make_chats(line, lumen, 12):
        send(chat, "x")
    held: list[int] = []

    def claim() -> None:
        held.append(len(claim_items(worker="w", transports=("simulator",), limit=8).items))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(held) == IN_FLIGHT_PER_LINE == OutboxItem.objects.filter(status="claimed").count()


def test_a_full_line_does_not_keep_another_line_waiting(line: Line, lumen: Organization) -> None:
    for chat in make_chats(line, lumen, 12):
        send(chat, "x")
    claim_items(worker="w", transports=("simulator",), limit=4)
    second = Line.objects.create(organization=lumen, handle="+15550100043")
    item = send(make_chats(second, lumen, 1)[0], "other line")
    assert [i.id for i in claim_items(worker="w", transports=("simulator",), limit=1).items] == [item.id]


def test_a_slow_engine_keeps_its_lease_and_holds_up_nobody(
    line: Line, lumen: Organization, pool: ThreadPoolExecutor, settings: Any
) -> None:
    settings.OUTBOX_LEASE_SECONDS = 1
    set_scenario(line_handle=line.handle, name="slow_engine", options={"delay_seconds": 2.5})
    slow = send(make_chats(line, lumen, 1)[0], "slow")
    second = Line.objects.create(organization=lumen, handle="+15550100043")
    quick = send(make_chats(second, lumen, 1)[0], "quick")
    runner = threading.Thread(target=lambda: (dispatch_until_idle(pool=pool), connection.close()))
    runner.start()
    wait_until(lambda: OutboxItem.objects.get(pk=quick.pk).status == "sent", seconds=10)
    assert OutboxItem.objects.get(pk=slow.pk).status == "claimed"
    taken = []
    while runner.is_alive():
        taken += claim_started(worker="thief").items
        runner.join(0.1)
    slow.refresh_from_db()
    assert taken == []
    assert (slow.status, slow.attempts, count_double_sends()) == ("sent", 1, 0)
