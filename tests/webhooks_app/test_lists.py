"""Delivery lists: every filter, freely combined, paged by key."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Organization
from core.clock import now
from core.errors import AppError
from core.ids import uuid7
from webhooks_app import delivery_search
from webhooks_app.filters import DeliveryFilter, parse_filter
from webhooks_app.models import Delivery, Endpoint
from webhooks_app.selectors import count_deliveries, get_delivery, list_deliveries

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(make_endpoint: Callable[..., Endpoint]) -> Endpoint:
    return make_endpoint("http://127.0.0.1:8909/hook")


@pytest.fixture
def store(endpoint: Endpoint) -> Callable[..., Delivery]:
    def store(**fields: Any) -> Delivery:
        given: dict[str, Any] = {
            "organization_id": endpoint.organization_id, "endpoint_id": endpoint.id, "event_id": uuid7(),
            "event_type": "message.received", "line_id": UUID(int=1), "state": "delivered",
        }  # fmt: skip
        return Delivery.objects.create(**{**given, **fields})

    return store


def ids(endpoint: Endpoint, **wanted: Any) -> list[UUID]:
    page = list_deliveries(wanted=DeliveryFilter(organization_id=endpoint.organization_id, **wanted))
    return [row.delivery.id for row in page.rows]


def test_each_filter_finds_what_it_names_and_nothing_else(endpoint: Endpoint, store: Callable[..., Delivery]) -> None:
    chat, subject, event = uuid7(), uuid7(), uuid7()
    odd = store(
        event_type="reaction.added", line_id=UUID(int=2), chat_id=chat, object_id=subject, event_id=event,
        state="failed", last_status=502, last_error="http_5xx", last_attempt_at=now(),
    )  # fmt: skip
    silent = store(state="retrying", last_error="refused", last_attempt_at=now())
    good = store(last_status=200, last_attempt_at=now())
    assert ids(endpoint) == [good.id, silent.id, odd.id]
    for wanted in (
        {"events": ("reaction.added",)}, {"states": ("failed",)}, {"line_id": UUID(int=2)}, {"chat_id": chat},
        {"status": "5xx"}, {"error": "http_5xx"}, {"text": odd.public_id}, {"text": f"evt_{event.hex}"},
        {"text": f"msg_{subject.hex}"}, {"text": f"cht_{chat.hex}"},
        {"states": ("failed", "held"), "line_id": UUID(int=2), "events": ("reaction.added",), "status": "5xx"},
    ):  # fmt: skip
        assert ids(endpoint, **wanted) == [odd.id], wanted
        assert (
            count_deliveries(
                wanted=DeliveryFilter(organization_id=endpoint.organization_id, **wanted)  # type: ignore[arg-type]
            ).count
            == 1
        )
    assert ids(endpoint, status="none") == [silent.id]
    assert ids(endpoint, status="2xx") == [good.id]
    assert ids(endpoint, endpoint_id=endpoint.id, states=("retrying", "delivered")) == [good.id, silent.id]
    assert ids(endpoint, status="2xx", states=("failed",)) == []
    assert ids(endpoint, text="no such thing") == []


def test_a_time_range_is_a_range_of_keys(endpoint: Endpoint, store: Callable[..., Delivery]) -> None:
    store()
    assert len(ids(endpoint, since=now() - timedelta(minutes=1), until=now() + timedelta(minutes=1))) == 1
    assert ids(endpoint, since=now() + timedelta(minutes=1)) == []
    assert ids(endpoint, until=now() - timedelta(minutes=1)) == []


def test_another_organization_sees_nothing(
    endpoint: Endpoint, store: Callable[..., Delivery], other: Organization
) -> None:
    row = store(chat_id=UUID(int=5))
    for wanted in ({}, {"endpoint_id": endpoint.id}, {"text": row.public_id}, {"chat_id": UUID(int=5)}):
        page = list_deliveries(wanted=DeliveryFilter(organization_id=other.id, **wanted))  # type: ignore[arg-type]
        assert page.rows == []
    with pytest.raises(AppError, match="No such delivery"):
        get_delivery(organization_id=other.id, delivery=row.public_id)


def test_a_reader_of_some_lines_sees_only_those(endpoint: Endpoint, store: Callable[..., Delivery]) -> None:
    store(line_id=UUID(int=1))
    mine = store(line_id=UUID(int=2))
    assert ids(endpoint, line_ids=frozenset({UUID(int=2)})) == [mine.id]


def test_pages_cover_everything_once_in_both_directions(endpoint: Endpoint, store: Callable[..., Delivery]) -> None:
    rows = [store(state=("failed", "delivered", "held")[n % 3]).id for n in range(25)][::-1]
    wanted = DeliveryFilter(organization_id=endpoint.organization_id, endpoint_id=endpoint.id)
    seen, before = [], None
    while True:
        page = list_deliveries(wanted=wanted, before=before, limit=7)
        seen += [row.delivery.id for row in page.rows]
        before = page.older
        if before is None:
            break
    assert seen == rows
    last = list_deliveries(wanted=wanted, limit=7)
    second = list_deliveries(wanted=wanted, before=last.older, limit=7)
    back = list_deliveries(wanted=wanted, after=second.newer, limit=7)
    assert [row.delivery.id for row in back.rows] == rows[:7]
    assert back.newer is None


def test_a_search_that_matches_next_to_nothing_says_how_far_it_looked(
    endpoint: Endpoint, store: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_search, "SCAN_ROWS", 10)
    rare = store(event_type="reaction.removed")
    for _ in range(35):
        store()
    wanted = DeliveryFilter(organization_id=endpoint.organization_id, events=("reaction.removed",))
    page = list_deliveries(wanted=wanted)
    assert page.rows == []
    assert page.searched_to is not None
    for _ in range(10):
        if page.rows or page.older is None:
            break
        page = list_deliveries(wanted=wanted, before=page.older)
    assert [row.delivery.id for row in page.rows] == [rare.id]


def test_a_filter_survives_its_own_url(lumen: Organization) -> None:
    wanted = DeliveryFilter(
        organization_id=lumen.id, endpoint_id=uuid7(), events=("message.sent",), states=("failed", "held"),
        line_id=uuid7(), chat_id=uuid7(), status="5xx", error="refused", since=now().replace(microsecond=0), text="x",
    )  # fmt: skip
    pairs: dict[str, list[str]] = {}
    for name, value in wanted.to_query():
        pairs.setdefault(name, []).append(value)
    assert parse_filter(pairs, organization_id=lumen.id) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "done"), ("event", "message.read"), ("endpoint", "wh_1"), ("status", "6xx"), ("since", "yesterday"),
     ("since", "9" * 15), ("error", "nope"), ("chat", "msg_" + "0" * 32)],
)  # fmt: skip
def test_a_wrong_filter_names_its_parameter(lumen: Organization, name: str, value: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_filter({name: [value]}, organization_id=lumen.id)
    assert caught.value.param == name
