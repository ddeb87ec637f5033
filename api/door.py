"""The JSON door: answers /v1, /simulator and /api ahead of every page middleware.

No session, no CSRF, no template: an API request resolves in the registry and is answered here. The order of checks is
that of spec api §3: route, key, hourly limit, scope, JSON, required members, values, then whatever the service says.
"""

import logging
import select
import time
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from psycopg import pq

from api import idempotency
from api.auth import admit, check_window, identify
from api.call import Call, Redirect, Request
from api.cli.person import identify_person
from api.client import get_address
from api.envelope import (
    CORS_HEADERS,
    PREFLIGHT_HEADERS,
    Reply,
    failure,
    internal_error,
    service_unavailable,
    success,
    to_response,
)
from api.limits import window_headers
from api.parsing import check_content_type, parse_json, parse_query, query_members, read_body, to_struct
from api.request_log import KEPT_BYTES, Entry, request_log
from api.routes import Endpoint, find_methods, load_endpoints
from core.errors import AppError, InvalidRequestError, NotFoundError
from core.ids import new_request_id
from core.steps import IN_THREAD, Steps, run_steps

logger = logging.getLogger(__name__)
SENDING_ROUTES = frozenset({"/v1/messages", "/v1/audio-messages"})
PREFIXES = ("/v1/", "/simulator/v1/", "/api/")


class ApiDoor:
    """Middleware that lets page requests through and answers API requests by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        return answer(request)


def answer(request: HttpRequest) -> HttpResponse:
    """Answers one API request to Django's handler."""
    drop_broken_connection()
    return to_response(run_steps(reply_steps(request)), is_head=request.method == "HEAD")


def reply_steps(request: Request) -> Steps[Reply]:
    """The answer to one API request. Never raises: what is unforeseen becomes 500 in the envelope, and a log entry."""
    started = time.perf_counter()
    load_endpoints()
    method = request.method or "GET"
    found = find_methods(request.path_info)
    if method == "OPTIONS" and found is not None:
        return _preflight([*found[0]])
    request_id = new_request_id()
    call: Call[Any, Any] = Call(
        request, request_id, None, None, found[1] if found else {}, get_address(request),
        request.META.get("HTTP_USER_AGENT", "")[:200],
    )  # fmt: skip
    reply = yield from _guard(call, _serve(found, method, call))
    reply.headers = {**call.response_headers, **reply.headers}
    _log(call, method, _template(found), reply, time.perf_counter() - started)
    return reply


def _guard(call: Call[Any, Any], steps: Steps[Reply]) -> Steps[Reply]:
    """Turns whatever is raised into a reply."""
    try:
        return (yield from steps)
    except AppError as error:
        return failure(error, call.request_id)
    except (OperationalError, InterfaceError) as error:
        logger.error("%s: the database is away: %s", call.request_id, error)
        if connection.connection is not None and not connection.in_atomic_block:
            connection.close()
        return failure(service_unavailable(), call.request_id)
    except Exception:
        logger.exception("%s: %s %s failed", call.request_id, call.request.method, call.request.path_info)
        return failure(internal_error(), call.request_id)


def drop_broken_connection() -> None:
    """Replaces Django's health check, a query per request, by a look at the socket.

    Nothing is due on an idle connection, so one that has something to read has been closed by the other side.
    """
    raw = connection.connection
    if raw is None or connection.in_atomic_block:
        return
    if connection.close_at is not None and time.monotonic() >= connection.close_at:
        connection.close()
        return
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        is_bad = raw.pgconn.status != pq.ConnStatus.OK or bool(select.select([raw.fileno()], [], [], 0)[0])
    except (ValueError, OSError, OperationalError):
        is_bad = True
    if is_bad:
        connection.close()


def _preflight(methods: list[str]) -> Reply:
    names = ", ".join(sorted({*methods, "OPTIONS"}))
    headers = {"Allow": names, "Access-Control-Allow-Methods": names, **CORS_HEADERS, **PREFLIGHT_HEADERS}
    return Reply(204, b"", "", headers, is_json=False)


