"""POST /v1/audio-messages (spec api §9.5)."""

import pytest

from api.schemas import Queued
from lines.models import Line
from messaging.models import Chat, File, OutboxItem
from tests.api.checks import has_shape, refuses_bad_json, requires
from tests.api.conftest import ApiClient

PATH = "/v1/audio-messages"


@pytest.fixture
def file(lumen):
    return File.objects.create(
        organization=lumen,
        storage_key="x/y",
        filename="a.m4a",
        mime_type="audio/mp4",
        size=4,
        sha256=b"0" * 32,
        audio_caf_key="x/y.caf",
    )


@pytest.fixture
def body(line, chat, file):
    return {"from": line.handle, "to": chat.identifier, "audio_message": file.public_id}


def test_a_voice_memo_is_queued(api, body):
    answer = api.post(PATH, body)
    assert answer.status == 201
    has_shape(answer, Queued)
    item = OutboxItem.objects.get()
    assert (item.operation, item.payload) == ("audio", body)


def test_members_are_required(api, body):
    requires(api, "POST", PATH, body, "from", "to", "audio_message")
    assert not OutboxItem.objects.exists()


def test_bad_json_is_refused(api):
    refuses_bad_json(api, PATH)
    assert not OutboxItem.objects.exists()


@pytest.mark.parametrize("value", [7, "msg_" + "0" * 32, ["file_1"]])
def test_a_wrong_file_is_named(api, body, value):
    assert api.post(PATH, {**body, "audio_message": value}).error == (
        400, "invalid_request_error", "invalid_parameter_value", "audio_message",
    )  # fmt: skip


def test_a_file_that_is_no_sound_is_refused(api, body, file):
    File.objects.filter(id=file.id).update(mime_type="image/png")
    assert api.post(PATH, body).error[2:] == ("invalid_parameter_value", "audio_message")


def test_an_unknown_file_is_not_found(api, body):
    answer = api.post(PATH, {**body, "audio_message": "file_" + "0" * 32})
    assert answer.error == (404, "not_found_error", "file_not_found", "audio_message")


def test_an_sms_line_cannot_send_it(api, body, line):
    Line.objects.filter(id=line.id).update(service="sms")
    assert api.post(PATH, body).error[:3] == (400, "invalid_request_error", "advanced_features_required")


def test_contact_first_holds(api, body, chat):
    Chat.objects.filter(id=chat.id).update(has_received_inbound=False)
    assert api.post(PATH, body).error == (403, "invalid_request_error", "contact_has_not_messaged", "to")


def test_scope_line_and_organization_are_kept(lumen, make_key, body, stranger):
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).post(PATH, body).error[2] == "insufficient_scope"
    other_line = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[other_line.id])
    assert ApiClient(token).post(PATH, body).error[2] == "line_not_accessible"
    assert stranger.post(PATH, body).error[2] == "line_not_found"
