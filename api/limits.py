"""One Redis round trip per request: is the key unchanged, and is its hourly limit kept (spec api §5).

A fixed window of an hour per key that starts at its first request; refused requests do not prolong it. When Redis is
away, requests are still answered: each process counts by itself, and says so in the log.
"""

import logging
import threading
import time
from dataclasses import dataclass
from uuid import UUID

import redis

from core.redis_script import ThreadScript
from core.steps import ScriptCall, Steps

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 3600
RETRY_REDIS_AFTER_SECONDS = 1.0
WARN_EVERY_SECONDS = 10.0
MAX_LOCAL_WINDOWS = 20_000

# KEYS: generation, window. ARGV: limit, window length in ms. Returns generation, requests counted, ms left.
_SCRIPT = """
local generation = redis.call('GET', KEYS[1]) or ''
local limit = tonumber(ARGV[1])
if limit == 0 then return {generation, 0, 0} end
local used = tonumber(redis.call('GET', KEYS[2]) or '0')
if used >= limit then return {generation, limit + 1, redis.call('PTTL', KEYS[2])} end
used = redis.call('INCR', KEYS[2])
local left = redis.call('PTTL', KEYS[2])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[2], left)
end
return {generation, used, left}
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Where a key stands in its hour. ``limit`` 0 = unlimited; ``used`` is limit + 1 for a refused request."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def is_exceeded(self) -> bool:
        return 0 < self.limit < self.used


def window_headers(window: Window) -> dict[str, str]:
    """The IETF draft's fields and the older X- ones; a key without limit says so by their absence of a quota."""
    if window.limit == 0:
        return {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}
    return {
        "RateLimit-Policy": f'"hourly";q={window.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"hourly";r={window.remaining};t={window.reset_seconds}',
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(int(time.time()) + window.reset_seconds),
    }


class _Store:
    """The script, a memory of when Redis last failed, and the windows counted meanwhile."""

    def __init__(self) -> None:
        self._script = ThreadScript(_SCRIPT)
        self._failed_at = -WARN_EVERY_SECONDS
        self._warned_at = -WARN_EVERY_SECONDS
        self._lock = threading.Lock()
        self._local: dict[UUID, tuple[float, int]] = {}

    def count(self, key_id: UUID, limit: int) -> Steps[tuple[str | None, Window]]:
        moment = time.monotonic()
        if moment - self._failed_at >= RETRY_REDIS_AFTER_SECONDS:
            try:
                generation, used, left = yield ScriptCall(
                    self._script,
                    (f"msgd:key:{key_id.hex}:gen", f"msgd:rate:{key_id.hex}"),
                    (limit, WINDOW_SECONDS * 1000),
                )
            except redis.RedisError as error:
                self._failed_at = moment
                self._warn(moment, error)
            else:
                return generation.decode(), Window(limit, used, max(0, -(-left // 1000)))
        return None, self._count_locally(key_id, limit, moment)

    def _warn(self, moment: float, error: Exception) -> None:
        if moment - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = moment
            logger.warning("Redis is away, request limits are counted in each process alone: %s", error)

    def _count_locally(self, key_id: UUID, limit: int, moment: float) -> Window:
        with self._lock:
            start, used = self._local.get(key_id, (moment, 0))
            if moment - start >= WINDOW_SECONDS:
                start, used = moment, 0
            used = min(used + 1, limit + 1)
            if key_id not in self._local and len(self._local) >= MAX_LOCAL_WINDOWS:
                self._local.pop(next(iter(self._local)))
            self._local[key_id] = (start, used)
        return Window(limit, used if limit else 0, int(WINDOW_SECONDS - (moment - start)) if limit else 0)


_store: _Store | None = None


def count_request(key_id: UUID, limit: int) -> Steps[tuple[str | None, Window]]:
    """Counts one request of a key.

    Returns what the key's generation is (changed by whoever revokes or edits the key; None when Redis could not be
    asked) and the window.
    """
    global _store
    if _store is None:
        _store = _Store()
    return (yield from _store.count(key_id, limit))