def _choose(found: tuple[Any, Any] | None, method: str, call: Call[Any, Any]) -> Endpoint:
    if found is None:
        raise NotFoundError("route_not_found", "There is nothing at this path.")
    methods: dict[str, Endpoint] = found[0]
    entry = methods.get("GET" if method == "HEAD" else method)
    if entry is None:
        allowed = ", ".join(sorted({*methods, "OPTIONS"}))
        call.response_headers["Allow"] = allowed
        raise InvalidRequestError("method_not_allowed", f"This path takes {allowed}.", status=405)
    return entry


def _serve(found: tuple[Any, Any] | None, method: str, call: Call[Any, Any]) -> Steps[Reply]:
    entry = _choose(found, method, call)
    request = call.request
    raw = b""
    if entry.access == "key":
        key, digest = yield from identify(request.META.get("HTTP_AUTHORIZATION"))
        call.caller, window = yield from admit(key, digest, call.address)
        call.response_headers.update(window_headers(window))
        check_window(window)
        if entry.scope is not None:
            call.caller.require_scope(entry.scope)
    elif entry.access == "oauth":
        yield IN_THREAD
        call.person = identify_person(request.META.get("HTTP_AUTHORIZATION"))
    if not entry.is_steps:
        yield IN_THREAD
    if entry.body is not None:
        raw = read_body(request)
        call.body_bytes = len(raw)
        if raw:
            check_content_type(request)
            call.payload = parse_json(raw)
    pairs = parse_query(request.META.get("QUERY_STRING", ""))
    if entry.query is not None:
        call.query = to_struct(entry.query, query_members(entry.query, pairs), is_query=True)
    if entry.body is not None:
        call.body = to_struct(entry.body, call.payload)
    once = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if once is None or entry.method != "POST" or entry.is_upload or call.caller is None:
        return (yield from _run(entry, call))
    yield IN_THREAD
    return idempotency.answer_once(
        api_key_id=call.caller.id, path=request.path_info, key=once, body=raw, request_id=call.request_id,
        run=lambda: run_steps(_guard(call, _run(entry, call))),
    )  # fmt: skip


def _run(entry: Endpoint, call: Call[Any, Any]) -> Steps[Reply]:
    value = (yield from entry.handler(call)) if entry.is_steps else entry.handler(call)
    call.created_id = getattr(value, "id", "") if entry.status == 201 else ""
    return _render(entry, value, call)


def _render(entry: Endpoint, value: object, call: Call[Any, Any]) -> Reply:
    if isinstance(value, Reply):
        return value
    if isinstance(value, Redirect):
        return Reply(302, b"", call.request_id, {"Location": value.url})
    return success(entry.status, value, call.request_id)


def _template(found: tuple[Any, Any] | None) -> str:
    return next(iter(found[0].values())).path if found else ""


def _log(call: Call[Any, Any], method: str, route: str, reply: Reply, seconds: float) -> None:
    request, caller = call.request, call.caller
    query = request.META.get("QUERY_STRING", "")
    request_log.record(
        Entry(
            request_id=call.request_id,
            organization_id=caller.organization_id if caller else None,
            api_key_id=caller.id if caller else None,
            method=method,
            path=f"{request.path_info}?{query}" if query else request.path_info,
            route=route,
            status=reply.status,
            error_code=reply.error_code,
            duration_ms=seconds * 1000,
            address=call.address,
            user_agent=call.user_agent,
            payload=call.payload,
            payload_bytes=call.body_bytes,
            response_body=reply.body[: KEPT_BYTES * 2],
            object_id=call.created_id,
            # sends of a key with a daily budget are counted where the budget is kept, in the send itself
            is_send=bool(call.created_id and caller and caller.daily_send_budget is None) and route in SENDING_ROUTES,
            at=time.time(),
        )
    )
