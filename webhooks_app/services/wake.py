"""Waking the engines: over Redis publish/subscribe, all of them. Losing a wake costs at most a poll."""

import asyncio
import logging
from collections.abc import Callable

import redis.asyncio
from django.conf import settings

from core.hints import EVENTS_CHANNEL
from core.redis_client import get_redis

logger = logging.getLogger(__name__)
WAKE_CHANNEL = "msgd:engines"
NEWS, ENDPOINTS = b"news", b"endpoints"


def wake_engines(reason: bytes = NEWS) -> None:
    """Never raises: an engine that hears nothing polls."""
    try:
        get_redis().publish(WAKE_CHANNEL, reason)
    except redis.RedisError as error:
        logger.debug("engines not woken, they will poll: %s", error)


def announce_endpoint_change() -> None:
    """After an endpoint was changed: engines read the endpoints again at once."""
    wake_engines(ENDPOINTS)


async def listen(hear: Callable[[bytes], None]) -> None:
    """Calls ``hear`` with the reason of each wake, and when the log has grown, until cancelled. Without Redis it waits
    for Redis: engines poll."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1)
    try:
        while True:
            try:
                async with client.pubsub() as channel:
                    await channel.subscribe(WAKE_CHANNEL, EVENTS_CHANNEL)
                    hear(ENDPOINTS)  # whatever was said while nobody listened
                    async for message in channel.listen():
                        if message["type"] == "message":
                            hear(bytes(message["data"]) or NEWS)
            except (redis.RedisError, OSError):
                await asyncio.sleep(0.5)
    finally:
        await client.aclose()
