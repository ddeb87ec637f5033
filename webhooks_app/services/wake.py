"""Waking the engines: one Redis list that they wait on. Losing a wake costs at most a poll."""

import asyncio
import logging
from collections.abc import Callable

import redis.asyncio
from django.conf import settings

from core.redis_client import get_redis

logger = logging.getLogger(__name__)
WAKE_KEY = "webhooks:wake"
NEWS, ENDPOINTS = b"news", b"endpoints"


def wake_engines(reason: bytes = NEWS) -> None:
    """Never raises: an engine that hears nothing polls. The list is kept short, since one element wakes one engine."""
    try:
        with get_redis().pipeline(transaction=False) as pipe:
            pipe.lpush(WAKE_KEY, reason)
            pipe.ltrim(WAKE_KEY, 0, 7)
            pipe.expire(WAKE_KEY, 60)
            pipe.execute()
    except redis.RedisError as error:
        logger.debug("engines not woken, they will poll: %s", error)


def announce_endpoint_change() -> None:
    """After an endpoint was changed: engines read the endpoints again at once."""
    wake_engines(ENDPOINTS)


async def listen(hear: Callable[[bytes], None]) -> None:
    """Calls ``hear`` with the reason of each wake until cancelled. Without Redis it waits for Redis: engines poll."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1)
    try:
        while True:
            try:
                found = await client.blpop([WAKE_KEY], timeout=5)
            except (redis.RedisError, OSError):
                await asyncio.sleep(0.5)
                continue
            if found:
                hear(found[1] if isinstance(found[1], bytes) else found[1].encode())
    finally:
        await client.aclose()
