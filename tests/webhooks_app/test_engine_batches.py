"""Deliveries that an engine has in its hands and has not written down: none is lost, none gets a second name."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from core.clock import now
from core.outbound import HttpResult
from tests.webhooks_app.receivers import OK, Receiver, Request
from webhooks_app.models import Attempt, Delivery, EndpointMinute, EngineBatch
from webhooks_app.services import record as record_module
from webhooks_app.services.attempt import decide
from webhooks_app.services.endpoints import switch_endpoint
from webhooks_app.services.engine import run_engine
from webhooks_app.services.fan_out import FanOut, fan_out_batch, recover_batches
from webhooks_app.services.jobs import Outcome
from webhooks_app.services.record import record_outcomes

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Any]
Emit = Callable[..., Any]


def take(endpoint: Any, room: int) -> FanOut:
    return fan_out_batch(rooms={endpoint.id: room})


def accepted(found: FanOut) -> list[Outcome]:
    return [decide(job, HttpResult(status=200, total_ms=1.0), time.time(), "{}") for job in found.jobs]


def abandon() -> None:
    EngineBatch.objects.update(lease_until=now() - timedelta(seconds=1))


def test_what_a_dead_engine_had_in_hand_is_sent_by_another_under_the_same_id(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit(5)
    found = take(endpoint, 3)
    assert len(found.jobs) == 3
    assert Delivery.objects.count() == 2  # what there was no room for
    assert recover_batches() == set()  # as long as its lease runs, it is the engine's
    abandon()
    run_engine(idle_seconds=0.3)
    assert EngineBatch.objects.count() == 0
    assert Delivery.objects.filter(state="delivered").count() == 5
    assert {job.id for job in found.jobs} <= {row.id.hex for row in Delivery.objects.all()}


def test_a_late_result_of_a_lost_batch_is_told_and_changes_nothing(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit()
    found = take(endpoint, 1)
    abandon()
    assert recover_batches() == {endpoint.id}
    assert found.batch is not None
    record_outcomes(accepted(found), closed=[found.batch.id])
    assert Delivery.objects.get().state == "pending"
    assert Attempt.objects.count() == 1


def test_recovering_leaves_what_is_written_alone(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    endpoint = make_endpoint(receiver.url())
    emit(3)
    found = take(endpoint, 3)
    record_outcomes(accepted(found)[:1])
    abandon()
    recover_batches()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["delivered", "pending", "pending"]


def test_an_error_that_leaves_open_whether_it_was_written_writes_it_once(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit(2)
    found = take(endpoint, 2)
    outcomes = accepted(found)
    record_outcomes(outcomes[:1])  # kept, though the engine was not told
    assert found.batch is not None
    record_outcomes(outcomes, closed=[found.batch.id])
    assert Delivery.objects.filter(state="delivered", attempts=1).count() == 2
    assert Attempt.objects.count() == 2
    assert EndpointMinute.objects.get().delivered == 2
    assert EngineBatch.objects.count() == 0


def test_an_engine_that_is_not_told_of_its_commit_delivers_once(
    receiver: Receiver, make_endpoint: Make, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, cut = record_module._record, []

    def record_and_cut(*given: Any, **more: Any) -> None:
        real(*given, **more)
        if not cut:
            cut.append(1)
            raise OperationalError("the connection ended after the commit")

    monkeypatch.setattr(record_module, "_record", record_and_cut)
    make_endpoint(receiver.url())
    emit(30)
    run_engine(idle_seconds=0.5)
    assert cut == [1]
    assert len(receiver.requests) == 30
    assert Delivery.objects.filter(state="delivered").count() == Attempt.objects.count() == 30
    assert EngineBatch.objects.count() == 0


def test_a_delivery_that_takes_long_is_in_the_log_meanwhile(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    go_on = threading.Event()

    async def wait(_request: Request, _writer: asyncio.StreamWriter) -> bytes:
        while not go_on.is_set():
            await asyncio.sleep(0.02)
        return OK

    receiver.answers["/hook"] = wait
    make_endpoint(receiver.url())
    emit()
    thread = threading.Thread(target=lambda: run_engine(idle_seconds=0.5))
    thread.start()
    try:
        end = time.monotonic() + 10
        while not Delivery.objects.filter(state="pending").exists() and time.monotonic() < end:
            threading.Event().wait(0.05)
        row = Delivery.objects.get()
        assert (row.state, row.attempts) == ("pending", 0)
        assert row.claim_token is not None
        assert EngineBatch.objects.count() == 0
    finally:
        go_on.set()
        thread.join()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.claim_token) == ("delivered", 1, None)
    assert len(receiver.requests) == 1


def test_what_is_in_hand_for_an_endpoint_that_is_switched_off_becomes_held(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    from accounts.services.audit import Actor

    endpoint = make_endpoint(receiver.url(), requests_per_second=1)
    emit(8)
    thread = threading.Thread(target=lambda: run_engine(idle_seconds=0.5))
    thread.start()
    try:
        end = time.monotonic() + 10
        while not receiver.requests and time.monotonic() < end:
            threading.Event().wait(0.02)
        switch_endpoint(endpoint=endpoint, is_active=False, actor=Actor())
    finally:
        thread.join()
    states = list(Delivery.objects.values_list("state", flat=True))
    assert len(states) == 8
    assert states.count("held") >= 5
    assert set(states) == {"held", "delivered"}
    assert states.count("delivered") == len(receiver.requests)
