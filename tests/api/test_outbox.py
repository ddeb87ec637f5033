"""GET /v1/outbox: one item (spec api §7) and the list of a line."""

import pytest

from api.lists import Page
from api.schemas import OutboxItemOut
from lines.models import Line
from messaging.models import OutboxItem
from tests.api.checks import has_shape
from tests.api.conftest import ApiClient

PATH = "/v1/outbox"


@pytest.fixture
def items(api, line, chat):
    body = {"from": line.handle, "to": chat.identifier}
    return [api.post("/v1/messages", {**body, "text": str(n)}).body["id"] for n in range(3)]


def test_an_item_is_shown_with_the_request_it_came_from(api, items, line, chat):
    answer = api.get(f"{PATH}?id={items[0]}")
    assert answer.status == 200
    has_shape(answer, OutboxItemOut)
    body = answer.body
    assert (body["id"], body["line_id"], body["status"]) == (items[0], line.public_id, "pending")
    assert body["payload"] == {"from": line.handle, "to": chat.identifier, "text": "0"}
    assert (body["attempts"], body["max_attempts"], body["completed_at"], body["error"]) == (0, 3, None, None)


def test_an_id_is_required_well_formed_and_known(api, db):
    assert api.get(PATH).error == (400, "invalid_request_error", "missing_required_parameter", "id")
    assert api.get(PATH + "?id=").error == (400, "invalid_request_error", "missing_required_parameter", "id")
    assert api.get(PATH + "?id=msg_1").error == (400, "invalid_request_error", "invalid_parameter_value", "id")
    unknown = api.get(f"{PATH}?id=obx_{'0' * 32}")
    assert unknown.error == (404, "not_found_error", "outbox_item_not_found", "id")


def test_items_of_others_and_of_other_lines_do_not_exist(stranger, lumen, make_key, items):
    assert stranger.get(f"{PATH}?id={items[0]}").error[2] == "outbox_item_not_found"
    other_line = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[other_line.id])
    assert ApiClient(token).get(f"{PATH}?id={items[0]}").error[2] == "outbox_item_not_found"


def test_the_items_of_a_line_are_listed_newest_first(api, items, line):
    first = api.get(f"{PATH}?from={line.public_id}&limit=2")
    has_shape(first, Page[OutboxItemOut])
    second = api.get(f"{PATH}?from={line.public_id}&limit=2&cursor={first.body['next_cursor']}").body
    assert [item["id"] for item in first.body["data"] + second["data"]] == items[::-1]
    assert (second["has_more"], OutboxItem.objects.count()) == (False, 3)
    assert api.get(f"{PATH}?from={line.public_id}&cursor=x").error[2:] == ("invalid_parameter_value", "cursor")


def test_it_needs_its_scope(lumen, make_key):
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).get(PATH).error[2] == "insufficient_scope"
