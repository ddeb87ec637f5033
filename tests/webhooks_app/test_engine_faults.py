"""What the engine does with receivers, databases and colleagues that misbehave."""
# ruff: noqa: E501

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core import mail
from django.db import connection

from accounts.models import Organization, User
from accounts.services.audit import Actor
from core.clock import now
from core.ids import uuid7
from lines.models import Line
from tests.webhooks_app.receivers import OK, Receiver, Request, answer_of
from webhooks_app.models import Attempt, Delivery, Endpoint
from webhooks_app.services import recorder as recorder_module
from webhooks_app.services.claim import claim_due
from webhooks_app.services.endpoints import activate_secret, delete_endpoint, stage_secret, switch_endpoint
from webhooks_app.services.engine import run_engine
from webhooks_app.services.failing import check_failing_endpoints
from webhooks_app.services.fan_out import fan_out_batch, fan_out_events
from webhooks_app.services.record import record_outcomes
from webhooks_app.services.secrets import activate_overdue_secrets, read_secrets
from webhooks_app.signing import sign_body

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Endpoint]
Emit = Callable[..., Any]


def run(seconds: float = 0.5) -> int:
    return run_engine(idle_seconds=seconds)


def make_due() -> None:
    """As if the waits of the schedule were over."""
    Delivery.objects.filter(state="retrying").update(next_attempt_at=now() - timedelta(seconds=1))


def test_410_switches_the_endpoint_off_and_holds_what_was_owed(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url(), max_in_flight=1)
    receiver.say("/hook", answer_of(410))
    emit(5)
    run()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "gone_410")
    states = list(Delivery.objects.order_by("id").values_list("state", flat=True))
    assert states.count("failed") >= 1
    assert set(states) <= {"failed", "held"}
    emit()
    run()
    assert Delivery.objects.latest("id").state == "held"


