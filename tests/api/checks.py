"""What every endpoint must refuse in the same way."""

import json
from typing import Any

import msgspec

from tests.api.conftest import Answer, ApiClient

NOT_JSON = [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b'{"a":"\xff"}', b'{"a":NaN}', b'{"a":1} x', b'{"a":"\\ud800"}']


def refuses_bad_json(client: ApiClient, path: str) -> None:
    """Broken JSON, another encoding, too deep nesting, a list, another content type, too large."""
    for body in NOT_JSON[1:]:
        assert client.post(path, body).error == (400, "invalid_request_error", "invalid_json", None), body
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert client.post(path, deep).error[2] == "invalid_json"
    assert client.post(path, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}").error[2] == "invalid_json"
    form = client.call("POST", path, b"a=b", content_type="application/x-www-form-urlencoded")
    assert form.error == (415, "invalid_request_error", "unsupported_media_type", None)
    large = client.post(path, b'{"a":"' + b"x" * 2_000_000 + b'"}')
    assert large.error == (413, "invalid_request_error", "body_too_large", None)


def requires(client: ApiClient, method: str, path: str, members: dict[str, Any], *names: str) -> None:
    """Each member, left out or null or empty, is named as missing, before any wrong value is."""
    for name in names:
        for replacement in ({}, {name: None}, {name: ""}):
            body = {k: v for k, v in members.items() if k != name} | replacement
            answer = client.call(method, path, body)
            assert answer.error == (400, "invalid_request_error", "missing_required_parameter", name)


def has_shape(answer: Answer, kind: Any) -> None:
    """The body is exactly what the description of the endpoint says, and carries its request id."""
    body = answer.body
    assert body.pop("request_id") == answer.headers["X-Request-Id"]
    shown = msgspec.json.decode(json.dumps(body), type=kind)
    assert json.loads(msgspec.json.encode(shown)) == body
