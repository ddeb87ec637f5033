"""Outgoing HTTP to addresses that strangers choose: guarded, pinned, bounded, fast.

A small HTTP/1.1 client on asyncio. No redirects, no decompression, no cookies, no proxies. The address a connection
goes to is judged after the name was resolved and is the very one connected to. Whatever the other side does, a request
ends within its time, and no more than 32 KB of headers and 16 KB of body are kept. Figures: docs/webhooks-engine.md.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.outbound_address import Target, check_url, parse_url
from core.outbound_answer import Answer, AnswerError
from core.outbound_connect import Connector, OutboundError, make_tls_context

__all__ = ["HttpClient", "HttpResult", "Target", "check_url", "parse_url", "post_once"]

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 15.0
IDLE_PER_ORIGIN = 1000
IDLE_TOTAL = 2000
EXPIRY_SECONDS = 0.1  # how often deadlines are looked at: one timer for all costs less than one for each


@dataclass(slots=True, kw_only=True)
class HttpResult:
    """What came of one request. Times in milliseconds, None where the step did not take place.

    ``error`` is "" if a complete answer arrived, else a class of ``webhooks_app/error_texts.py``.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_truncated: bool = False
    address: str = ""
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    wait_ms: float | None = None
    total_ms: float = 0.0
    error: str = ""
    error_text: str = ""


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    __slots__ = (
        "address",
        "answer",
        "deadline",
        "first_byte_at",
        "idle_since",
        "is_lost",
        "is_used",
        "transport",
        "waiter",
    )

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[bool] | None = None
        self.answer = Answer()
        self.address = ""
        self.deadline = 0.0
        self.first_byte_at = 0.0
        self.idle_since = 0.0
        self.is_lost = False
        self.is_used = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        waiter = self.waiter
        if waiter is None or waiter.done():  # an answer without a question: never use this connection again
            self.close()
            return
        if not self.first_byte_at:
            self.first_byte_at = time.perf_counter()
        try:
            if self.answer.feed(data):
                waiter.set_result(True)
        except AnswerError as error:
            waiter.set_exception(OutboundError(error.code, str(error)))
            self.close()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if self.answer.end():
            waiter.set_result(True)
        elif isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            waiter.set_exception(OutboundError("reset", "The connection was reset."))
        else:
            waiter.set_exception(OutboundError("closed", "The connection was closed before the answer was complete."))

    def close(self) -> None:
        self.is_lost = True
        if self.transport is not None:
            self.transport.abort()

    def expire(self) -> None:
        """The request's time is over."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(OutboundError("answer_timeout", "No complete answer in time."))
        self.close()


class HttpClient:
    """A pool of kept connections within one event loop. Use as ``async with HttpClient() as client``."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._idle: dict[tuple[bool, str, int], list[_Connection]] = {}
        self._idle_count = 0
        self._connector = Connector(tls or make_tls_context(), CONNECT_SECONDS)
        self._reaper: asyncio.TimerHandle | None = None
        self._asked: set[_Connection] = set()
        self._expirer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "HttpClient":
        self._reap()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        if self._expirer is not None:
            self._expirer.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        self._connector.close()

    async def post(
        self,
        target: Target,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> HttpResult:
        """One POST. Never raises for what the other side does: see ``HttpResult.error``.

        Raises ``ValueError`` for a header that would break the request apart.
        """
        head = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if head.count("\n") != len(headers) or head.count("\r") != len(headers):
            raise ValueError("a header holds a line break")
        request = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1") + body
        result = HttpResult()
        started = time.perf_counter()
        try:
            await self._exchange(target, request, result, started, started + total_seconds)
        except OutboundError as error:
            result.error, result.error_text = error.code, str(error)
        result.total_ms = (time.perf_counter() - started) * 1000
        return result

    async def _exchange(
        self, target: Target, request: bytes, result: HttpResult, started: float, deadline: float
    ) -> None:
        connection = self._take_idle(target)
        if connection is not None:
            try:
                await self._ask(connection, request, result, deadline)
            except OutboundError as error:
                # The server closed a kept connection as we wrote: it has not seen the request, so ask on a new one.
                if error.code not in ("reset", "closed") or connection.answer.has_begun:
                    raise
            else:
                self._keep(target, connection)
                return
        connection = _Connection()
        try:
            # One bound over all steps: neither a slow name server nor a slow handshake may add up beyond it.
            async with asyncio.timeout(deadline - time.perf_counter()):
                await self._connector.connect(target, connection, result)
        except TimeoutError:
            connection.close()
            raise OutboundError("connect_timeout", "No connection in time.") from None
        connection.address = result.address
        try:
            await self._ask(connection, request, result, deadline)
        except BaseException:
            connection.close()
            raise
        self._keep(target, connection)

    async def _ask(self, connection: _Connection, request: bytes, result: HttpResult, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        connection.waiter = waiter
        answer = connection.answer = Answer()
        connection.first_byte_at = 0.0
        sent = time.perf_counter()
        connection.deadline = deadline
        self._asked.add(connection)
        if self._expirer is None:
            self._expirer = loop.call_later(EXPIRY_SECONDS, self._expire)
        result.address = connection.address
        try:
            if connection.is_lost or connection.transport is None:
                raise OutboundError("closed", "The connection was closed before the answer was complete.")
            connection.transport.write(request)
            await waiter
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._asked.discard(connection)
            connection.waiter = None
            if connection.first_byte_at:
                result.wait_ms = (connection.first_byte_at - sent) * 1000
            if answer.status:
                result.status = answer.status
                result.headers = answer.headers
                result.body = answer.body
                result.is_truncated = answer.is_truncated

    def _expire(self) -> None:
        """Ends what is over; looks again as long as there is a request."""
        moment = time.perf_counter()
        for connection in [connection for connection in self._asked if connection.deadline <= moment]:
            connection.expire()
        loop = asyncio.get_running_loop()
        self._expirer = loop.call_later(EXPIRY_SECONDS, self._expire) if self._asked else None

    def _take_idle(self, target: Target) -> _Connection | None:
        connections = self._idle.get((target.is_tls, target.host, target.port))
        while connections:
            connection = connections.pop()
            self._idle_count -= 1
            if not connection.is_lost:
                return connection
        return None

    def _keep(self, target: Target, connection: _Connection) -> None:
        if connection.is_lost or not connection.answer.is_reusable or self._idle_count >= IDLE_TOTAL:
            connection.close()
            return
        connections = self._idle.setdefault((target.is_tls, target.host, target.port), [])
        if len(connections) >= IDLE_PER_ORIGIN:
            connection.close()
            return
        connection.idle_since = time.perf_counter()
        connections.append(connection)
        self._idle_count += 1

    def _reap(self) -> None:
        limit = time.perf_counter() - IDLE_SECONDS
        for key, connections in list(self._idle.items()):
            kept = []
            for connection in connections:
                if connection.is_lost or connection.idle_since < limit:
                    connection.close()
                    self._idle_count -= 1
                else:
                    kept.append(connection)
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 3, self._reap)


def post_once(target: Target, headers: Sequence[tuple[str, str]], body: bytes) -> HttpResult:
    """One request from code that has no event loop."""

    async def run() -> HttpResult:
        async with HttpClient() as client:
            return await client.post(target, headers, body)

    return asyncio.run(run())
