"""POST and GET /v1/messages, GET /v1/messages/{id} (spec api §9.3, §9.4)."""

import datetime
import uuid

import pytest

from api.lists import Page
from api.schemas import MessageOut, Queued
from core.clock import now, to_ms
from core.ids import uuid7
from lines.models import Line
from messaging.models import Attachment, Chat, File, Message, OutboxItem
from tests.api.checks import has_shape, refuses_bad_json, requires
from tests.api.conftest import ApiClient

PATH = "/v1/messages"


@pytest.fixture
def body(line, chat):
    return {"from": line.handle, "to": chat.identifier, "text": "Hello"}


@pytest.fixture
def make_message(line, chat):
    def make(text="Hi", *, seconds=0, is_from_me=False, **fields):
        at = now() + datetime.timedelta(seconds=seconds)
        return Message.objects.create(
            organization_id=chat.organization_id, line_id=line.id, chat=fields.pop("chat", chat),
            guid=str(uuid.uuid4()).upper(), sender=line.handle if is_from_me else chat.identifier, text=text,
            service="iMessage", is_from_me=is_from_me, sent_at=at, synced_at=at, **fields,
        )  # fmt: skip

    return make


def as_query(body):
    return f"?from={body['from'].replace('+', '%2B')}&to={body['to'].replace('+', '%2B')}"


class TestSending:
    def test_a_message_is_queued_as_asked(self, api, key, body, chat, line):
        answer = api.post(PATH, body)
        assert answer.status == 201
        has_shape(answer, Queued)
        assert answer.body["status"] == "pending"
        item = OutboxItem.objects.get()
        assert item.public_id == answer.body["id"]
        assert (item.payload, item.chat_id, item.line_id) == (body, chat.id, line.id)
        assert (item.api_key_id, item.request_id) == (key.id, answer.body["request_id"])

    def test_line_and_chat_may_be_given_by_id(self, api, body, chat, line):
        assert api.post(PATH, {**body, "from": line.public_id, "to": chat.public_id}).status == 201

    def test_text_is_kept_exactly(self, api, body):
        text = "  שלום \u202e x\u200d 👩‍👩‍👧‍👦 \n\t"
        api.post(PATH, {**body, "text": text})
        assert OutboxItem.objects.get().content["text"] == text

    def test_an_idempotency_key_makes_it_happen_once(self, api, body):
        first = api.post(PATH, body, idempotency_key="order-1")
        second = api.post(PATH, body, idempotency_key="order-1")
        assert first.body == second.body
        assert second.headers["Idempotency-Replayed"] == "true"
        assert OutboxItem.objects.count() == 1
        assert api.post(PATH, {**body, "text": "x"}, idempotency_key="order-1").error[:3] == (
            422, "invalid_request_error", "idempotency_key_reused",
        )  # fmt: skip

    def test_unknown_members_are_ignored(self, api, body):
        assert api.post(PATH, {**body, "colour": "blue"}).status == 201

    def test_it_takes_one_database_round_trip_and_one_of_redis(self, api, body, django_assert_num_queries, monkeypatch):
        from redis.connection import AbstractConnection

        api.post(PATH, body)
        sent = []
        plain = AbstractConnection.send_packed_command
        monkeypatch.setattr(
            AbstractConnection,
            "send_packed_command",
            lambda self, command, **k: (sent.append(bytes(b"".join(command))), plain(self, command, **k))[1],
        )
        with django_assert_num_queries(1):
            assert api.post(PATH, body).status == 201
        assert len([command for command in sent if b"msgd:rate" in command or b":gen" in command]) == 1


