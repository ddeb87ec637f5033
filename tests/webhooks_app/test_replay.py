"""Replays keep delivery ids, count what they do, and can create what was never owed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError
from tests.webhooks_app.receivers import Receiver, answer_of
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Attempt, Delivery, Endpoint, Replay
from webhooks_app.services.endpoints import delete_endpoint, switch_endpoint
from webhooks_app.services.engine import run_engine
from webhooks_app.services.fan_out import fan_out_events
from webhooks_app.services.replay import (
    cancel_replay,
    pause_replay,
    replay_delivery,
    resume_replay,
    start_endpoint_replay,
    start_replay,
)
from webhooks_app.services.replay_runner import ReplayRun, run_replays

pytestmark = pytest.mark.django_db(transaction=True)


def run() -> None:
    run_engine(idle_seconds=0.3)


def test_a_failed_delivery_is_tried_again_under_its_own_id(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any], alice: User
) -> None:
    make_endpoint(receiver.url())
    receiver.say("/hook", answer_of(500), answer_of(200))
    emit()
    run()
    delivery = Delivery.objects.get()
    Delivery.objects.update(state="failed", next_attempt_at=None)
    replay_delivery(delivery=delivery, actor=Actor(user=alice, label="Alice"))
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.tries) == ("delivered", 2, 1)
    first, second = receiver.requests
    assert first.json["delivery_id"] == second.json["delivery_id"]
    assert first.json["timestamp"] < second.json["timestamp"]
    assert [attempt.trigger for attempt in Attempt.objects.order_by("id")] == ["first", "replay"]
    entry = AuditEntry.objects.get(action="delivery.replayed")
    assert (entry.actor, entry.target_id) == (alice, delivery.public_id)


def test_nothing_is_replayed_to_an_endpoint_that_is_off_or_deleted(
    make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    endpoint = make_endpoint("http://127.0.0.1:8909/hook")
    emit()
    fan_out_events()
    switch_endpoint(endpoint=endpoint, is_active=False, actor=Actor())
    delivery = Delivery.objects.get()
    assert delivery.state == "held"
    with pytest.raises(AppError) as caught:
        replay_delivery(delivery=delivery, actor=Actor())
    assert (caught.value.code, caught.value.status) == ("webhook_is_off", 409)
    delete_endpoint(endpoint=endpoint, actor=Actor())
    assert Delivery.objects.get().state == "cancelled"
    with pytest.raises(AppError) as caught:
        replay_delivery(delivery=delivery, actor=Actor())
    assert caught.value.code == "webhook_deleted"


def test_what_the_filter_finds_is_replayed_and_counted(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit(30)
    run()
    Delivery.objects.filter(id__in=Delivery.objects.order_by("id").values("id")[:12]).update(state="failed")
    wanted = DeliveryFilter(organization_id=endpoint.organization_id, states=("failed",))
    replay = start_replay(organization=endpoint.organization, wanted=wanted, actor=Actor(label="Alice"))
    assert replay.total == 12
    run_replays()
    run()
    replay.refresh_from_db()
    assert (replay.state, replay.queued, replay.total, replay.delivered, replay.failed) == ("done", 12, 12, 12, 0)
    assert Delivery.objects.filter(state="delivered").count() == 30
    assert len(receiver.requests) == 42
    assert len({request.json["delivery_id"] for request in receiver.requests}) == 30


def test_missing_means_failed_held_and_never_owed(
    receiver: Receiver, make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    since = now()
    before = emit(3)  # before the endpoint exists
    endpoint = make_endpoint(receiver.url())
    emit(4)
    run()
    switch_endpoint(endpoint=endpoint, is_active=False, actor=Actor())
    emit(5)
    fan_out_events()
    switch_endpoint(endpoint=endpoint, is_active=True, actor=Actor())
    assert Delivery.objects.filter(state="held").count() == 5
    replay = start_endpoint_replay(endpoint=endpoint, since=since, only="missing", actor=Actor())
    run_replays()
    run()
    replay.refresh_from_db()
    assert (replay.state, replay.queued, replay.delivered) == ("done", 8, 8)
    assert Delivery.objects.filter(state="delivered").count() == 12
    assert Delivery.objects.filter(event_id__in=before).count() == 3
    again = start_endpoint_replay(endpoint=endpoint, since=since, only="missing", actor=Actor())
    run_replays()
    again.refresh_from_db()
    assert (again.state, again.queued) == ("done", 0)


def test_a_replay_can_be_paused_resumed_and_cancelled(
    make_endpoint: Callable[..., Endpoint], emit: Callable[..., Any]
) -> None:
    endpoint = make_endpoint("http://127.0.0.1:8909/hook")
    emit(10)
    fan_out_events()
    Delivery.objects.update(state="failed")
    since = now() - timedelta(minutes=1)
    replay = start_endpoint_replay(endpoint=endpoint, since=since, only="failed", actor=Actor())
    step = ReplayRun(replay)
    assert step.step(3)
    pause_replay(replay=replay, actor=Actor())
    assert not step.step(3)
    assert Replay.objects.get().queued == 3
    resume_replay(replay=replay, actor=Actor())
    assert step.step(3)
    cancel_replay(replay=replay, actor=Actor())
    assert not step.step(3)
    replay = Replay.objects.get()
    assert (replay.state, replay.queued) == ("cancelled", 6)
    assert resume_replay(replay=replay, actor=Actor()).state == "cancelled"
    actions = AuditEntry.objects.filter(target_id=replay.public_id).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["replay.started", "replay.paused", "replay.resumed", "replay.cancelled"]
