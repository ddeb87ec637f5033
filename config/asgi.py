"""One origin for all: event streams and health as plain ASGI, the API to its door, pages to Django as WSGI."""

import asyncio
import logging
import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from a2wsgi import WSGIMiddleware
from django.conf import settings

from config.bodies import BodyTooLarge, BodyTooSlow, limit_of, refuse_body, take_body
from config.health import answer_health, answer_readiness
from config.streams import AsgiApp, Receive, Scope, Send, answer_stream, end_streams_first
from config.wsgi import application as django_application

# isort: split
# After Django is set up by config.wsgi
from api.front import answer_scope, is_ours
from core.collector import calm_collector
from core.loop_stores import close_stores

logger = logging.getLogger(__name__)
THREADS = 16
SEND_QUEUE = 4  # chunks of a response that may wait for a slow reader
# Path -> (module:attribute, only when the client asks for an event stream). Anything else is Django's.
STREAMS: dict[str, tuple[str, bool]] = {
    "/live": ("dashboard.live:app", False),
    "/v1/events": ("api.v1.events_stream:app", True),
}
HEALTH: dict[str, AsgiApp] = {"/healthz": answer_health, "/readyz": answer_readiness}


def _load_streams() -> dict[str, tuple[AsgiApp, bool]]:
    """Imports each stream's application once; a path whose module is not there stays with Django."""
    found: dict[str, tuple[AsgiApp, bool]] = {}
    for path, (target, needs_accept) in STREAMS.items():
        module, _, attribute = target.partition(":")
        if find_spec(module) is not None:
            found[path] = (getattr(import_module(module), attribute), needs_accept)
    return found


_streams = _load_streams()
# Both packages describe the same protocol in types of their own.
_django = cast(AsgiApp, WSGIMiddleware(cast(Any, django_application), workers=THREADS, send_queue_size=SEND_QUEUE))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _answer_lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    health = HEALTH.get(scope["path"])
    if health is not None:
        await health(scope, receive, send)
        return
    stream = _streams.get(scope["path"])
    if stream is not None and scope["method"] == "GET" and (not stream[1] or _wants_stream(scope)):
        await answer_stream(stream[0], scope, receive, send)
        return
    await _answer_in_thread(scope, receive, send)


async def _answer_in_thread(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes the whole body first, so that a slow client holds no thread, and hands it over with its length."""
    limit = limit_of(scope["path"], settings.FILE_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    try:
        body = await take_body(scope, receive, limit)
    except (BodyTooLarge, BodyTooSlow) as problem:
        await refuse_body(scope, send, problem)
        return
    if body is None:
        return  # the client left before its body was complete: nobody to answer, nothing to do
    try:
        if is_ours(scope["path"]):
            await answer_scope(scope, body, send)
        else:
            await _django({**scope, "headers": body.headers}, body.receive, send)
    except (ConnectionError, asyncio.CancelledError):
        logger.debug("%s %s: the client left before the answer was sent", scope["method"], scope["path"])
    finally:
        body.close()


def _wants_stream(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            end_streams_first()
            calm_collector()
        else:
            close_stores()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
