"""A Redis connection of the event loop that runs scripts, many at a time, one after the other on the wire."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import NoScriptError

from core.redis_client import TIMEOUT_SECONDS
from core.redis_script import ThreadScript

_KNOWN = {"host", "port", "path", "db", "username", "password", "connection_class"}


class LoopRedis:
    """Runs scripts for the event loop it was made in. Errors are ``redis.RedisError``."""

    def __init__(self, url: str) -> None:
        self._options = dict(parse_url(url))  # type: ignore[no-untyped-call,unused-ignore]
        kind = self._options.get("connection_class")
        # Whether this Redis can be spoken to from here: TLS and special options are left to the client library
        self.is_able = self._options.keys() <= _KNOWN and not (
            isinstance(kind, type) and issubclass(kind, SSLConnection)
        )
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire] | None = None

    async def run(self, script: ThreadScript, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        wire = self._wire
        if wire is None or wire.is_lost:
            wire = await self._connect()
        try:
            return await wire.ask("EVALSHA", script.digest, len(keys), *keys, *args)
        except NoScriptError:
            return await wire.ask("EVAL", script.source, len(keys), *keys, *args)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.lose(redis.ConnectionError("the connection was closed"))

    async def _connect(self) -> "_Wire":
        """One attempt for all who wait for it."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._open())
        return await asyncio.shield(self._connecting)

    async def _open(self) -> "_Wire":
        loop, options = asyncio.get_running_loop(), self._options
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if options.get("connection_class") is UnixDomainSocketConnection:
                    _, wire = await loop.create_unix_connection(_Wire, options["path"])
                else:
                    host, port = options.get("host") or "localhost", options.get("port") or 6379
                    _, wire = await loop.create_connection(_Wire, host, port)
                if options.get("password"):
                    names = [options["username"]] if options.get("username") else []
                    await wire.ask("AUTH", *names, options["password"])
                if options.get("db"):
                    await wire.ask("SELECT", options["db"])
        except TimeoutError:
            raise redis.TimeoutError("Redis did not answer in time") from None
        except OSError as error:
            raise redis.ConnectionError(str(error)) from error
        finally:
            self._connecting = None
        self._wire = wire
        return wire


class _Wire(asyncio.Protocol):
    """Commands out, replies back in the same order."""

    def __init__(self) -> None:
        self.is_lost = False
        self._transport: Any = None
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._buffer = b""
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, *words: str | int) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.is_lost:
            future.set_exception(redis.ConnectionError("the connection to Redis is lost"))
            return future
        self._transport.write(_pack(words))
        self._waiting.append((future, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(TIMEOUT_SECONDS, self._look_at_oldest)
        return future

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        place = 0
        try:
            while self._waiting:
                reply, place = _read(self._buffer, place)
                future, _ = self._waiting.popleft()
                if future.done():  # whoever asked has left
                    continue
                if isinstance(reply, redis.RedisError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except _Incomplete:
            pass
        except ValueError:
            self.lose(redis.InvalidResponse("Redis sent what is not its protocol"))
            return
        self._buffer = self._buffer[place:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(redis.ConnectionError(f"the connection to Redis is lost: {exc}"))

    def lose(self, error: redis.RedisError) -> None:
        """Gives up, and tells all who wait."""
        self.is_lost = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)

    def _look_at_oldest(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0][1] + TIMEOUT_SECONDS - self._loop.time()
        if left <= 0:
            self.lose(redis.TimeoutError("Redis did not answer in time"))
        else:
            self._watch = self._loop.call_later(left, self._look_at_oldest)


class _Incomplete(Exception):
    """The rest of the reply has not arrived."""


def _pack(words: Sequence[str | int]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def _read(buffer: bytes, place: int) -> tuple[Any, int]:
    """One reply from ``place`` on and the place behind it. Raises ``_Incomplete``, or ``ValueError`` for nonsense."""
    end = buffer.find(b"\r\n", place)
    if end < 0:
        raise _Incomplete
    kind, rest, after = buffer[place : place + 1], buffer[place + 1 : end], end + 2
    if kind == b":":
        return int(rest), after
    if kind == b"+":
        return rest, after
    if kind == b"-":
        return _error(rest.decode(errors="replace")), after
    length = int(rest)
    if kind == b"$":
        if length < 0:
            return None, after
        if len(buffer) < after + length + 2:
            raise _Incomplete
        return buffer[after : after + length], after + length + 2
    if kind != b"*":
        raise ValueError(kind)
    items = []
    for _ in range(length):
        item, after = _read(buffer, after)
        items.append(item)
    return items, after


def _error(text: str) -> redis.RedisError:
    code, _, message = text.partition(" ")
    if code == "NOSCRIPT":
        return NoScriptError(message)
    if code in ("LOADING", "MASTERDOWN", "READONLY"):
        return redis.ConnectionError(text)
    return redis.ResponseError(text)
