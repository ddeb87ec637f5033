"""POST and GET /v1/files (spec api §9.9)."""

import resource

import pytest

from api.schemas import FileOut
from messaging.models import File
from tests.api.checks import has_shape
from tests.api.conftest import ApiClient

PATH = "/v1/files"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def upload(client, body=PNG, content_type="image/png", **headers):
    return client.call("POST", PATH, body, content_type=content_type, **headers)


def test_bytes_are_stored_under_a_new_id(api, lumen):
    answer = upload(api, x_filename="photo.png")
    assert answer.status == 201
    has_shape(answer, FileOut)
    body = answer.body
    assert (body["filename"], body["mime_type"], body["size"]) == ("photo.png", "image/png", len(PNG))
    assert File.objects.get(organization=lumen).public_id == body["id"]


def test_a_name_is_reduced_to_its_base_and_read_as_utf8(api):
    assert upload(api, x_filename="../../etc/pass wd.png").body["filename"] == "pass wd.png"
    assert upload(api, x_filename="é.png".encode().decode("latin-1")).body["filename"] == "é.png"
    assert upload(api).body["filename"] is None


def test_nothing_is_no_file(api):
    assert upload(api, b"").error == (400, "invalid_request_error", "empty_file", None)


def test_too_much_is_refused_before_it_is_stored(api, settings):
    settings.FILE_MAX_BYTES = 10
    assert upload(api, b"x" * 11).error == (413, "invalid_request_error", "file_too_large", None)
    assert not File.objects.exists()


def test_memory_does_not_grow_with_the_file(api, settings):
    settings.FILE_MAX_BYTES = 50_000_000
    body = b"x" * 40_000_000
    upload(api, b"warm up")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert upload(api, body).status == 201
    # the test client holds the body once more; the door and the storage hold chunks only
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_the_same_idempotency_key_stores_once(api):
    first = upload(api, idempotency_key="a")
    second = upload(api, idempotency_key="a")
    assert first.body == second.body
    assert second.headers["Idempotency-Replayed"] == "true"
    assert File.objects.count() == 1
    assert upload(api, b"other", idempotency_key="a").error[2] == "idempotency_key_reused"


def test_a_download_is_a_302_to_a_link_that_needs_no_key(api, client):
    made = upload(api).body
    answer = api.get(f"{PATH}?id={made['id']}")
    assert answer.status == 302
    assert "/files/" in answer.headers["Location"]


def test_an_id_is_required_well_formed_and_known(api, stranger):
    made = upload(api).body
    assert api.get(PATH).error == (400, "invalid_request_error", "missing_required_parameter", "id")
    assert api.get(PATH + "?id=msg_1").error == (400, "invalid_request_error", "invalid_parameter_value", "id")
    assert api.get(f"{PATH}?id=file_{'0' * 32}").error == (404, "not_found_error", "file_not_found", "id")
    assert stranger.get(f"{PATH}?id={made['id']}").error == (404, "not_found_error", "file_not_found", "id")


def test_each_way_needs_its_scope(lumen, make_key):
    _, token = make_key(lumen, scopes=["messages:write"])
    assert upload(ApiClient(token)).error[2] == "insufficient_scope"
    assert ApiClient(token).get(PATH + "?id=file_1").error[2] == "insufficient_scope"
