"""The one shape of every answer: JSON with ``request_id``, and the error object of spec api §3."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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


def to_response(reply: Reply, *, is_head: bool) -> HttpResponse:
    """The Django response; a HEAD answer keeps its length and loses its body."""
    response = HttpResponse(b"" if is_head else reply.body, status=reply.status, content_type=JSON_TYPE)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log each 4xx; the request log does
    headers = response.headers
    headers["Content-Length"] = str(len(reply.body))
    headers["X-Request-Id"] = reply.request_id
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    for name, value in CORS_HEADERS.items():
        headers[name] = value
    for name, value in reply.headers.items():
        headers[name] = value
    return response
