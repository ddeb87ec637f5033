"""A paced line sends at its pace, whoever claims; a backlog that cannot leave costs the others nothing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import Organization
from core.clock import now
from lines.models import Line
from messaging.addressing import Sender
from messaging.models import Chat, LinePace, OutboxItem
from messaging.services.dispatch_pool import dispatch_until_idle
from messaging.services.outbox import claim_items, seconds_until_pace
from messaging.services.send import queue_typing
from tests.messaging.test_dispatch_pool import make_chats, pool, send
from transports.simulator.models import PhoneMessage

__all__ = ["pool"]
pytestmark = pytest.mark.django_db(transaction=True)


def claim(limit: int = 50) -> list[OutboxItem]:
    return claim_items(worker="w", transports=("simulator", "relay"), limit=limit).items


def set_pace(line: Line, pace: float | None, transport: str = "simulator") -> None:
    Line.objects.filter(pk=line.pk).update(messages_per_second=pace, transport=transport)


def pass_time(line: Line, seconds: float) -> None:
    pace = LinePace.objects.get(pk=line.pk)
    LinePace.objects.filter(pk=line.pk).update(next_send_at=pace.next_send_at - timedelta(seconds=seconds))


def test_a_paced_line_sends_no_faster_than_its_pace_whoever_claims(line: Line, lumen: Organization) -> None:
    set_pace(line, 0.05)
    for chat in make_chats(line, lumen, 6):
        send(chat, "x")
    counts: list[int] = []

    def work() -> None:
        counts.append(len(claim()))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 1
    assert 0.0 < (seconds_until_pace(within=30) or 0) <= 20.0
    pass_time(line, 20)
    assert len(claim()) == 1
    pass_time(line, 3600)  # a rest is not saved up
    assert len(claim()) == 1
    assert claim() == []


@pytest.mark.parametrize(
    ("transport", "own", "expected"),
    [("simulator", None, 4), ("relay", None, 1), ("relay", 0.0, 4), ("relay", 100.0, 4), ("simulator", 0.5, 1)],
)
def test_real_lines_are_paced_unless_set_otherwise(
    line: Line, lumen: Organization, transport: str, own: float | None, expected: int
) -> None:
    for chat in make_chats(line, lumen, 6):
        send(chat, "x")
    set_pace(line, own, transport)
    assert len(claim()) == expected


def test_the_pace_is_a_setting(line: Line, lumen: Organization, settings: Any) -> None:
    settings.LINE_MESSAGES_PER_SECOND = 0.0
    for chat in make_chats(line, lumen, 6):
        send(chat, "x")
    set_pace(line, None, "relay")
    assert len(claim()) == 4


def test_a_worker_stays_for_no_line_without_a_pace(line: Line, lumen: Organization) -> None:
    assert seconds_until_pace(within=3600) is None
    send(make_chats(line, lumen, 1)[0], "x")
    assert seconds_until_pace(within=3600) is None


def test_typing_is_not_counted_as_a_message(line: Line, lumen: Organization) -> None:
    set_pace(line, 1.0)
    chats = make_chats(line, lumen, 3)
    sender = Sender(organization_id=lumen.id)
    for chat in chats:
        queue_typing(sender=sender, line=line.handle, to=chat.public_id, state="on")
    assert len(claim()) == 3
    assert not LinePace.objects.exists()


def test_a_worker_keeps_the_pace_and_sends_everything(
    line: Line, lumen: Organization, pool: ThreadPoolExecutor
) -> None:
    set_pace(line, 5.0)
    for chat in make_chats(line, lumen, 6):
        send(chat, "x")
    started = time.monotonic()
    assert dispatch_until_idle(pool=pool) == 6
    assert 1.0 <= time.monotonic() - started < 10.0  # and does not stay when nothing waits
    times = list(PhoneMessage.objects.order_by("sent_at").values_list("sent_at", flat=True))
    assert len(times) == 6
    assert (times[-1] - times[0]).total_seconds() >= 0.9


def fill(line: Line, chats: list[Chat], count: int) -> None:
    """``count`` pending items, over the chats in turn."""
    model = send(chats[0], "x")
    names = [field.column for field in OutboxItem._meta.fields if field.column not in ("id", "chat_id", "lane")]
    columns = ", ".join(names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO messaging_outboxitem (id, chat_id, lane, {columns})"
            " SELECT overlay(o.id::text placing to_char(n, 'FM00000000') from 29)::uuid, chat, 'lane:' || chat,"
            f" {columns} FROM messaging_outboxitem o, generate_series(1, %s) AS n,"
            " LATERAL (SELECT (%s::uuid[])[1 + n %% %s] AS chat) c WHERE o.id = %s",
            [count, [chat.id for chat in chats], len(chats), model.id],
        )
        cursor.execute("DELETE FROM messaging_outboxitem WHERE id = %s", [model.id])
        cursor.execute("ANALYZE messaging_outboxitem")


def fastest_claim_ms(times: int = 5) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        claim()
        found.append((time.perf_counter() - started) * 1000)
    return min(found)


def test_a_backlog_on_a_paused_line_does_not_slow_claims(line: Line, lumen: Organization) -> None:
    fill(line, make_chats(line, lumen, 40), 20_000)
    Line.objects.filter(pk=line.pk).update(paused_at=now())
    second = Line.objects.create(organization=lumen, handle="+15550100043")
    item = send(make_chats(second, lumen, 1)[0], "x")
    assert [i.id for i in claim()] == [item.id]
    assert fastest_claim_ms() < 20


def test_one_long_lane_keeps_no_other_lane_waiting(line: Line, lumen: Organization) -> None:
    chats = make_chats(line, lumen, 3)
    fill(line, chats[:1], 5_000)
    head = OutboxItem.objects.earliest("id")
    assert [i.id for i in claim()] == [head.id]
    later = [send(chat, "later") for chat in chats[1:]]
    assert [i.id for i in claim()] == [i.id for i in later]
    assert fastest_claim_ms() < 100  # 200 looks into an index; all 5,000 against each other took 400


def test_held_items_at_the_front_keep_nobody_waiting(line: Line, lumen: Organization) -> None:
    chats = make_chats(line, lumen, 300)
    fill(line, chats, 600)
    OutboxItem.objects.update(not_before=now() + timedelta(hours=1))
    chat = Chat.objects.create(
        organization=lumen, line=line, key="d:+15550129999", identifier="+15550129999",
        participants=["+15550129999"], has_received_inbound=True,
    )  # fmt: skip
    item = send(chat, "me")
    assert [i.id for i in claim()] == [item.id]