class TestRefusing:
    def test_members_are_required_before_values_are_looked_at(self, api, body):
        requires(api, "POST", PATH, body, "from", "to")
        assert api.post(PATH, {"to": 7}).error == (
            400, "invalid_request_error", "missing_required_parameter", "from",
        )  # fmt: skip

    @pytest.mark.parametrize("nothing", [{}, {"text": ""}, {"text": None}, {"attachments": []}])
    def test_text_or_a_file_is_required(self, api, body, nothing):
        del body["text"]
        assert api.post(PATH, {**body, **nothing}).error == (
            400, "invalid_request_error", "missing_required_parameter", "text",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("from", 7), ("from", ["x"]), ("to", {}), ("to", "msg_" + "0" * 32), ("from", "cht_" + "0" * 32),
            ("text", 7), ("text", "x" * 20_001), ("text", "a\0b"), ("attachments", "file_1"),
            ("attachments", ["msg_1"]),
            ("attachments", [7]), ("attachments", ["file_" + "0" * 32, "file_" + "1" * 32]),
            ("reply_to", "cht_" + "0" * 32), ("reply_to", 10**30), ("to", "x" * 10_000),
        ],
    )  # fmt: skip
    def test_a_wrong_value_is_named(self, api, body, member, value):
        assert api.post(PATH, {**body, member: value}).error == (
            400, "invalid_request_error", "invalid_parameter_value", member,
        )  # fmt: skip

    def test_bad_json_is_refused(self, api):
        refuses_bad_json(api, PATH)
        assert not OutboxItem.objects.exists()

    def test_a_repeated_member_counts_as_its_last(self, api, line, chat):
        raw = f'{{"from":"nobody","from":"{line.handle}","to":"{chat.identifier}","text":"x"}}'
        assert api.post(PATH, raw.encode()).status == 201

    def test_a_key_without_the_scope_is_refused_before_its_json_is_read(self, lumen, make_key):
        _, token = make_key(lumen, scopes=["messages:read"])
        assert ApiClient(token).post(PATH, b"{").error == (403, "authorization_error", "insufficient_scope", None)

    def test_an_unknown_line_and_another_organizations_line_do_not_exist(self, api, stranger, body):
        assert api.post(PATH, {**body, "from": "+15550109999"}).error == (
            404, "not_found_error", "line_not_found", "from",
        )  # fmt: skip
        assert stranger.post(PATH, body).error == (404, "not_found_error", "line_not_found", "from")

    def test_a_key_bound_to_another_line_may_not_use_this_one(self, lumen, make_key, body):
        other_line = Line.objects.create(organization=lumen, handle="+15550100077")
        _, token = make_key(lumen, line_ids=[other_line.id])
        assert ApiClient(token).post(PATH, body).error == (403, "authorization_error", "line_not_accessible", "from")

    def test_a_contact_who_has_not_written_cannot_be_written_to(self, api, body, chat):
        Chat.objects.filter(id=chat.id).update(has_received_inbound=False)
        expected = (403, "invalid_request_error", "contact_has_not_messaged", "to")
        assert api.post(PATH, body).error == expected
        assert api.post(PATH, {**body, "to": "+15550100999"}).error == expected

    def test_an_unknown_chat_file_or_message_is_not_found(self, api, body):
        assert api.post(PATH, {**body, "to": "cht_" + "0" * 32}).error == (
            404,
            "not_found_error",
            "chat_not_found",
            "to",
        )
        file = api.post(PATH, {**body, "attachments": ["file_" + "0" * 32]})
        assert file.error == (404, "not_found_error", "file_not_found", "attachments")
        reply = api.post(PATH, {**body, "reply_to": "msg_" + "0" * 32})
        assert reply.error == (404, "not_found_error", "message_not_found", "reply_to")

    def test_another_organizations_file_is_not_found(self, api, body, other):
        file = File.objects.create(organization=other, storage_key="x", mime_type="image/png", size=1, sha256=b"x")
        answer = api.post(PATH, {**body, "attachments": [file.public_id]})
        assert answer.error == (404, "not_found_error", "file_not_found", "attachments")

    def test_a_recipient_outside_the_keys_list_is_refused(self, lumen, make_key, body):
        _, token = make_key(lumen, allowed_recipients=["+15550100999"])
        assert ApiClient(token).post(PATH, body).error == (403, "authorization_error", "recipient_not_allowed", "to")


