"""The simulator's own surface: phones belong to an organization, lines break on purpose, nobody else is reached."""

from typing import Any

import pytest

from accounts.models import Organization
from core.clock import now
from lines.models import Line
from lines.services.provisioning import ensure_sandbox_line
from messaging.models import Message
from messaging.services.dispatch import dispatch_due
from messaging.services.receive import apply_inbound
from messaging.services.simulated import pump_due_events
from tests.api.conftest import ApiClient
from transports.simulator.models import LineScenario, PhoneMessage, ScheduledEvent, VirtualPhone

PHONES = "/simulator/v1/phones"
PEER = "+15550110144"

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone(api: ApiClient) -> str:
    assert api.post(PHONES, {"handle": PEER, "name": "Maya"}).status == 201
    return f"{PHONES}/{PEER}"


def settle() -> None:
    """Everything that is under way arrives."""
    dispatch_due()
    ScheduledEvent.objects.update(due_at=now())
    pump_due_events()
    apply_inbound()


def test_a_phone_is_made_once_and_listed(api: ApiClient, phone: str) -> None:
    again = api.post(PHONES, {"handle": PEER})
    assert (again.status, again.body["name"]) == (201, "Maya")
    free = api.post(PHONES, {}).body["handle"]
    assert free.startswith("+155501")
    assert [p["handle"] for p in api.get(PHONES).body["data"]] == [PEER, free]


@pytest.mark.parametrize("handle", ["+14155550142", "maya@gmail.com", "x", "+1555020000"])
def test_a_phone_has_a_simulated_handle_only(api: ApiClient, handle: str) -> None:
    assert api.post(PHONES, {"handle": handle}).error[2:] == ("invalid_parameter_value", "handle")


def test_a_conversation_goes_both_ways_over_http(api: ApiClient, phone: str, line: Line) -> None:
    sent = api.post(f"{phone}/messages", {"to": line.handle, "text": "Hi"})
    assert (sent.status, sent.body["is_from_me"], sent.body["from"]) == (201, True, PEER)
    settle()
    assert Message.objects.get().guid == sent.body["guid"]
    assert api.post("/v1/messages", {"from": line.handle, "to": PEER, "text": "Hello"}).status == 201
    settle()
    shown = api.get(f"{phone}/messages").body["data"]
    assert [(m["from"], m["is_from_me"], m["text"]) for m in shown] == [
        (PEER, True, "Hi"),
        (line.handle, False, "Hello"),
    ]
    assert shown[1]["delivered_at"] >= shown[1]["sent_at"]
    assert Message.objects.get(is_from_me=True).delivered_at is not None


def test_a_phone_reacts_types_and_reads(api: ApiClient, phone: str, line: Line) -> None:
    api.post(f"{phone}/messages", {"to": line.public_id, "text": "Hi"})
    settle()
    api.post("/v1/messages", {"from": line.handle, "to": PEER, "text": "Hello"})
    settle()
    target = api.get(f"{phone}/messages").body["data"][1]["guid"]
    reacted = api.post(f"{phone}/reactions", {"message_guid": target, "type": "love"})
    assert [r["type"] for r in reacted.body["reactions"]] == ["love"]
    assert api.post(f"{phone}/typing", {"to": line.handle}).body["events"] == 1
    assert api.post(f"{phone}/read", {"to": line.handle}).status == 200
    settle()
    message = Message.objects.get(is_from_me=True)
    assert message.reactions.get().type == "love"
    assert message.chat.typing.get().is_typing
    removed = api.post(f"{phone}/reactions", {"message_guid": target, "type": "love", "added": False})
    assert removed.body["reactions"] == []


def test_phones_and_lines_of_others_do_not_exist(
    api: ApiClient, stranger: ApiClient, phone: str, line: Line, other: Organization
) -> None:
    assert stranger.get(PHONES).body["data"] == []
    for path, body in [("messages", {"to": line.handle, "text": "x"}), ("typing", {"to": line.handle})]:
        assert stranger.post(f"{phone}/{path}", body).error[:3] == (404, "not_found_error", "phone_not_found")
    assert stranger.get(f"{phone}/messages").error[2] == "phone_not_found"
    assert stranger.post(PHONES, {"handle": PEER}).error[2:] == ("handle_taken", "handle")
    stranger.post(PHONES, {"handle": "+15550110199"})
    intruding = stranger.post(f"{PHONES}/+15550110199/messages", {"to": line.handle, "text": "x"})
    assert intruding.error == (404, "not_found_error", "line_not_found", "to")
    scenario = stranger.call("PUT", f"/simulator/v1/lines/{line.public_id}/scenario", {"name": "delay"})
    assert scenario.error[2:] == ("line_not_found", "id")
    assert not PhoneMessage.objects.exists()


