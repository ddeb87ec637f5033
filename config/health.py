"""``/healthz``: this process answers. ``/readyz``: so do the database and Redis."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import redis
from django.conf import settings
from django.db import Error, connection

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
logger = logging.getLogger(__name__)
CHECK_SECONDS = 3.0


async def answer_health(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, 200, {"status": "ok"})


async def answer_readiness(scope: Scope, receive: Receive, send: Send) -> None:
    database, broker = await asyncio.gather(_is_fine(_ask_database), _is_fine(_ask_redis))
    parts = {"database": database, "redis": broker}
    is_ready = all(parts.values())
    shown = {name: "ok" if works else "unreachable" for name, works in parts.items()}
    await _answer(send, 200 if is_ready else 503, {"status": "ok" if is_ready else "unavailable", **shown})


async def _is_fine(ask: Callable[[], None]) -> bool:
    try:
        await asyncio.wait_for(asyncio.to_thread(ask), CHECK_SECONDS)
    except (Error, redis.RedisError, OSError, TimeoutError) as error:
        logger.warning("not ready: %s", error)
        return False
    return True


def _ask_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def _ask_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=CHECK_SECONDS) as client:
        client.ping()


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