class TestListing:
    def test_the_newest_comes_first_in_the_documented_shape(self, api, body, make_message):
        old, new = make_message("old", seconds=-5), make_message("new", is_from_me=True)
        answer = api.get(PATH + as_query(body))
        assert answer.status == 200
        has_shape(answer, Page[MessageOut])
        assert [item["id"] for item in answer.body["data"]] == [new.public_id, old.public_id]
        assert answer.body["data"][0]["sender"] == body["from"]
        assert answer.body["data"][1]["sent_at"] == to_ms(old.sent_at)

    def test_attachments_come_along(self, api, body, make_message):
        message = make_message(None)
        Attachment.objects.create(message=message, filename="a.jpg", mime_type="image/jpeg", size=4, state="pending")
        answer = api.get(PATH + as_query(body))
        has_shape(answer, Page[MessageOut])
        assert answer.body["data"][0]["attachments"] == [
            {"filename": "a.jpg", "mime_type": "image/jpeg", "size": 4, "url": None, "transcription": None}
        ]

    def test_pages_follow_each_other_without_gap_or_repeat(self, api, body, make_message):
        sent = [make_message(str(n), seconds=-n).public_id for n in range(5)]
        seen, cursor = [], ""
        while True:
            page = api.get(PATH + as_query(body) + "&limit=2" + cursor).body
            seen += [item["id"] for item in page["data"]]
            if not page["has_more"]:
                break
            cursor = "&cursor=" + page["next_cursor"]
        assert seen == sent
        assert page["next_cursor"] is None

    def test_a_plus_that_arrived_as_a_space_is_a_plus(self, api, body, make_message):
        make_message()
        assert len(api.get(f"{PATH}?from={body['from']}&to={body['to']}").body["data"]) == 1

    @pytest.mark.parametrize(("text", "status"), [("1", 200), ("100", 200), ("101", 200), ("0", 400), ("-1", 400),
        ("x", 400), ("", 400),
        ("1.5", 400), ("1.0", 400), ("1e1", 400), ("9" * 400, 200)])  # fmt: skip
    def test_a_limit_is_1_to_100_and_more_is_clamped(self, api, body, text, status):
        answer = api.get(PATH + as_query(body) + "&limit=" + text)
        assert answer.status == status
        if status == 400:
            assert answer.error == (400, "invalid_request_error", "invalid_parameter_value", "limit")

    @pytest.mark.parametrize("cursor", ["x", "e30", "W10", "", "WzEsMl0", "%F0%9F%98%80"])
    def test_a_bad_cursor_is_named(self, api, body, cursor):
        answer = api.get(PATH + as_query(body) + "&cursor=" + cursor)
        assert answer.error == (400, "invalid_request_error", "invalid_parameter_value", "cursor")

    def test_from_and_to_are_required(self, api, body):
        assert api.get(PATH).error[2:] == ("missing_required_parameter", "from")
        assert api.get(f"{PATH}?from={body['from']}").error[2:] == ("missing_required_parameter", "to")

    def test_a_chat_that_is_not_there_is_not_found(self, api, body, stranger):
        assert api.get(f"{PATH}?from={body['from']}&to=%2B15550109999").error[2] == "chat_not_found"
        assert stranger.get(PATH + as_query(body)).error[2] == "line_not_found"

    def test_reading_needs_its_scope(self, lumen, make_key, body):
        _, token = make_key(lumen, scopes=["messages:write"])
        assert ApiClient(token).get(PATH + as_query(body)).error[2] == "insufficient_scope"


class TestGettingOne:
    def test_by_id_and_by_guid(self, api, make_message):
        message = make_message()
        by_id = api.get(f"{PATH}/{message.public_id}")
        has_shape(by_id, MessageOut)
        assert api.get(f"{PATH}/{message.guid}").body["id"] == by_id.body["id"] == message.public_id

    def test_nobody_else_sees_it(self, stranger, make_message, lumen, make_key):
        message = make_message()
        expected = (404, "not_found_error", "message_not_found", "id")
        assert stranger.get(f"{PATH}/{message.public_id}").error == expected
        _, token = make_key(lumen, line_ids=[uuid7()])
        assert ApiClient(token).get(f"{PATH}/{message.public_id}").error == expected

    def test_an_unknown_or_wrong_id_is_refused(self, api):
        assert api.get(f"{PATH}/msg_{'0' * 32}").error[2] == "message_not_found"
        assert api.get(f"{PATH}/cht_{'0' * 32}").error[2:] == ("invalid_parameter_value", "id")
