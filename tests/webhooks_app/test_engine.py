"""The engine against real receivers."""

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook

from accounts.services.audit import Actor
from tests.webhooks_app.receivers import Receiver, answer_of
from webhooks_app.models import Attempt, Delivery, Endpoint, EndpointMinute
from webhooks_app.services.endpoints import reveal_secret
from webhooks_app.services.engine import run_engine

pytestmark = pytest.mark.django_db(transaction=True)


def run() -> int:
    return run_engine(idle_seconds=0.3)


def test_an_event_is_delivered_and_recorded(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    endpoint = make_endpoint(receiver.url())
    (event_id,) = emit()
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    assert delivery.event_id == event_id
    attempt = Attempt.objects.get()
    assert attempt.response_body == "ok"
    assert list(attempt.request_headers)[:3] == ["Content-Type", "User-Agent", "X-Webhook-Timestamp"]  # as sent
    assert attempt.address == f"127.0.0.1:{receiver.port}"
    assert attempt.connect_ms is not None
    assert EndpointMinute.objects.get().delivered == 1
    endpoint.refresh_from_db()
    assert endpoint.last_status == 200
    (request,) = receiver.requests
    assert request.json["delivery_id"] == delivery.public_id == request.headers["x-webhook-delivery-id"]
    Webhook(reveal_secret(endpoint=endpoint, actor=Actor())).verify(request.body, request.headers)


def test_a_refusal_is_tried_again_later(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    make_endpoint(receiver.url())
    receiver.say("/hook", answer_of(500, body=b"no"))
    emit()
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_error, delivery.trigger) == (
        "retrying", 1, "http_5xx", "retry",
    )  # fmt: skip
    assert delivery.next_attempt_at is not None
    assert delivery.last_attempt_at is not None
    assert 4 < (delivery.next_attempt_at - delivery.last_attempt_at).total_seconds() < 7


def test_many_events_reach_many_endpoints_exactly_once(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    for number in range(10):
        make_endpoint(receiver.url(f"/{number}"))
    emit(300)
    run()
    assert Delivery.objects.filter(state="delivered").count() == 3000
    ids = [request.headers["x-webhook-delivery-id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == 3000
    assert max(receiver.most_open.values()) <= 20


def test_an_endpoint_that_can_no_longer_be_read_fails_alone(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    broken = {make_endpoint(receiver.url(f"/{name}")).id: name for name in ("url", "header", "secret")}
    fields = {
        "url": {"url": "http://127.0.0.1/ <b>"},
        "header": {"headers": {"A": "b\r\nC: d"}},
        "secret": {"secret": "x"},
    }
    for key, name in broken.items():
        Endpoint.objects.filter(pk=key).update(**fields[name])
    fine = make_endpoint(receiver.url("/fine"))
    emit(3)
    run()
    assert Delivery.objects.filter(endpoint_id=fine.id, state="delivered").count() == 3
    errors = {
        broken[row.endpoint_id]: (row.state, row.last_error) for row in Delivery.objects.exclude(endpoint_id=fine.id)
    }
    assert errors == {
        "url": ("retrying", "url_refused"), "header": ("retrying", "url_refused"), "secret": ("retrying", "internal"),
    }  # fmt: skip
    assert len(receiver.requests) == 3
