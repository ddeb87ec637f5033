"""Whatever the order and however often events arrive, the same things are true in the end."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import now, to_ms
from events.models import Event as Logged
from lines.models import Line
from messaging.models import Chat, InboundEvent, Message, Reaction
from messaging.services.receive import apply_inbound
from tests.messaging.inbound import PEER, age, reaction, take_in, update, upsert
from transports.base import Event

BASE = to_ms(now()) - 60_000


def story() -> list[Event]:
    return [
        upsert("G1", "one", sent_at=BASE),
        update("G1", "edited", {"text": "two", "at": BASE + 1000}),
        update("G1", "edited", {"text": "three", "at": BASE + 2000}),
        reaction("p:0/G1", "love", sent_at=BASE + 3000),
        reaction("G1", "love", added=False, sent_at=BASE + 4000),
        upsert("G2", "mine", is_from_me=True, sent_at=BASE + 5000),
        update("G2", "delivered_at", BASE + 6000),
        update("G2", "read_at", BASE + 7000),
        upsert("G3", "answer", sent_at=BASE + 8000),
    ]


def outcome() -> dict[str, Any]:
    chat = Chat.objects.get()
    return {
        "messages": list(
            Message.objects.order_by("guid").values_list("guid", "text", "history", "delivered_at", "read_at")
        ),
        "reactions": list(Reaction.objects.order_by("sent_at").values_list("type", "added", "sender")),
        "chat": (chat.identifier, chat.last_text, chat.last_message_at, chat.has_received_inbound),
        "events": sorted(Logged.objects.exclude(type="message.updated").values_list("type", flat=True)),
    }


EXPECTED_EVENTS = ["message.received", "message.received", "message.sent", "reaction.added", "reaction.removed"]


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_order_and_repetition_do_not_matter(line: Line, data: st.DataObject) -> None:
    for model in (Chat, InboundEvent, Logged):
        model.objects.all().delete()
    events = story()
    order = data.draw(st.permutations(range(len(events))))
    repeated = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=6))
    size = data.draw(st.integers(1, 9))
    sequence = [events[n] for n in [*order, *repeated]]
    for start in range(0, len(sequence), size):
        take_in(line, *sequence[start : start + size])
    age(1)
    apply_inbound()
    found = outcome()
    assert found["events"] == EXPECTED_EVENTS
    assert [(guid, text) for guid, text, *_ in found["messages"]] == [("G1", "three"), ("G2", "mine"), ("G3", "answer")]
    assert [version["text"] for version in found["messages"][0][2]] == ["one", "two"]
    assert [to_ms(at) for at in found["messages"][1][3:]] == [BASE + 6000, BASE + 7000]
    assert found["reactions"] == [("love", True, PEER), ("love", False, PEER)]
    assert found["chat"][:2] == (PEER, "answer")