def test_retry_after_is_kept_to(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    make_endpoint(receiver.url())
    receiver.say("/hook", answer_of(503, "Retry-After: 3600"))
    emit()
    run()
    delivery = Delivery.objects.get()
    assert delivery.next_attempt_at is not None
    assert 3590 < (delivery.next_attempt_at - now()).total_seconds() < 3970


def test_eight_attempts_and_then_it_has_failed(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    endpoint = make_endpoint(receiver.url())
    receiver.say("/hook", answer_of(302, "Location: http://169.254.169.254/"))
    emit()
    for _ in range(9):
        run()
        make_due()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("failed", 8, "http_3xx")
    assert [attempt.number for attempt in Attempt.objects.order_by("id")] == list(range(1, 9))
    stamps = [int(request.headers["x-webhook-timestamp"]) for request in receiver.requests]
    assert stamps == sorted(set(stamps))
    assert len({request.headers["x-webhook-delivery-id"] for request in receiver.requests}) == 1
    endpoint.refresh_from_db()
    assert endpoint.consecutive_failures == 8
    receiver.say("/hook", OK)
    emit()
    run()
    endpoint.refresh_from_db()
    assert (endpoint.consecutive_failures, endpoint.failing_since) == (0, None)


def test_a_silent_endpoint_does_not_delay_the_others(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    async def hang(_request: Request, _writer: asyncio.StreamWriter) -> bytes | None:
        await asyncio.sleep(60)
        return None

    receiver.answers["/never"] = hang
    make_endpoint(receiver.url("/never"))
    make_endpoint(receiver.url("/fine"))
    emit(300)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: run_engine(stop=stop, idle_seconds=30))
    thread.start()
    try:
        end = time.monotonic() + 12
        while len(receiver.at("/fine")) < 300 and time.monotonic() < end:
            threading.Event().wait(0.05)
        assert len(receiver.at("/fine")) == 300
        assert receiver.most_open["/never"] <= 20
        assert not Delivery.objects.filter(last_error="answer_timeout").exists()
    finally:
        stop.set()
        thread.join()
    timed_out = Delivery.objects.filter(last_error="answer_timeout")
    assert timed_out.count() == receiver.most_open["/never"]
    assert Delivery.objects.filter(state="pending", lease_until=None).exists()  # given back, not lost


def test_resets_and_garbage_are_retried_with_their_reason(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    async def reset(_request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        writer.transport.abort()
        return None

    receiver.answers["/reset"] = reset
    receiver.say("/garbage", b"what?")
    for path in ("/reset", "/garbage"):
        make_endpoint(receiver.url(path))
    emit()
    run()
    errors = set(Delivery.objects.values_list("state", "last_error"))
    assert errors in (
        {("retrying", "reset"), ("retrying", "invalid_answer")}, {("retrying", "closed"), ("retrying", "invalid_answer")},
    )  # fmt: skip


def test_the_breaker_lets_one_probe_through(receiver: Receiver, make_endpoint: Make, emit: Emit, settings: Any) -> None:
    settings.WEBHOOK_RETRY_FACTOR = 1000  # no retry becomes due meanwhile, however slow the machine
    endpoint = make_endpoint(receiver.url())
    receiver.say("/hook", answer_of(500))
    emit(60)
    run()
    endpoint.refresh_from_db()
    first = len(receiver.requests)
    assert 20 <= first <= 40  # twenty failures, and what was already in flight
    assert endpoint.breaker_open_until is not None
    Endpoint.objects.update(breaker_open_until=now() - timedelta(seconds=1))
    run()
    assert len(receiver.requests) == first + 1
    receiver.say("/hook", OK)
    Endpoint.objects.update(breaker_open_until=now() - timedelta(seconds=1))
    run(1.0)
    endpoint.refresh_from_db()
    assert endpoint.breaker_open_until is None
    assert Delivery.objects.filter(state="delivered").count() == 60 - first - 1


def test_an_ordered_endpoint_gets_one_at_a_time_in_the_order_of_events(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    make_endpoint(receiver.url(), is_ordered=True)
    receiver.say("/hook", OK, OK, answer_of(500), OK)
    events = emit(6)
    run(1.0)
    assert len(receiver.requests) == 3  # the third failed: the fourth waits for it
    make_due()
    run(1.0)
    delivered = Attempt.objects.filter(status=200).order_by("id").values_list("delivery_id", flat=True)
    order = {row.id: row.event_id for row in Delivery.objects.all()}
    assert [order[key] for key in delivered] == events
    assert receiver.most_open["/hook"] == 1


def test_a_pace_is_kept(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    make_endpoint(receiver.url(), requests_per_second=10)
    emit(12)
    started = time.monotonic()
    run()
    assert time.monotonic() - started > 1.0
    assert Delivery.objects.filter(state="delivered").count() == 12


def test_a_claim_of_a_dead_engine_is_taken_over_and_its_late_result_refused(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit()
    fan_out_events()
    (dead,) = claim_due({endpoint.id: 5})
    assert claim_due({endpoint.id: 5}) == []
    run()
    assert receiver.requests == []
    Delivery.objects.update(lease_until=now() - timedelta(seconds=1))
    run()
    assert Delivery.objects.get().state == "delivered"
    from core.outbound import HttpResult
    from webhooks_app.services.jobs import Outcome

    moment = time.time()
    record_outcomes([Outcome(dead, moment, moment, HttpResult(status=500), "{}", "http_5xx", "retrying", moment)])
    assert Delivery.objects.get().state == "delivered"
    assert Attempt.objects.count() == 2  # both were made, and both are told


def test_two_fan_outs_at_once_owe_each_event_once(make_endpoint: Make, emit: Emit) -> None:
    make_endpoint("http://127.0.0.1:8909/hook")
    emit(400)
    errors = []

    def work() -> None:
        try:
            idle = 0
            while idle < 20:
                idle = 0 if fan_out_batch(batch=25).events else idle + 1
        except Exception as error:  # noqa: BLE001 told to the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fan_out_events()
    assert errors == []
    assert Delivery.objects.count() == 400
    assert Delivery.objects.values("event_id").distinct().count() == 400


def test_who_is_owed_an_event(
    make_endpoint: Make, emit: Emit, lumen: Organization, other: Organization, line: Line
) -> None:
    second = Line.objects.create(organization=lumen, handle="+15550100043")
    url = "http://127.0.0.1:8909/hook"
    wanted = {
        make_endpoint(url).id: "pending",
        make_endpoint(url, line_ids=[line.id]).id: "pending",
    }
    off = make_endpoint(url)
    switch_endpoint(endpoint=off, is_active=False, actor=Actor())
    wanted[off.id] = "held"
    make_endpoint(url, line_ids=[second.id])
    make_endpoint(url, events=["message.sent"])
    make_endpoint(url, organization=other)
    delete_endpoint(endpoint=make_endpoint(url), actor=Actor())
    emit()
    emit(type="reaction.added")
    make_endpoint(url)  # after the event
    fan_out_events()
    assert dict(Delivery.objects.values_list("endpoint_id", "state")) == wanted


def test_the_sandbox_line_is_shared_and_its_events_are_not(
    make_endpoint: Make, emit: Emit, lumen: Organization, other: Organization
) -> None:
    shared = Line.objects.create(organization=None, handle="+15550100001", is_sandbox=True)
    mine = make_endpoint("http://127.0.0.1:8909/a")
    make_endpoint("http://127.0.0.1:8909/b", organization=other, line_ids=[shared.id])
    emit(on=shared)
    fan_out_events()
    assert [row.endpoint_id for row in Delivery.objects.all()] == [mine.id]


def test_the_engine_works_without_redis(
    receiver: Receiver, make_endpoint: Make, emit: Emit, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint(receiver.url())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    emit()
    run(1.0)
    assert Delivery.objects.get(endpoint_id=endpoint.id).state == "delivered"
    with pytest.raises(redis.RedisError):
        redis.Redis.from_url(settings.REDIS_URL).ping()


def test_the_engine_outlives_its_database_connections(
    receiver: Receiver, make_endpoint: Make, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_endpoint(receiver.url())
    real, cut = recorder_module.record_outcomes, []

    def record_and_cut(batch: Any, **more: Any) -> None:
        if not cut:
            cut.append(1)
            with connection.cursor() as cursor:  # this thread's own connection ends under it
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        real(batch, **more)

    monkeypatch.setattr(recorder_module, "record_outcomes", record_and_cut)
    emit(20)
    run(1.0)
    assert cut == [1]
    assert Delivery.objects.filter(state="delivered").count() == 20
    assert len(receiver.requests) == 20


def test_a_rotation_is_followed_by_the_engine(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    endpoint = make_endpoint(receiver.url())
    old = read_secrets(endpoint).current
    endpoint, following = stage_secret(endpoint=endpoint, actor=Actor())
    emit()
    run()
    Endpoint.objects.update(staged_at=now() - timedelta(hours=25))
    assert activate_overdue_secrets() == 1
    emit()
    run()
    Endpoint.objects.update(previous_until=now() - timedelta(seconds=1))
    emit()
    run()
    staged, active, after = receiver.requests

    def signed(request: Request, header: str, secret: str) -> bool:
        return request.headers.get(header) == sign_body(secret, request.json["timestamp"], request.body)

    assert signed(staged, "x-webhook-signature", old)
    assert signed(staged, "x-webhook-signature-next", following)
    assert signed(active, "x-webhook-signature", following)
    assert "x-webhook-signature-next" not in active.headers
    counts = [len(request.headers["webhook-signature"].split(" ")) for request in receiver.requests]
    assert counts == [2, 2, 1]
    assert signed(after, "x-webhook-signature", following)
    with pytest.raises(Exception, match="No next secret"):
        activate_secret(endpoint=endpoint, actor=Actor())


def test_custom_headers_are_sent_and_not_shown_in_the_log(receiver: Receiver, make_endpoint: Make, emit: Emit) -> None:
    make_endpoint(receiver.url(), headers={"Authorization": "Bearer abc"})
    emit()
    run()
    assert receiver.requests[0].headers["authorization"] == "Bearer abc"
    assert Attempt.objects.get().request_headers["Authorization"] == "(set on the endpoint)"


@pytest.mark.parametrize(
    "headers",
    [{"X-Webhook-Signature": "a"}, {"webhook-ID": "a"}, {"Host": "a"}, {"content-length": "1"}, {"Transfer-Encoding": "x"},
     {"Connection": "close"}, {"A B": "x"}, {"A": "b\r\nC: d"}, {"A": ""}, {"A": "é"}, {"A": "x", "a": "y"}, {"": "x"},
     {f"H{n}": "x" for n in range(21)}],
)  # fmt: skip
def test_a_header_that_is_not_the_owners_is_refused(make_endpoint: Make, headers: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:
        make_endpoint("http://127.0.0.1:8909/hook", headers=headers)
    assert caught.value.param == "headers"  # type: ignore[attr-defined]


def test_an_endpoint_that_fails_for_days_is_reported_twice_and_switched_off(
    make_endpoint: Make, alice: User, dana: User, bob: User, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    endpoint = make_endpoint("http://127.0.0.1:8909/hook")
    told = []
    for hours in (20, 25, 30, 97, 100, 121, 130):
        since = now() - timedelta(hours=hours)
        Endpoint.objects.update(failing_since=since, last_attempt_at=now(), last_error="http_5xx")
        check_failing_endpoints()
        told.append(len(mail.outbox))
    assert told == [0, 2, 2, 4, 4, 6, 6]
    assert {message.to[0] for message in mail.outbox} == {alice.email, dana.email}
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing_5_days")
    assert "switched off" in mail.outbox[-1].subject


def test_deliveries_of_an_endpoint_switched_off_during_the_fan_out_become_held(
    receiver: Receiver, make_endpoint: Make, emit: Emit
) -> None:
    endpoint = make_endpoint(receiver.url())
    emit()
    fan_out_events()
    Endpoint.objects.update(is_active=False)  # as a switch that did not see the new row
    run(1.0)
    assert Delivery.objects.get(endpoint_id=endpoint.id).state == "held"
    assert receiver.requests == []
    assert uuid7() > Delivery.objects.get().id
