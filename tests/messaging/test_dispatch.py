"""The outbox from pending to its end: lanes, leases, fencing, retries, reconcile; nothing is sent twice."""

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Organization
from core.clock import now
from events.models import Event
from lines.models import Line
from messaging.addressing import Sender
from messaging.models import Chat, Message, OutboxItem
from messaging.services.dispatch import build_claims, dispatch_claimed, dispatch_due, reconcile_started
from messaging.services.outbox import claim_items, claim_started, finish_item, release_expired, start_items
from messaging.services.receive import apply_inbound
from messaging.services.send import queue_message
from messaging.services.simulated import pump_due_events
from transports.base import Disposition, Outcome
from transports.registry import get_transport
from transports.simulator.models import PhoneMessage, ScheduledEvent
from transports.simulator.network import count_double_sends, set_scenario

pytestmark = pytest.mark.django_db(transaction=True)
SIMULATOR = ("simulator",)


def send(chat: Chat, text: str = "Hello") -> OutboxItem:
    sender = Sender(organization_id=chat.organization_id)
    queued = queue_message(sender=sender, line=chat.line.handle, to=chat.public_id, text=text)
    return OutboxItem.objects.get(pk=queued.id)


def expire_lease(item: OutboxItem) -> None:
    OutboxItem.objects.filter(pk=item.pk).update(lease_until=now() - timedelta(seconds=1))


def due_now(item: OutboxItem) -> None:
    OutboxItem.objects.filter(pk=item.pk).update(not_before=now())


def shown(chat: Chat) -> list[str | None]:
    rows = PhoneMessage.objects.filter(chat__line_handle=chat.line.handle, is_from_line=True)
    return list(rows.order_by("id").values_list("text", flat=True))


def test_a_send_reaches_the_phone_and_becomes_a_message_and_an_event(chat: Chat) -> None:
    item = send(chat)
    assert dispatch_due() == 1
    item.refresh_from_db()
    message = Message.objects.get(outbox_id=item.id)
    assert (item.status, item.attempts, item.error, item.message_id) == ("sent", 1, None, message.id)
    assert (message.text, message.is_from_me, message.sender) == ("Hello", True, chat.line.handle)
    assert shown(chat) == ["Hello"]
    assert Event.objects.filter(object_id=message.id, type="message.sent").count() == 1
    changes = Event.objects.filter(object_id=item.id, type="outbox.updated").order_by("id")
    assert [json.loads(change.data)["status"] for change in changes] == ["claimed", "sent"]


def test_delivered_and_read_follow_as_the_phone_reports_them(chat: Chat) -> None:
    item = send(chat)
    dispatch_due()
    ScheduledEvent.objects.update(due_at=now())
    pump_due_events()
    apply_inbound()
    assert Message.objects.get(outbox_id=item.id).delivered_at is not None


def test_one_lane_keeps_order_and_has_one_item_in_flight(chat: Chat) -> None:
    items = [send(chat, f"m{n}") for n in range(5)]
    first = claim_items(worker="a", transports=SIMULATOR)
    assert [i.id for i in first.items] == [items[0].id]
    assert claim_items(worker="b", transports=SIMULATOR).items == []
    dispatch_claimed(first)
    dispatch_due()
    assert shown(chat) == [f"m{n}" for n in range(5)]


def test_many_workers_claim_each_item_once(chat: Chat, lumen: Organization) -> None:
    chats = [chat]
    for n in range(9):
        handle = f"+1555010{n:04d}"
        chats.append(
            Chat.objects.create(
                organization=lumen,
                line=chat.line,
                key=f"d:{handle}",
                identifier=handle,
                participants=[handle],
                has_received_inbound=True,
            )
        )
    for one in chats:
        for n in range(6):
            send(one, f"{one.identifier} {n}")

    def work() -> None:
        dispatch_due()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    dispatch_due()
    assert OutboxItem.objects.filter(status="sent").count() == 60
    assert PhoneMessage.objects.filter(is_from_line=True).count() == 60
    assert count_double_sends() == 0


def test_a_worker_that_vanished_before_it_started_leaves_the_item_pending(chat: Chat) -> None:
    item = send(chat)
    claim_items(worker="gone", transports=SIMULATOR)
    expire_lease(item)
    assert release_expired() == 1
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.attempts) == ("sent", 1)


def test_a_stale_claim_changes_nothing(chat: Chat) -> None:
    item = send(chat)
    old = claim_items(worker="slow", transports=SIMULATOR)
    (mine,) = start_items(old)
    expire_lease(item)
    claim_started(worker="other")
    status = finish_item(mine, Outcome(disposition=Disposition.CONFIRMED, guid="G", sent_at=now()))
    item.refresh_from_db()
    assert (status, item.status) == ("stale", "claimed")
    assert not Message.objects.filter(outbox_id=item.id).exists()


