"""POST and GET /v1/typing (spec api §9.7)."""

import pytest

from api.lists import Page
from api.schemas import Queued, TypingOut
from core.clock import now
from lines.models import Line
from messaging.models import OutboxItem, TypingIndicator
from tests.api.checks import has_shape, refuses_bad_json, requires
from tests.api.conftest import ApiClient

PATH = "/v1/typing"


@pytest.fixture
def body(line, chat):
    return {"from": line.handle, "to": chat.identifier}


@pytest.mark.parametrize(("state", "is_on"), [({}, True), ({"state": "on"}, True), ({"state": "off"}, False)])
def test_typing_is_queued_and_on_by_default(api, body, state, is_on):
    answer = api.post(PATH, {**body, **state})
    assert answer.status == 201
    has_shape(answer, Queued)
    assert OutboxItem.objects.get().content == {"is_on": is_on}


def test_another_state_is_refused(api, body):
    for state in ("ON", "", 1, True):
        assert api.post(PATH, {**body, "state": state}).error[2:] == ("invalid_parameter_value", "state")


def test_members_are_required(api, body):
    requires(api, "POST", PATH, body, "from", "to")
    assert api.get(PATH).error[2:] == ("missing_required_parameter", "from")


def test_bad_json_is_refused(api):
    refuses_bad_json(api, PATH)
    assert not OutboxItem.objects.exists()


def test_who_types_is_listed(api, chat, line):
    TypingIndicator.objects.create(chat=chat, handle=chat.identifier, is_typing=True, updated_at=now())
    answer = api.get(f"{PATH}?from={line.public_id}&to={chat.public_id}")
    has_shape(answer, Page[TypingOut])
    assert [item["handle"] for item in answer.body["data"]] == [chat.identifier]


def test_a_chat_must_be_there(api, body, line):
    assert api.post(PATH, {**body, "to": "+15550109999"}).error[2] == "chat_not_found"
    assert api.get(f"{PATH}?from={line.public_id}&to=x@y.example").error[2] == "chat_not_found"


def test_scopes_line_and_organization_are_kept(lumen, make_key, body, stranger, line, chat):
    query = f"{PATH}?from={line.public_id}&to={chat.public_id}"
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).post(PATH, body).error[2] == "insufficient_scope"
    assert ApiClient(token).get(query).error[2] == "insufficient_scope"
    other_line = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[other_line.id])
    assert ApiClient(token).post(PATH, body).error[2] == "line_not_accessible"
    assert ApiClient(token).get(query).error[2] == "line_not_accessible"
    assert stranger.post(PATH, body).error[2] == "line_not_found"
    assert stranger.get(query).error[2] == "line_not_found"
