"""POST and GET /v1/reactions (spec api §9.6)."""

import pytest

from api.lists import Page
from api.schemas import Queued, ReactionOut
from core.clock import from_ms, now
from lines.models import Line
from messaging.models import Message, OutboxItem, Reaction
from tests.api.checks import has_shape, refuses_bad_json, requires
from tests.api.conftest import ApiClient

PATH = "/v1/reactions"


@pytest.fixture
def message(line, chat):
    return Message.objects.create(
        organization_id=chat.organization_id, line_id=line.id, chat=chat, guid="G-1", sender=chat.identifier,
        text="Hi", is_from_me=False, sent_at=now(), synced_at=now(),
    )  # fmt: skip


@pytest.fixture
def body(line, chat, message):
    return {"from": line.handle, "to": chat.identifier, "message_id": message.public_id, "type": "love"}


class TestReacting:
    @pytest.mark.parametrize("kind", ["love", "like", "dislike", "laugh", "emphasize", "question"])
    def test_each_tapback_is_queued(self, api, body, kind):
        answer = api.post(PATH, {**body, "type": kind})
        assert answer.status == 201
        has_shape(answer, Queued)
        assert OutboxItem.objects.get().content["reaction"] == kind

    def test_a_message_may_be_named_by_its_guid(self, api, body):
        assert api.post(PATH, {**body, "message_id": "G-1"}).status == 201

    def test_members_are_required(self, api, body):
        requires(api, "POST", PATH, body, "from", "to", "message_id", "type")
        assert not OutboxItem.objects.exists()

    def test_bad_json_is_refused(self, api):
        refuses_bad_json(api, PATH)
        assert not OutboxItem.objects.exists()

    @pytest.mark.parametrize("kind", ["heart", "❤️", "LOVE", 1])
    def test_anything_else_is_no_type(self, api, body, kind):
        assert api.post(PATH, {**body, "type": kind}).error == (
            400, "invalid_request_error", "invalid_parameter_value", "type",
        )  # fmt: skip

    def test_an_unknown_message_is_not_found(self, api, body):
        for unknown in ("msg_" + "0" * 32, "G-unknown"):
            assert api.post(PATH, {**body, "message_id": unknown}).error == (
                404, "not_found_error", "message_not_found", "message_id",
            )  # fmt: skip

    def test_a_handle_without_a_chat_is_not_found(self, api, body):
        assert api.post(PATH, {**body, "to": "+15550109999"}).error[2] == "chat_not_found"

    def test_scope_line_and_organization_are_kept(self, lumen, make_key, body, stranger):
        _, token = make_key(lumen, scopes=["reactions:read"])
        assert ApiClient(token).post(PATH, body).error[2] == "insufficient_scope"
        other_line = Line.objects.create(organization=lumen, handle="+15550100077")
        _, token = make_key(lumen, line_ids=[other_line.id])
        assert ApiClient(token).post(PATH, body).error[2] == "line_not_accessible"
        assert stranger.post(PATH, body).error[2] == "line_not_found"


class TestListing:
    def test_the_whole_history_comes_oldest_first(self, api, message):
        for n, added in enumerate((True, False)):
            Reaction.objects.create(
                message=message, event_key=str(n), type="love", sender="+15550100144", is_from_me=False, added=added,
                sent_at=from_ms(n), synced_at=from_ms(n),
            )  # fmt: skip
        answer = api.get(f"{PATH}?message_id={message.public_id}")
        has_shape(answer, Page[ReactionOut])
        assert [item["added"] for item in answer.body["data"]] == [True, False]
        assert (answer.body["has_more"], answer.body["next_cursor"]) == (False, None)

    def test_a_message_is_required_and_must_be_there(self, api, message, stranger):
        assert api.get(PATH).error[2:] == ("missing_required_parameter", "message_id")
        assert api.get(PATH + "?message_id=cht_1").error[2:] == ("invalid_parameter_value", "message_id")
        assert api.get(PATH + "?message_id=nothing").error[2] == "message_not_found"
        assert stranger.get(f"{PATH}?message_id={message.public_id}").error[2] == "message_not_found"

    def test_reading_needs_its_scope(self, lumen, make_key, message):
        _, token = make_key(lumen, scopes=["reactions:write"])
        assert ApiClient(token).get(f"{PATH}?message_id={message.public_id}").error[2] == "insufficient_scope"
