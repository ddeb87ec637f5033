"""GET /v1/openapi.json: the API described by itself. Open to everybody."""

from functools import cache
from typing import Any

from api.call import Call
from api.envelope import Reply, encode
from api.openapi import build_openapi
from api.routes import endpoint


@cache
def _document() -> bytes:
    return encode(build_openapi())


@endpoint(
    "GET", "/v1/openapi.json", access="open", response=None, summary="This description, as OpenAPI 3.1", tag="About",
    is_extension=True,
)  # fmt: skip
def describe_api(call: Call[Any, Any]) -> Reply:
    return Reply(200, _document(), call.request_id)