def test_any_phone_may_text_the_shared_sandbox_line_and_nobody_may_break_it(api: ApiClient, phone: str) -> None:
    sandbox = ensure_sandbox_line()
    assert api.post(f"{phone}/messages", {"to": sandbox.handle, "text": "hi"}).status == 201
    answer = api.call("PUT", f"/simulator/v1/lines/{sandbox.public_id}/scenario", {"name": "delay"})
    assert answer.error[:3] == (403, "authorization_error", "line_not_accessible")


def test_a_line_is_made_and_a_scenario_chosen(api: ApiClient) -> None:
    made = api.post("/simulator/v1/lines", {"label": "Front desk"})
    assert (made.status, made.body["label"]) == (201, "Front desk")
    path = f"/simulator/v1/lines/{made.body['id']}/scenario"
    chosen = api.call("PUT", path, {"name": "read_after", "seed": 7, "delay_seconds": 3})
    assert (chosen.status, chosen.body["options"]) == (200, {"delay_seconds": 3})
    assert LineScenario.objects.get(pk=made.body["handle"]).seed == 7
    assert api.call("PUT", path, {"name": "nonsense"}).error[2:] == ("invalid_parameter_value", "name")
    assert api.call("PUT", path, {"name": "delay", "speed": 1}).error[2:] == ("invalid_parameter_value", "speed")
    assert api.call("PUT", path, {"name": "delay", "seed": 2**70}).error[3] == "seed"
    assert api.post("/simulator/v1/lines", {"handle": "+14155550100"}).error[3] == "handle"


def test_a_deregistered_line_recovers_when_its_trouble_ends(api: ApiClient, phone: str, line: Line) -> None:
    api.post(f"{phone}/messages", {"to": line.handle, "text": "Hi"})
    settle()
    path = f"/simulator/v1/lines/{line.public_id}/scenario"
    api.call("PUT", path, {"name": "line_deregistered"})
    api.post("/v1/messages", {"from": line.handle, "to": PEER, "text": "Hello"})
    settle()
    line.refresh_from_db()
    assert (line.health, line.health_reasons) == ("down", ["line_deregistered"])
    api.call("PUT", path, {"name": "normal"})
    settle()
    line.refresh_from_db()
    assert (line.health, line.health_reasons) == ("ok", [])


def test_nothing_is_there_when_the_simulator_is_off(api: ApiClient, phone: str, settings: Any) -> None:
    settings.SIMULATOR_ENABLED = False
    assert api.get(PHONES).error[:3] == (404, "not_found_error", "route_not_found")
    assert api.post(f"{phone}/messages", {"to": "x", "text": "x"}).error[2] == "route_not_found"
    assert api.post("/simulator/v1/lines", {}).error[2] == "route_not_found"


def test_it_needs_the_scope_to_write(lumen: Organization, make_key: Any) -> None:
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).get(PHONES).error[2] == "insufficient_scope"


def test_bad_input_is_named(api: ApiClient, phone: str, line: Line) -> None:
    assert api.post(f"{phone}/messages", {"to": line.handle}).error[3] == "text"
    assert api.post(f"{phone}/messages", {"to": line.handle, "text": "x" * 20_001}).error[3] == "text"
    missing = api.post(f"{phone}/messages", {"to": line.handle, "attachments": ["file_" + "0" * 32]})
    assert missing.error[2] == "file_not_found"
    assert api.post(f"{phone}/messages", {"to": "any;+;chat1", "text": "x"}).error[2] == "chat_not_found"
    assert api.post(f"{phone}/reactions", {"message_guid": "x", "type": "love"}).error[2] == "message_not_found"
    assert VirtualPhone.objects.count() == 1
