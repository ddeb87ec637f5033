"""The simulator passes the conformance suite; its scenarios are deterministic, and each bends what it says."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Organization
from core.clock import now, to_ms
from lines.models import Line
from messaging.models import InboundEvent, Message
from messaging.services.receive import apply_inbound
from messaging.services.simulated import pump_due_events, report_events
from tests.transports.conformance import Conformance
from transports import event_ids
from transports.base import LineRef, Transport
from transports.registry import get_transport
from transports.simulator.handles import is_simulated
from transports.simulator.models import PhoneMessage, ScheduledEvent, VirtualPhone
from transports.simulator.network import create_phone, send_from_phone, set_scenario
from transports.simulator.scenarios import NAMES, plan_receive, plan_send

pytestmark = pytest.mark.django_db


@pytest.fixture
def transport() -> Transport:
    return get_transport("simulator")


@pytest.fixture
def phone(lumen: Organization) -> VirtualPhone:
    return create_phone(owner_id=lumen.id, handle="+15550110144")


@pytest.fixture
def peer(phone: VirtualPhone) -> str:
    return phone.handle


@pytest.fixture
def line_ref(line: Line) -> LineRef:
    return LineRef(id=line.id, handle=line.handle)


class TestSimulator(Conformance):
    def count_arrivals(self, key: UUID) -> int:
        return PhoneMessage.objects.filter(dispatch_key=str(key)).count()


@pytest.fixture
def receive(line: Line, phone: VirtualPhone) -> Callable[..., list[str]]:
    """Sends from the phone under a scenario, lets everything arrive, and returns the texts the line has."""

    def run(scenario: str, *texts: str, **fields: Any) -> list[str]:
        set_scenario(line_handle=line.handle, name=scenario)
        for text in texts:
            _, handle, events = send_from_phone(phone=phone, to=line.handle, text=text, **fields)
            report_events(handle, events)
        apply_inbound()
        ScheduledEvent.objects.update(due_at=now())
        pump_due_events()
        InboundEvent.objects.filter(applied_at=None).update(not_before=None)
        apply_inbound()
        return list(Message.objects.order_by("sent_at", "id").values_list("text", flat=True))

    return run


@pytest.mark.parametrize("scenario", ["normal", "duplicate_event", "out_of_order", "clock_skew"])
def test_each_message_is_there_once_whatever_the_road(receive: Callable[..., list[str]], scenario: str) -> None:
    assert sorted(receive(scenario, "a", "b", "c")) == ["a", "b", "c"]
    assert InboundEvent.objects.exclude(outcome="applied").count() == 0


def test_a_burst_of_old_messages_fires_nothing(receive: Callable[..., list[str]]) -> None:
    texts = receive("backfill_burst", "new")
    assert (len(texts), texts[-1]) == (26, "new")
    assert Message.objects.filter(phase="backfill").count() == 25


def test_an_edit_and_an_unsend_change_the_message_they_name(receive: Callable[..., list[str]]) -> None:
    assert receive("edit", "hello") == ["hello (edited)"]
    assert Message.objects.get().edited_at is not None
    receive("unsend", "secret")
    assert Message.objects.exclude(unsent_at=None).get().text is None


def test_skewed_clocks_shift_by_a_minute_and_a_half_at_most(receive: Callable[..., list[str]]) -> None:
    receive("clock_skew", "a", "b", "c", "d")
    true = dict(PhoneMessage.objects.values_list("guid", "sent_at"))
    for message in Message.objects.all():
        assert abs(to_ms(message.sent_at) - to_ms(true[message.guid])) <= 90_000


@pytest.mark.parametrize("name", list(NAMES))
def test_the_same_seed_makes_the_same_plans(name: str) -> None:
    def plans(seed: int) -> list[object]:
        sends = [plan_send(name, {}, seed=seed, draw=n, attempt=1) for n in range(50)]
        return [*sends, *(plan_receive(name, {}, seed=seed, draw=n) for n in range(50))]

    assert plans(7) == plans(7)
    if name in ("flaky", "clock_skew"):
        assert plans(7) != plans(8)


@pytest.mark.parametrize(
    ("handle", "is_ours"),
    [
        ("+15550100001", True),
        ("+15550199999", True),
        ("maya@phones.test", True),
        ("maya@lumen.example", True),
        ("+15550200001", False),
        ("+155501000011", False),
        ("+14155550142", False),
        ("maya@example.com", False),
        ("maya@test", False),
    ],
)
def test_only_handles_kept_for_fiction_are_simulated(handle: str, is_ours: bool) -> None:
    assert is_simulated(handle) is is_ours


def test_event_ids_depend_on_what_they_are_about_and_on_nothing_else() -> None:
    one = event_ids.message_event_id("+15550100001", "G")
    assert one == event_ids.message_event_id("+15550100001", "G")
    others = {
        event_ids.message_event_id("+15550100002", "G"),
        event_ids.message_event_id("+15550100001", "H"),
        event_ids.update_event_id("+15550100001", "G", "read_at", 1),
        event_ids.update_event_id("+15550100001", "G", "read_at", 2),
        event_ids.update_event_id("+15550100001", "G", "delivered_at", 1),
        event_ids.reaction_event_id("+15550100001", "G"),
    }
    assert len(others | {one}) == 7
