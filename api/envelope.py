"""The one shape of every answer: JSON with ``request_id``, and the error object of spec api §3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
from django.http import HttpResponse

from core.errors import AppError, ServiceError

encode = msgspec.json.Encoder().encode
JSON_TYPE = "application/json"


@dataclass(slots=True)
class Reply:
    """An answer before it becomes an HttpResponse."""

    status: int
    body: bytes
    request_id: str
    headers: dict[str, str] = field(default_factory=dict)
    error_code: str = ""
    is_json: bool = True  # a preflight's answer says only what its headers say


def with_request_id(body: bytes, request_id: str) -> bytes:
    """Adds the member to an encoded object without decoding it."""
    tail = b'"request_id":"' + request_id.encode() + b'"}'
    return b"{" + tail if body == b"{}" else body[:-1] + b"," + tail


def success(status: int, value: object, request_id: str) -> Reply:
    """An answer for a struct or dict."""
    return Reply(status, with_request_id(encode(value), request_id), request_id)


def failure(error: AppError, request_id: str) -> Reply:
    """``param`` is left out when no parameter is at fault: null would break the official client."""
    details: dict[str, object] = {"type": error.type, "code": error.code, "message": error.message}
    if error.param is not None:
        details["param"] = error.param
    reply = Reply(
        error.status, with_request_id(encode({"error": details}), request_id), request_id, error_code=error.code
    )
    if error.retry_after_seconds is not None:
        reply.headers["Retry-After"] = str(error.retry_after_seconds)
    return reply


def internal_error() -> AppError:
    return ServiceError("internal_error", "Something went wrong on our side. Quote the request id to support.")


def service_unavailable() -> AppError:
    return ServiceError(
        "service_unavailable", "The service is briefly unavailable. Try again.", status=503, retry_after_seconds=2
    )


CORS_HEADERS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset, Idempotency-Replayed, Location",
}
PREFLIGHT_HEADERS: Mapping[str, str] = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Filename, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}


_EVERY_ANSWER = {
    "Content-Type": JSON_TYPE,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    **CORS_HEADERS,
}


def headers_of(reply: Reply) -> dict[str, str]:
    """All headers of an answer; a HEAD answer has the length of the body it leaves out."""
    if not reply.is_json:
        return reply.headers
    own = {"Content-Length": str(len(reply.body)), "X-Request-Id": reply.request_id}
    return {**_EVERY_ANSWER, **own, **reply.headers}


def to_response(reply: Reply, *, is_head: bool) -> HttpResponse:
    """The Django response; a HEAD answer loses its body."""
    response = HttpResponse(b"" if is_head else reply.body, status=reply.status)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log each 4xx; the request log does
    if not reply.is_json:
        del response.headers["Content-Type"]
    for name, value in headers_of(reply).items():
        response.headers[name] = value
    return response


_EVERY_RAW = {name: (name.lower().encode(), value.encode("latin-1")) for name, value in _EVERY_ANSWER.items()}
_raw_name = lru_cache(maxsize=256)(lambda name: name.lower().encode())


def to_raw(reply: Reply, *, is_head: bool) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body as ASGI takes them."""
    own = [(_raw_name(name), value.encode("latin-1")) for name, value in reply.headers.items()]
    if not reply.is_json:
        return reply.status, own, b""
    every = [raw for name, raw in _EVERY_RAW.items() if name not in reply.headers]
    length = (b"content-length", b"%d" % len(reply.body))
    headers = [*every, length, (b"x-request-id", reply.request_id.encode()), *own]
    return reply.status, headers, b"" if is_head else reply.body
