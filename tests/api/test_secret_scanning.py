import hashlib
from typing import Any

import pytest

from accounts.models import ApiKey, Organization, User
from accounts.tokens import new_token
from tests.api.conftest import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("shape", ["objects", "texts"])
def test_a_reported_key_is_refused_from_the_next_request_on(
    lumen: Organization, alice: User, make_key: Any, shape: str
) -> None:
    _, token = make_key(lumen)
    api = ApiClient(token)
    assert api.call("GET", "/v1/lines").status == 200
    unknown = new_token()
    found = [{"token": one, "type": "messages", "url": "https://code.example/x"} for one in (token, unknown)]
    answer = ApiClient().call("POST", "/api/secret-scanning", found if shape == "objects" else [token, unknown])
    assert answer.status == 200
    assert [(one["token_hash"], one["label"]) for one in answer.body["data"]] == [
        (hashlib.sha256(token.encode()).hexdigest(), "true_positive"),
        (hashlib.sha256(unknown.encode()).hexdigest(), "false_positive"),
    ]
    assert token not in answer.response.content.decode()
    assert api.call("GET", "/v1/lines").status == 401
    assert ApiKey.objects.get().revoked_reason == "leaked"


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"[", b"\xff", b'[{"url": "x"}]', b""])
def test_what_is_no_list_of_keys_is_refused(body: bytes) -> None:
    assert ApiClient().call("POST", "/api/secret-scanning", body).error[:3] == (
        400,
        "invalid_request_error",
        "invalid_json",
    )
