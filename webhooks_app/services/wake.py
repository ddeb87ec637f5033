"""Waking the engines: one Redis list that they wait on. Losing a wake costs at most a poll."""

import logging

import redis

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
