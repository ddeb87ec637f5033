"""GET /v1/chats (spec api §9.2)."""

import pytest

from api.lists import Page
from api.schemas import ChatOut
from core.clock import from_ms
from lines.models import Line, SandboxPairing
from messaging.models import Chat
from tests.api.checks import has_shape
from tests.api.conftest import ApiClient

PATH = "/v1/chats"


@pytest.fixture
def chats(lumen, line):
    return [
        Chat.objects.create(
            organization=lumen, line=line, key=f"d:{n}", identifier=f"+1555010{n:04}", participants=[str(n)],
            last_message_at=from_ms(1000 - n) if n < 4 else None,
        )
        for n in range(6)
    ]  # fmt: skip


def test_the_latest_comes_first_and_pages_are_exact(api, line, chats):
    seen, cursor = [], ""
    while True:
        page = api.get(f"{PATH}?from={line.public_id}&limit=2{cursor}")
        has_shape(page, Page[ChatOut])
        seen += [item["id"] for item in page.body["data"]]
        if not page.body["has_more"]:
            break
        cursor = "&cursor=" + page.body["next_cursor"]
    assert seen == [chat.public_id for chat in (*chats[:4], chats[5], chats[4])]


def test_a_line_is_required_and_limits_and_cursors_are_checked(api, line):
    assert api.get(PATH).error[2:] == ("missing_required_parameter", "from")
    assert api.get(PATH + "?from=").error[2:] == ("missing_required_parameter", "from")
    assert api.get(f"{PATH}?from={line.public_id}&limit=0").error[2:] == ("invalid_parameter_value", "limit")
    assert api.get(f"{PATH}?from={line.public_id}&cursor=x").error[2:] == ("invalid_parameter_value", "cursor")
    assert api.get(f"{PATH}?from=cht_1").error[2:] == ("invalid_parameter_value", "from")


def test_scope_line_and_organization_are_kept(api, lumen, make_key, line, stranger):
    query = f"{PATH}?from={line.public_id}"
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).get(query).error[2] == "insufficient_scope"
    other_line = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[other_line.id])
    assert ApiClient(token).get(query).error[2] == "line_not_accessible"
    assert stranger.get(query).error[2] == "line_not_found"


def test_on_the_sandbox_line_each_organization_sees_its_own_chat_only(api, stranger, lumen, other):
    sandbox = Line.objects.create(handle="+15550100001", is_sandbox=True)
    assert api.get(f"{PATH}?from={sandbox.handle}").error[:3] == (403, "authorization_error", "sandbox_not_activated")
    for n, organization in enumerate((lumen, other)):
        handle = f"+1555010014{n}"
        SandboxPairing.objects.create(
            organization=organization, line=sandbox, status="active", contact_identifier=handle
        )
        Chat.objects.create(organization=organization, line=sandbox, key=f"d:{handle}", identifier=handle)
    mine, theirs = (client.get(f"{PATH}?from={sandbox.handle}").body["data"] for client in (api, stranger))
    assert [item["identifier"] for item in mine] == ["+15550100140"]
    assert [item["identifier"] for item in theirs] == ["+15550100141"]
