"""Hints for open pages: "this changed", by topic, over Redis publish/subscribe.

A page that hears a hint fetches the rows itself. A lost hint heals on the next one, on reconnect and by a slow poll, so
publishing may fail silently for the caller and only warns.

Topics, always within one organization: ``chats`` (any conversation), ``chat:cht_…``, ``line:ln_…``, ``outbox``,
``outbox:obx_…``, ``deliveries``, ``endpoint:wh_…``, ``delivery:dlv_…``, ``requests``, ``sandbox``,
``replay:rpl_…``, ``phone``.
"""

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import redis

from core.redis_client import get_redis

logger = logging.getLogger(__name__)
CHANNEL = "messages:live"
_last_warning = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveHint:
    """Something that open pages of one organization may show. ``id`` is a public id or empty."""

    organization_id: UUID
    topics: Sequence[str]
    type: str
    id: str = ""


def publish_live(hints: Iterable[LiveHint]) -> None:
    """Publishes hints, in one round trip. Never raises for a broken Redis."""
    global _last_warning
    messages = [
        json.dumps({"org": h.organization_id.hex, "topics": list(h.topics), "type": h.type, "id": h.id}) for h in hints
    ]
    if not messages:
        return
    try:
        with get_redis().pipeline(transaction=False) as pipe:
            for message in messages:
                pipe.publish(CHANNEL, message)
            pipe.execute()
    except redis.RedisError as error:
        if time.monotonic() - _last_warning > 10:
            _last_warning = time.monotonic()
            logger.warning("live hints not published, pages will poll: %s", error)