def test_a_worker_that_died_after_the_effect_is_reconciled_not_sent_again(chat: Chat) -> None:
    item = send(chat)
    claimed = claim_items(worker="dies", transports=SIMULATOR)
    (mine,) = start_items(claimed)
    get_transport("simulator").dispatch(build_claims(mine, chat.line, chat)[0])  # and then the process is gone
    expire_lease(item)
    assert reconcile_started(worker="finds") == 1
    item.refresh_from_db()
    assert (item.status, shown(chat), count_double_sends()) == ("sent", ["Hello"], 0)


def test_a_worker_that_died_between_mark_and_effect_loses_nothing_and_cannot_come_back(chat: Chat) -> None:
    item = send(chat)
    claimed = claim_items(worker="dies", transports=SIMULATOR)
    (mine,) = start_items(claimed)
    stale_claim = build_claims(mine, chat.line, chat)[0]
    expire_lease(item)
    reconcile_started(worker="finds")
    assert get_transport("simulator").dispatch(stale_claim).disposition == Disposition.UNKNOWN
    assert shown(chat) == []
    due_now(item)
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, shown(chat), count_double_sends()) == ("sent", ["Hello"], 0)


def test_a_transient_failure_goes_back_and_then_arrives(chat: Chat) -> None:
    set_scenario(line_handle=chat.line.handle, name="fails_once")
    item = send(chat)
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.attempts) == ("pending", 1)
    assert item.not_before > now() + timedelta(seconds=1)
    due_now(item)
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.attempts) == ("sent", 2)


def test_attempts_run_out(chat: Chat) -> None:
    set_scenario(line_handle=chat.line.handle, name="fails_once", options={"times": 99})
    item = send(chat)
    for _ in range(3):
        due_now(item)
        dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.attempts, item.error) == ("failed", 3, "engine_error")


@pytest.mark.parametrize(
    ("scenario", "status", "error", "on_phone"),
    [
        ("not_registered", "failed", "not_registered", []),
        ("ghost_row", "failed", "ghost_row", ["Hello"]),
        ("crash_after_start", "sent", None, ["Hello"]),
        ("line_deregistered", "failed", "line_deregistered", []),
        ("offline_phone", "sent", None, ["Hello"]),
        ("sms_downgrade", "sent", None, ["Hello"]),
    ],
)
def test_each_scenario_ends_honestly(
    chat: Chat, scenario: str, status: str, error: str | None, on_phone: list[str]
) -> None:
    set_scenario(line_handle=chat.line.handle, name=scenario)
    item = send(chat)
    dispatch_due()
    expire_lease(item)
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.error, shown(chat)) == (status, error, on_phone)


def test_a_line_that_is_down_keeps_items_waiting_until_their_deadline(chat: Chat) -> None:
    Line.objects.filter(pk=chat.line_id).update(health="down")
    item = OutboxItem.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat_id=chat.id,
        operation="send",
        payload={},
        content={"text": "x"},
        lane="x",
        deadline_at=now() + timedelta(hours=1),
    )
    dispatch_due()
    item.refresh_from_db()
    assert item.status == "pending"
    OutboxItem.objects.filter(pk=item.pk).update(deadline_at=now())
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.error) == ("failed", "line_offline")


def test_a_real_handle_is_never_reached(chat: Chat) -> None:
    Chat.objects.filter(pk=chat.pk).update(identifier="+14155550142")
    item = send(chat)
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.error) == ("failed", "recipient_unreachable")


def test_an_item_that_breaks_dispatch_does_not_stop_the_others(chat: Chat, lumen: Organization) -> None:
    broken = send(chat, "broken")
    OutboxItem.objects.filter(pk=broken.pk).update(content={"text": "broken", "files": ["not a key"]})
    other = Chat.objects.create(
        organization=lumen,
        line=chat.line,
        key="d:+15550100777",
        identifier="+15550100777",
        participants=["+15550100777"],
        has_received_inbound=True,
    )
    fine = send(other, "fine")
    dispatch_due()
    broken.refresh_from_db()
    fine.refresh_from_db()
    assert fine.status == "sent"
    assert broken.status in ("claimed", "failed")  # open until it is reconciled, or known to be broken


def test_an_unknown_outcome_without_a_row_fails_as_unknown_after_the_window(chat: Chat, monkeypatch: Any) -> None:
    item = send(chat)
    (mine,) = start_items(claim_items(worker="a", transports=SIMULATOR))
    mine.claim_token = uuid4()
    OutboxItem.objects.filter(pk=item.pk).update(
        claim_token=mine.claim_token, started_at=now() - timedelta(seconds=200)
    )
    mine.started_at = now() - timedelta(seconds=200)
    from messaging.services.outbox import finish_reconciled

    assert finish_reconciled(mine, Outcome(disposition=Disposition.UNKNOWN)) == "failed"
    item.refresh_from_db()
    assert item.error == "delivery_unknown"
