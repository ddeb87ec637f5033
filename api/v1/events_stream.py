"""GET /v1/events as server-sent events: plain ASGI beside Django, for who accepts ``text/event-stream``.

Each item's ``id`` is its place in the log: ``Last-Event-ID`` resumes there, without gap or repeat. A reader that is too
slow to take what comes is disconnected, and resumes from its last id.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from django.db import DatabaseError

from api.auth import admit, check_window, identify
from api.call import CallingKey
from api.client import choose_address
from api.envelope import CORS_HEADERS, failure, internal_error, service_unavailable
from api.event_feed import Interest, SinceMs, find_start, make_interest
from api.event_tail import Listener, format_event, tail
from api.limits import window_headers
from api.parsing import parse_query, query_members, to_struct
from api.request_log import Entry, request_log
from core.errors import AppError
from core.ids import new_request_id
from core.steps import run_steps
from events.services import Cursor

logger = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"


class StreamQuery(msgspec.Struct, frozen=True):
    """Spec webhooks §9. ``after`` does what ``Last-Event-ID`` does, for clients that cannot set headers."""

    since: SinceMs | None = None
    event: list[str] = []
    line: list[str] = []
    after: str | None = None


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application for ``/v1/events``."""
    started = time.perf_counter()
    request_id = new_request_id()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        key, limits, interest, start = await tail.ask(_open, scope, headers)
    except AppError as error:
        await _refuse(send, error, request_id)
        _log(scope, headers, request_id, None, error, started)
        return
    except DatabaseError:
        await _refuse(send, service_unavailable(), request_id)
        return
    except Exception:
        logger.exception("%s: a stream could not be opened", request_id)
        await _refuse(send, internal_error(), request_id)
        return
    _log(scope, headers, request_id, key, None, started)
    await send({"type": "http.response.start", "status": 200, "headers": _stream_headers(limits, request_id)})
    await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        listener = await _catch_up(key, interest, start, send, gone)
        if listener is not None:
            await _follow(listener, send, gone)
    except OSError:
        logger.debug("%s: the listener left", request_id)
    finally:
        gone.cancel()
    if not gone.done() or gone.cancelled():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _open(scope: Scope, headers: dict[str, str]) -> tuple[CallingKey, dict[str, str], Interest, Cursor]:
    """The same checks as the door's, in the same order; in a thread, since they ask the database."""
    key, digest = run_steps(identify(headers.get("authorization")))
    key, window = run_steps(admit(key, digest, _address(scope, headers)))
    check_window(window)
    query = to_struct(
        StreamQuery,
        query_members(StreamQuery, parse_query(scope["query_string"].decode("latin-1"))),
        is_query=True,
    )
    resume = headers.get("last-event-id") or query.after
    after = Cursor.parse(resume, param="Last-Event-ID") if resume else None
    interest = make_interest(
        key, events=query.event, lines=query.line, since_ms=query.since, is_resuming=after is not None
    )
    return key, window_headers(window), interest, find_start(interest) if after is None else after


async def _catch_up(
    key: CallingKey, interest: Interest, place: Cursor, send: Send, gone: asyncio.Future[None]
) -> Listener | None:
    """Sends what lies between the start and the tail; returns a listener that continues exactly there."""
    while not gone.done():
        found, place, has_more = await tail.read(interest, place)
        if found:
            await _send(send, b"".join(map(format_event, found)))
        if not has_more:
            break
    if gone.done():
        return None
    await tail.start()
    # From here on nothing is awaited until the listener is registered, so the tail cannot move in between.
    listener = Listener(key_id=key.id, interest=interest, place=place)
    behind = place < tail.place
    tail.add(listener)
    if behind:
        last = tail.place
        try:
            await _close_gap(listener, place, last, send)
        except BaseException:
            tail.remove(listener)
            raise
    return listener


async def _close_gap(listener: Listener, place: Cursor, last: Cursor, send: Send) -> None:
    """What the tail had passed before the listener was registered."""
    while place < last:
        found, place, has_more = await tail.read(listener.interest, place)
        due = [event for event in found if event.cursor <= last]
        if due:
            await _send(send, b"".join(map(format_event, due)))
            listener.place = max(listener.place, due[-1].cursor)
        if not has_more:
            break
    listener.place = max(listener.place, last)


class _Pulse:
    """Has a listener sent something after each ``HEARTBEAT_SECONDS`` in which nothing was."""

    def __init__(self, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._sent_at = self._loop.time()
        self._timer = self._loop.call_later(HEARTBEAT_SECONDS, self._look)

    def note_sent(self) -> None:
        self._sent_at = self._loop.time()

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self._loop.time() - self._sent_at >= HEARTBEAT_SECONDS:
            self._listener.beat(HEARTBEAT)
            self.note_sent()
        self._timer = self._loop.call_at(self._sent_at + HEARTBEAT_SECONDS, self._look)


async def _follow(listener: Listener, send: Send, gone: asyncio.Future[None]) -> None:
    gone.add_done_callback(lambda _: listener.wake())
    pulse = _Pulse(listener)
    try:
        while not gone.done() and not listener.is_closed:
            await listener.wait()
            chunk = listener.take()
            if chunk and not gone.done():
                await _send(send, chunk)
                pulse.note_sent()
    finally:
        pulse.end()
        tail.remove(listener)


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _stream_headers(limits: dict[str, str], request_id: str) -> list[tuple[bytes, bytes]]:
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-request-id": request_id,
        **CORS_HEADERS,
        **limits,
    }
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def _refuse(send: Send, error: AppError, request_id: str) -> None:
    reply = failure(error, request_id)
    headers = {"content-type": "application/json", "x-request-id": request_id, **CORS_HEADERS, **reply.headers}
    headers["content-length"] = str(len(reply.body))
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _address(scope: Scope, headers: dict[str, str]) -> str | None:
    peer = scope.get("client") or ("",)
    return choose_address(str(peer[0]), headers.get("x-forwarded-for", ""))


def _log(
    scope: Scope, headers: dict[str, str], request_id: str, key: CallingKey | None, error: AppError | None, at: float
) -> None:
    query = scope["query_string"].decode("latin-1")
    request_log.record(
        Entry(
            request_id=request_id,
            organization_id=key.organization_id if key else None,
            api_key_id=key.id if key else None,
            method="GET",
            path=f"/v1/events?{query}" if query else "/v1/events",
            route="/v1/events",
            status=error.status if error else 200,
            error_code=error.code if error else "",
            duration_ms=(time.perf_counter() - at) * 1000,
            address=_address(scope, headers),
            user_agent=headers.get("user-agent", "")[:200],
            payload={},
            payload_bytes=0,
            response_body=b"",
            object_id="",
            is_send=False,
            at=time.time(),
        )
    )
