"""Processes and servers die under traffic: nothing is lost, nothing is sent twice, every endpoint hears of all."""

from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from messaging.models import InboundEvent, Message, OutboxItem
from tests.faults.traffic import Traffic
from tests.live import Product, Received, Receiver, wait_until
from transports.simulator.models import PhoneMessage
from transports.simulator.network import count_double_sends
from webhooks_app.models import Delivery

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

FAULTS: dict[str, Callable[[Product], None]] = {
    "kill the worker": lambda product: product.kill_and_await("worker"),
    "empty Redis": lambda product: product.flush_redis(),
    "kill the engine": lambda product: product.kill_and_await("engine1"),
    "kill the web server": lambda product: product.kill_and_await("web"),
    "restart PostgreSQL": lambda product: product.restart_postgres(),
    "kill the sweeper": lambda product: product.kill_and_await("sweeper"),
    "kill Redis": lambda product: product.kill_and_await("redis"),
    "kill the worker again": lambda product: product.kill_and_await("worker"),
}


def fail_some(receiver: Receiver) -> None:
    """Every seventh request fails."""
    turn = iter(range(10**9))

    def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
        return (500, {}, b"no") if next(turn) % 7 == 6 else (200, {}, b"ok")

    receiver.answer = answer


def settled(condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, or False while the database is away."""

    def ask() -> bool:
        try:
            return condition()
        except OperationalError:
            connection.close()
            return False

    return ask


def read_events(type_: str, line_id: object) -> Counter[object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_id FROM events_event WHERE type = %s AND line_id = %s", [type_, line_id])
        return Counter(row[0] for row in cursor.fetchall())


def test_nothing_is_lost_and_nothing_sent_twice(hurt: Product, receiver: Receiver) -> None:
    account = hurt.make_account()
    traffic = Traffic(hurt, account)
    fail_some(receiver)
    body = {"from": traffic.line.handle, "url": receiver.url, "events": ["message.received", "message.sent"]}
    assert hurt.call("POST", "/v1/webhooks", token=account.token, content=body).status == 201
    with traffic:
        for fault in FAULTS.values():
            traffic.await_accepted(8)
            fault(hurt)
        traffic.await_accepted(8)
    assert traffic.surprises == []
    line_id, handle = traffic.line.id, traffic.line.handle

    # Everything that was accepted left once, in order, and became one message and one event.
    items = OutboxItem.objects.filter(line_id=line_id)
    accepted = traffic.count()
    wait_until(settled(lambda: items.filter(status="sent").count() == accepted), seconds=60, what="the last send")
    assert items.count() == accepted
    for peer, texts in traffic.sent.items():
        shown = PhoneMessage.objects.filter(chat__line_handle=handle, chat__participants=[peer], is_from_line=True)
        assert list(shown.order_by("sent_at", "id").values_list("text", flat=True)) == texts
    assert count_double_sends(handle) == 0
    own = set(Message.objects.filter(line_id=line_id, is_from_me=True).values_list("id", flat=True))
    assert len(own) == accepted
    assert read_events("message.sent", line_id) == Counter(own)

    # Everything that a phone sent became one message and one event.
    texted = PhoneMessage.objects.filter(chat__line_handle=handle, is_from_line=False)
    assert texted.count() >= traffic.texted > 0
    waiting = InboundEvent.objects.filter(line_id=line_id, applied_at=None)
    wait_until(settled(lambda: not waiting.exists()), seconds=60, what="the last inbound message")
    heard = dict(Message.objects.filter(line_id=line_id, is_from_me=False).values_list("guid", "id"))
    assert set(heard) == set(texted.values_list("guid", flat=True))
    assert read_events("message.received", line_id) == Counter(heard.values())

    # Every event is owed once, and was accepted.
    deliveries = Delivery.objects.filter(line_id=line_id)
    expected = accepted + len(heard)
    wait_until(
        settled(lambda: deliveries.filter(state="delivered").count() == expected), seconds=90, what="the last delivery"
    )
    assert deliveries.count() == deliveries.values("event_id").distinct().count() == expected
    ids_by_subject = defaultdict(set)
    for request in receiver.requests:
        ids_by_subject[request.json()["data"]["id"]].add(request.json()["delivery_id"])
    assert len(ids_by_subject) == expected
    assert all(len(ids) == 1 for ids in ids_by_subject.values())  # a repetition can be recognised
    assert {key for ids in ids_by_subject.values() for key in ids} == {row.public_id for row in deliveries}
