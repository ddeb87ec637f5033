"""Request bodies at the front door: taken whole before a thread is spent on the request.

A small body stays in memory, a large one goes to a temporary file, so that 100 MB uploads cost no memory and a client
that sends one byte a second costs neither a thread nor, after a while, a connection.
"""

import asyncio
import io
import json
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import IO, Any

from core.ids import new_request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FORM_ALLOWANCE_BYTES = 64 * 1024  # multipart boundaries and fields around an uploaded file
UPLOAD_PATHS = ("/v1/files", "/conversations/")  # a file as the body, or in a form
MEMORY_BYTES = 1024 * 1024
CHUNK_BYTES = 256 * 1024
SILENCE_SECONDS = 15.0
LOOK_SECONDS = 1.0  # the silence may last so much longer
# A body must arrive at this pace at least, after the first seconds: SILENCE_SECONDS alone is beaten by one byte a time.
HEAD_START_SECONDS = 20.0
LEAST_BYTES_PER_SECOND = 16 * 1024
# What is refused is still read for a moment: a client that is busy sending sees a reset connection, not our answer.
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 10.0


class BodyTooLarge(Exception):
    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.")


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class TakenBody:
    """A complete body, replayed as ASGI messages with its true length among the headers."""

    def __init__(self, headers: list[tuple[bytes, bytes]], small: bytes, file: IO[bytes] | None, length: int) -> None:
        kept = [(name, value) for name, value in headers if name not in (b"content-length", b"transfer-encoding")]
        self.headers = [*kept, (b"content-length", str(length).encode())] if length else kept
        self._small = small
        self._file = file
        self._left = length

    async def receive(self) -> Message:
        if self._file is None:
            chunk, self._small = self._small, b""
            return {"type": "http.request", "body": chunk, "more_body": False}
        chunk = await asyncio.to_thread(self._file.read, CHUNK_BYTES)
        self._left -= len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": self._left > 0}

    def hand_over(self) -> IO[bytes]:
        """The body as a file for a thread, which closes it; nothing can be received any more."""
        file, self._file = self._file, None
        return io.BytesIO(self._small) if file is None else file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def limit_of(path: str, file_bytes: int, other_bytes: int) -> int:
    return file_bytes + FORM_ALLOWANCE_BYTES if path.startswith(UPLOAD_PATHS) else other_bytes


async def take_body(scope: Scope, receive: Receive, limit: int) -> TakenBody | None:
    """Reads the body; None when the client left. Raises ``BodyTooLarge`` or ``BodyTooSlow``."""
    if not _has_body(scope):
        return TakenBody(scope["headers"], b"", None, 0)
    if _announced_length(scope) > limit:
        await _drain(receive)
        raise BodyTooLarge(limit)
    small = b""
    file: IO[bytes] | None = None
    length = 0
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        message = await _receive_soon(receive, loop)
        if message["type"] == "http.disconnect":
            _close(file)
            return None
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            _close(file)
            await _drain(receive)
            raise BodyTooLarge(limit)
        if file is None and length <= MEMORY_BYTES:
            small = chunk if not small else small + chunk
        else:
            file = file or tempfile.TemporaryFile()  # noqa: SIM115 closed by TakenBody.close
            await asyncio.to_thread(file.write, small + chunk)
            small = b""
        if not message.get("more_body", False):
            break
        late = loop.time() - started - HEAD_START_SECONDS
        if late > 0 and length < late * LEAST_BYTES_PER_SECOND:
            _close(file)
            raise BodyTooSlow("The request body arrived too slowly.")
    if file is not None:
        await asyncio.to_thread(file.seek, 0)
    return TakenBody(scope["headers"], small, file, length)


async def refuse_body(scope: Scope, send: Send, problem: BodyTooLarge | BodyTooSlow) -> None:
    """Answers in the API's envelope; the connection is closed since its body may not have ended."""
    too_large = "file_too_large" if scope["path"].startswith(UPLOAD_PATHS) else "body_too_large"
    status, code = (413, too_large) if isinstance(problem, BodyTooLarge) else (408, "body_too_slow")
    request_id = new_request_id()
    error = {"type": "invalid_request_error", "code": code, "message": str(problem)}
    payload = json.dumps({"error": error, "request_id": request_id}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(payload)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})


class _Watch:
    """Ends what has waited too long for a client: one timer for all who wait in a loop, not one for each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waits: deque[_Wait] = deque()
        self._is_looking = False

    def add(self, wait: "_Wait") -> None:
        self._waits.append(wait)
        if not self._is_looking:
            self._is_looking = True
            self.loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        moment = self.loop.time()
        while self._waits and (self._waits[0].task is None or self._waits[0].until <= moment):
            self._waits.popleft().end()
        self._is_looking = bool(self._waits)
        if self._is_looking:
            self.loop.call_later(LOOK_SECONDS, self._look)


class _Wait:
    """One task's waiting; ``task`` is None when it is over."""

    __slots__ = ("is_late", "task", "until")

    def __init__(self, task: "asyncio.Task[Any] | None", until: float) -> None:
        self.task = task
        self.until = until
        self.is_late = False

    def end(self) -> None:
        if self.task is not None:
            self.is_late = True
            self.task.cancel()


_watch: _Watch | None = None


async def _receive_soon(receive: Receive, loop: asyncio.AbstractEventLoop) -> Message:
    global _watch
    if _watch is None or _watch.loop is not loop:
        _watch = _Watch(loop)
    wait = _Wait(asyncio.current_task(), loop.time() + SILENCE_SECONDS)
    _watch.add(wait)
    try:
        return await receive()
    except asyncio.CancelledError:
        # Someone else may have cancelled as well, and then it is not ours to keep
        if not wait.is_late or wait.task is None or wait.task.uncancel() > 0:
            raise
        raise BodyTooSlow(f"No part of the request body arrived for {SILENCE_SECONDS:.0f} seconds.") from None
    finally:
        wait.task = None


async def _drain(receive: Receive) -> None:
    async def read_on() -> None:
        left = DRAIN_BYTES
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return

    try:
        await asyncio.wait_for(read_on(), DRAIN_SECONDS)
    except TimeoutError:
        return


def _has_body(scope: Scope) -> bool:
    """HTTP/1 says so in its headers; later versions need not."""
    if not scope["http_version"].startswith("1"):
        return True
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _announced_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _close(file: IO[bytes] | None) -> None:
    if file is not None:
        file.close()
