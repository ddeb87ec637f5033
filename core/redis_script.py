"""A Lua script for the hot path: one round trip over a connection of the calling thread's own.

The client's pool, retry objects and command table cost several times what the script itself does; a request to the API
runs one script, so it goes around them.
"""

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import NoScriptError

from core.redis_client import get_redis


class ThreadScript:
    """Calling it runs the script. Raises ``redis.RedisError``; a connection closed meanwhile is replaced once."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        self._local = threading.local()

    def __call__(self, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            try:
                return self._run(connection, keys, args)
            except redis.ConnectionError:
                connection.disconnect()
                self._local.connection = None
        connection = get_redis().connection_pool.make_connection()
        connection.connect()  # type: ignore[no-untyped-call,unused-ignore]
        self._local.connection = connection
        return self._run(connection, keys, args)

    def _run(self, connection: Any, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        try:
            connection.send_command("EVALSHA", self.digest, len(keys), *keys, *args)
            return connection.read_response()
        except NoScriptError:
            connection.send_command("EVAL", self.source, len(keys), *keys, *args)
            return connection.read_response()
        except redis.ConnectionError:
            raise
        except redis.RedisError:
            # After a timeout an answer may still be on its way, and would be taken for the next one's
            connection.disconnect()
            self._local.connection = None
            raise
