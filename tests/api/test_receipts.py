"""POST and GET /v1/receipts (spec api §9.8)."""

import pytest

from api.lists import Page
from api.schemas import Queued, ReceiptOut
from core.clock import now
from lines.models import Line
from messaging.models import OutboxItem, ReadReceipt
from tests.api.checks import has_shape, refuses_bad_json, requires
from tests.api.conftest import ApiClient

PATH = "/v1/receipts"


@pytest.fixture
def body(line, chat):
    return {"from": line.handle, "to": chat.identifier}


def test_marking_a_chat_as_read_is_queued(api, body):
    answer = api.post(PATH, body)
    assert answer.status == 201
    has_shape(answer, Queued)
    item = OutboxItem.objects.get()
    assert (item.operation, item.payload) == ("read", body)


def test_members_are_required(api, body):
    requires(api, "POST", PATH, body, "from", "to")
    assert api.get(PATH).error[2:] == ("missing_required_parameter", "from")


def test_bad_json_is_refused(api):
    refuses_bad_json(api, PATH)
    assert not OutboxItem.objects.exists()


def test_who_has_read_is_listed(api, chat, line):
    ReadReceipt.objects.create(chat=chat, handle=chat.identifier, last_read_at=now(), synced_at=now())
    answer = api.get(f"{PATH}?from={line.public_id}&to={chat.public_id}")
    has_shape(answer, Page[ReceiptOut])
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
