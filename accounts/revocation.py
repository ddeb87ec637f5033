"""How a changed key reaches every process on its next request.

Each process keeps the keys it has loaded. Beside the rate limit, in the same round trip, the door reads the key's
*generation* from Redis (``GET generation_key(id)``; absent means 0). A cached key carries the generation that was read
before its row was; when the two differ the row is read again. The order matters: generation first, then the row.

Redis may lose the number, so a cached key is also read again after ``CACHE_SECONDS`` whatever the generation says.
"""

import logging
from collections.abc import Iterable
from functools import partial
from uuid import UUID

import redis
from django.db import transaction

from accounts.models import ApiKey
from core.redis_client import get_redis

logger = logging.getLogger(__name__)
CACHE_SECONDS = 15
KEEP_SECONDS = 86_400  # far longer than any cached copy lives


def generation_key(key_id: UUID) -> str:
    """Name of the Redis number that goes up when the key, or what its organization says about it, has changed."""
    return f"msgd:key:{key_id.hex}:gen"


def mark_changed(*key_ids: UUID) -> None:
    """Makes every process read these keys again. Takes effect after commit of the current transaction."""
    if key_ids:
        transaction.on_commit(partial(_bump, key_ids))


def mark_organization_changed(organization_id: UUID) -> None:
    """As ``mark_changed`` for every key of an organization: after suspension, deletion or a new request limit."""
    mark_changed(*ApiKey.objects.filter(organization_id=organization_id, revoked_at=None).values_list("id", flat=True))


def _bump(key_ids: Iterable[UUID]) -> None:
    try:
        pipe = get_redis().pipeline(transaction=False)
        for key_id in key_ids:
            pipe.incr(generation_key(key_id))
            pipe.expire(generation_key(key_id), KEEP_SECONDS)
        pipe.execute()
    except redis.RedisError as error:
        # Without Redis the door cannot read generations either and asks the database; the change is safe there.
        logger.warning("key change not published, cached copies end within %s s: %s", CACHE_SECONDS, error)
