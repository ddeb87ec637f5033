"""The delivery log over HTTP."""

import ipaddress
from typing import Any

import msgspec
import pytest
from django.db import transaction

from core.clock import now, to_ms
from events.services import NewEvent, append_events
from tests.webhooks_app.conftest import wait_until_final
from tests.webhooks_app.receivers import answer_of, run_receiver
from webhooks_app.catalogue import build_example
from webhooks_app.services.engine import run_engine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(transactional_db: Any) -> Any:
    with run_receiver() as running:
        yield running


@pytest.fixture
def webhook(api: Any, line: Any, receiver: Any, settings: Any) -> str:
    settings.OUTBOUND_ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    body = {"from": line.handle, "url": receiver.url(), "events": ["message.received"]}
    return api.post("/v1/webhooks", body).body["id"]


@pytest.fixture
def delivery(webhook: str, api: Any, line: Any, lumen: Any) -> str:
    data = msgspec.json.encode(build_example("message.received")).decode()
    with transaction.atomic():
        append_events([NewEvent(organization_id=lumen.id, line_id=line.id, type="message.received", data=data)])
    wait_until_final()
    run_engine(idle_seconds=1.0)
    (row,) = api.get("/v1/deliveries").body["data"]
    return row["id"]


def test_a_delivery_is_listed_and_read_with_its_attempts(api: Any, delivery: str, webhook: str) -> None:
    page = api.get(f"/v1/deliveries?endpoint={webhook}&state=delivered&status=2xx&q={delivery}").body
    assert [row["id"] for row in page["data"]] == [delivery]
    assert page["has_more"] is False
    assert api.get("/v1/deliveries?state=failed").body["data"] == []
    found = api.get(f"/v1/deliveries/{delivery}").body
    assert found["data"]["text"] == build_example("message.received")["text"]
    (attempt,) = found["attempt_log"]
    assert (attempt["status"], attempt["trigger"], attempt["response_body"]) == (200, "first", "ok")
    assert attempt["request_headers"]["X-Webhook-Delivery-Id"] == delivery


def test_a_wrong_filter_is_named(api: Any, delivery: str) -> None:
    for query, param in (("state=done", "state"), ("since=x", "since"), ("endpoint=wh_1", "endpoint")):
        assert api.get(f"/v1/deliveries?{query}").error == (
            400, "invalid_request_error", "invalid_parameter_value", param,
        )  # fmt: skip
    assert api.get("/v1/deliveries?cursor=abc").error[3] in ("cursor", "before")


def test_one_delivery_is_sent_again_on_request(api: Any, delivery: str, receiver: Any) -> None:
    answer = api.post(f"/v1/deliveries/{delivery}/replay", {})
    assert (answer.status, answer.body["state"]) == (202, "pending")
    run_engine(idle_seconds=1.0)
    assert len(receiver.requests) == 2
    assert api.get(f"/v1/deliveries/{delivery}").body["attempts"] == 2


def test_a_webhook_is_replayed_as_a_job(api: Any, delivery: str, webhook: str) -> None:
    answer = api.post(f"/v1/webhooks/{webhook}/replay", {"since": to_ms(now()) - 60_000, "only": "all"})
    assert answer.status == 202
    job = api.get(f"/v1/replays/{answer.body['id']}").body
    assert job["webhook_id"] == webhook
    assert job["state"] in ("running", "done")
    wrong = api.post(f"/v1/webhooks/{webhook}/replay", {"since": 1, "only": "some"})
    assert wrong.error == (400, "invalid_request_error", "invalid_parameter_value", "only")
    assert api.post(f"/v1/webhooks/{webhook}/replay", {"since": 10**20}).error[3] == "since"


def test_a_test_shows_what_came_back_and_is_no_secret_kind_of_event(api: Any, webhook: str, receiver: Any) -> None:
    receiver.say("/hook", answer_of(401, body=b"who are you"))
    answer = api.post(f"/v1/webhooks/{webhook}/test", {"event": "reaction.added"}).body
    assert answer["is_accepted"] is False
    assert answer["attempt"]["status"] == 401
    assert answer["attempt"]["response_body"] == "who are you"
    assert answer["attempt"]["trigger"] == "test"
    (request,) = receiver.requests
    assert request.json["event"] == "reaction.added"
    assert request.json["delivery_id"] == answer["delivery_id"]
    assert api.post(f"/v1/webhooks/{webhook}/test", {"event": "ping"}).error[3] == "event"


def test_rotation_in_two_steps(api: Any, webhook: str) -> None:
    assert api.post(f"/v1/webhooks/{webhook}/activate", {}).error[:3] == (
        409, "invalid_request_error", "no_staged_secret",
    )  # fmt: skip
    staged = api.post(f"/v1/webhooks/{webhook}/rotate", {})
    assert staged.status == 201
    assert staged.body["secret"].startswith("whsec_")
    activated = api.post(f"/v1/webhooks/{webhook}/activate", {})
    assert activated.body["previous_until"] > to_ms(now())


def test_a_stranger_finds_nothing(stranger: Any, delivery: str, webhook: str, api: Any) -> None:
    job = api.post(f"/v1/webhooks/{webhook}/replay", {"since": to_ms(now()) - 60_000}).body["id"]
    assert stranger.get("/v1/deliveries").body["data"] == []
    assert stranger.get(f"/v1/deliveries/{delivery}").error[2] == "delivery_not_found"
    assert stranger.post(f"/v1/deliveries/{delivery}/replay", {}).error[2] == "delivery_not_found"
    assert stranger.get(f"/v1/replays/{job}").error[2] == "replay_not_found"
    for action, body in (("replay", {"since": 1}), ("test", {"event": "message.sent"}), ("rotate", {}),
                         ("activate", {})):  # fmt: skip
        assert stranger.post(f"/v1/webhooks/{webhook}/{action}", body).error[2] == "webhook_not_found"


def test_scopes_are_needed(lumen: Any, make_key: Any, delivery: str, webhook: str) -> None:
    from tests.api.conftest import ApiClient

    _, token = make_key(lumen, scopes=["webhooks:read"])
    reader = ApiClient(token)
    assert reader.get("/v1/deliveries").status == 200
    assert reader.get(f"/v1/deliveries/{delivery}").error[2] == "insufficient_scope"
    assert reader.post(f"/v1/deliveries/{delivery}/replay", {}).error[2] == "insufficient_scope"
    assert reader.post(f"/v1/webhooks/{webhook}/rotate", {}).error[2] == "insufficient_scope"
    assert ApiClient().get("/v1/deliveries").status == 401
