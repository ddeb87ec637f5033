"""Outgoing HTTP to addresses that strangers choose: guarded, pinned, bounded, fast.

A small HTTP/1.1 client on asyncio. No redirects, no decompression, no cookies, no proxies. The address a connection
goes to is judged after the name was resolved and is the very one connected to. Whatever the other side does, a request
ends within its time, and no more than 32 KB of headers and 16 KB of body are kept. Figures: docs/webhooks-engine.md.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.outbound_address import Target, check_url, parse_url
from core.outbound_answer import KNOWN, Answer, AnswerError, remember
from core.outbound_connect import Connector, OutboundError, make_tls_context

__all__ = ["HttpClient", "HttpResult", "Target", "check_url", "parse_url", "post_once"]

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 15.0
IDLE_PER_ORIGIN = 1000
IDLE_TOTAL = 2000
EXPIRY_SECONDS = 0.1  # how often deadlines are looked at: one timer for all costs less than one for each


@dataclass(slots=True)
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


Done = Callable[[HttpResult], None]


class _Exchange:
    """A request on its way, and where its result goes. Times are of ``time.perf_counter``."""

    __slots__ = ("deadline", "done", "is_kept", "request", "sent_at", "started_at", "steps", "target")

    def __init__(self, target: Target, request: bytes, done: Done, total_seconds: float) -> None:
        self.target = target
        self.request = request
        self.done = done
        self.started_at = self.sent_at = time.perf_counter()
        self.deadline = self.started_at + total_seconds
        self.is_kept = False  # it is tried on a connection that was kept
        self.steps: HttpResult | None = None  # notes of the connecting, if there was any

    def fail(self, error: OutboundError, result: HttpResult | None = None) -> None:
        result = result or self.steps or HttpResult()
        result.error, result.error_text = error.code, str(error)
        result.total_ms = (time.perf_counter() - self.started_at) * 1000
        self.done(result)


class _Connection(asyncio.Protocol):
    """One connection, one request at a time; tells ``ended`` when its answer is complete or will not be."""

    __slots__ = ("address", "answer", "ended", "exchange", "first_byte_at", "idle_since", "is_lost", "transport")

    def __init__(self, ended: "Callable[[_Connection, OutboundError | None], None]") -> None:
        self.ended = ended
        self.transport: asyncio.Transport | None = None
        self.exchange: _Exchange | None = None
        self.answer: Answer | None = None
        self.address = ""
        self.first_byte_at = 0.0
        self.idle_since = 0.0
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def ask(self, exchange: _Exchange) -> None:
        self.exchange = exchange
        self.answer = None
        self.first_byte_at = 0.0
        if self.is_lost or self.transport is None:
            self.ended(self, OutboundError("closed", "The connection was closed before the answer was complete."))
        else:
            self.transport.write(exchange.request)

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:  # an answer without a question: never use this connection again
            self.close()
            return
        answer = self.answer
        if answer is None:
            self.first_byte_at = time.perf_counter()
            known = KNOWN.get(data)
            if known is not None:
                self.answer = known
                self.ended(self, None)
                return
            answer = self.answer = Answer()
            is_first = True
        else:
            is_first = False
        try:
            is_complete = answer.feed(data)
        except AnswerError as error:
            self.close()
            self.ended(self, OutboundError(error.code, str(error)))
            return
        if is_complete:
            if is_first:
                remember(data, answer)
            self.ended(self, None)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if self.exchange is None:
            return
        if self.answer is not None and self.answer.end():
            self.ended(self, None)
        elif isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            self.ended(self, OutboundError("reset", "The connection was reset."))
        else:
            self.ended(self, OutboundError("closed", "The connection was closed before the answer was complete."))

    def close(self) -> None:
        self.is_lost = True
        if self.transport is not None:
            self.transport.abort()


class HttpClient:
    """A pool of kept connections within one event loop. Use as ``async with HttpClient() as client``."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._idle: dict[str, list[_Connection]] = {}  # by origin
        self._idle_count = 0
        self._connector = Connector(tls or make_tls_context(), CONNECT_SECONDS)
        self._connecting: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.TimerHandle | None = None
        self._asked: set[_Connection] = set()
        self._expirer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "HttpClient":
        self._reap()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection; a request that is still on its way fails with ``closed``."""
        for timer in (self._reaper, self._expirer):
            if timer is not None:
                timer.cancel()
        for task in list(self._connecting):
            task.cancel()
        for connections in [*self._idle.values(), list(self._asked)]:
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
        answered: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()

        def done(result: HttpResult) -> None:
            if not answered.done():
                answered.set_result(result)

        request = b"%bContent-Length: %d\r\n\r\n%b" % (build_head(target, headers).encode("latin-1"), len(body), body)
        self.send(target, request, done, total_seconds)
        return await answered

    def send(self, target: Target, request: bytes, done: Done, total_seconds: float = TOTAL_SECONDS) -> None:
        """Sends a POST; ``done`` gets the result from the event loop, never from within this call if it succeeds.

        ``request`` is all of it: what ``build_head`` makes, its length, an empty line, the body. No task and no future
        for a request on a kept connection: this is the engine's path.
        """
        exchange = _Exchange(target, request, done, total_seconds)
        connections = self._idle.get(target.origin)
        while connections:
            connection = connections.pop()
            self._idle_count -= 1
            if not connection.is_lost:
                exchange.is_kept = True
                self._ask(connection, exchange)
                return
        self._connect(exchange)

    def _ask(self, connection: _Connection, exchange: _Exchange) -> None:
        self._asked.add(connection)
        if self._expirer is None:
            self._expirer = asyncio.get_running_loop().call_later(EXPIRY_SECONDS, self._expire)
        connection.ask(exchange)

    def _connect(self, exchange: _Exchange) -> None:
        task = asyncio.get_running_loop().create_task(self._connect_and_ask(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect_and_ask(self, exchange: _Exchange) -> None:
        connection = _Connection(self._ended)
        exchange.steps = steps = HttpResult()
        try:
            # One bound over all steps: neither a slow name server nor a slow handshake may add up beyond it.
            async with asyncio.timeout(exchange.deadline - time.perf_counter()):
                await self._connector.connect(exchange.target, connection, steps)
        except TimeoutError:
            connection.close()
            exchange.fail(OutboundError("connect_timeout", "No connection in time."))
        except asyncio.CancelledError:
            connection.close()
            exchange.fail(OutboundError("closed", "The request was given up."))
            raise
        except OutboundError as error:
            exchange.fail(error)
        else:
            connection.address = steps.address
            exchange.is_kept = False
            exchange.sent_at = time.perf_counter()
            self._ask(connection, exchange)

    def _ended(self, connection: _Connection, error: OutboundError | None) -> None:
        exchange, answer = connection.exchange, connection.answer
        if exchange is None:
            return
        connection.exchange = None
        self._asked.discard(connection)
        if error is not None:
            connection.close()
            if exchange.is_kept and error.code in ("reset", "closed") and (answer is None or not answer.has_begun):
                # The server closed a kept connection as we wrote: it has not seen the request, so ask on a new one.
                self._connect(exchange)
                return
        moment = time.perf_counter()
        result = exchange.steps or HttpResult(address=connection.address)
        if connection.first_byte_at:
            result.wait_ms = (connection.first_byte_at - exchange.sent_at) * 1000
        if answer is not None and answer.status:
            result.status, result.headers = answer.status, answer.headers
            result.body, result.is_truncated = answer.body, answer.is_truncated
        if error is None:
            self._keep(exchange.target, connection, moment)
            result.total_ms = (moment - exchange.started_at) * 1000
            exchange.done(result)
        else:
            exchange.fail(error, result)

    def _expire(self) -> None:
        """Ends what is over; looks again as long as there is a request."""
        moment = time.perf_counter()
        for connection in [c for c in self._asked if c.exchange is not None and c.exchange.deadline <= moment]:
            connection.close()
            self._ended(connection, OutboundError("answer_timeout", "No complete answer in time."))
        loop = asyncio.get_running_loop()
        self._expirer = loop.call_later(EXPIRY_SECONDS, self._expire) if self._asked else None

    def _keep(self, target: Target, connection: _Connection, moment: float) -> None:
        answer = connection.answer
        if connection.is_lost or answer is None or not answer.is_reusable or self._idle_count >= IDLE_TOTAL:
            connection.close()
            return
        connections = self._idle.get(target.origin)
        if connections is None:
            connections = self._idle[target.origin] = []
        if len(connections) >= IDLE_PER_ORIGIN:
            connection.close()
            return
        connection.idle_since = moment
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


def build_head(target: Target, headers: Sequence[tuple[str, str]]) -> str:
    """Request line and headers up to the body's length, to be sent as Latin-1.

    Raises ``ValueError`` for a header with a line break or a letter beyond Latin-1 in it.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header holds a line break")
    head = f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n{lines}"
    head.encode("latin-1")
    return head


def post_once(target: Target, headers: Sequence[tuple[str, str]], body: bytes) -> HttpResult:
    """One request from code that has no event loop."""

    async def run() -> HttpResult:
        async with HttpClient() as client:
            return await client.post(target, headers, body)

    return asyncio.run(run())
