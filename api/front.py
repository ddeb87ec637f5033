"""The API's requests straight from ASGI to the door: no page middleware, no WSGI bridge between.

A request comes with its body complete. The door's steps are answered in the event loop; as soon as one may block the
rest runs in a thread of this pool. A request shows the door what Django's request would, so what the tests drive
through Django is what runs here.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Protocol

from django.core.handlers.wsgi import get_path_info

from api.door import PREFIXES, drop_broken_connection, reply_steps
from api.envelope import Reply, to_raw
from core.loop_stores import get_stores
from core.steps import Step, Steps, run_steps

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
THREADS = 8

_pool = ThreadPoolExecutor(THREADS, "api")


def is_ours(path: str) -> bool:
    """Whether the door answers this path."""
    return path.startswith(PREFIXES)


class CompleteBody(Protocol):
    """A request's body that has arrived, and its headers with the true length."""

    headers: list[tuple[bytes, bytes]]

    def hand_over(self) -> IO[bytes]:
        """The body, to be read and closed by whoever took it."""


class FrontRequest:
    """A request as ``api.call.Request`` asks for it, without what Django builds for pages."""

    __slots__ = ("META", "_body", "method", "path_info")

    def __init__(self, scope: Scope, headers: list[tuple[bytes, bytes]], body: IO[bytes]) -> None:
        path = scope["path"]
        self._body = body
        self.META = build_environ(scope, headers, body)
        self.method = scope["method"].upper()
        # What is not ASCII Django reads in a way of its own
        self.path_info = path if path and path.isascii() else get_path_info(self.META)

    def read(self, size: int = -1, /) -> bytes:
        return self._body.read(size)


async def answer_scope(scope: Scope, body: CompleteBody, send: Send) -> None:
    """Answers one HTTP request."""
    with body.hand_over() as file:
        reply = await _drive(reply_steps(FrontRequest(scope, body.headers, file)))
    status, headers, content = to_raw(reply, is_head=scope["method"] == "HEAD")
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _drive(steps: Steps[Reply]) -> Reply:
    """Answers steps here for as long as they can be answered without a thread, and the rest in one."""
    stores = get_stores()
    try:
        step = next(steps)
        while stores.is_able(step):
            try:
                answer = await stores.answer(step)
            except Exception as error:  # noqa: BLE001 it belongs to whoever asked, as if the step had been a call
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    return await asyncio.get_running_loop().run_in_executor(_pool, _finish, steps, step)


def _finish(steps: Steps[Reply], step: Step) -> Reply:
    drop_broken_connection()
    return run_steps(steps, step)


def build_environ(scope: Scope, headers: list[tuple[bytes, bytes]], body: IO[bytes]) -> dict[str, Any]:
    """The WSGI environment of an ASGI request, as far as a request of ours is asked for it.

    A header with an underscore in its name could pass for one that a proxy set, and is left out.
    """
    client = scope.get("client")
    environ: dict[str, Any] = {
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.input": body,
    }
    for raw_name, raw_value in headers:
        name, value = _environ_name(raw_name), raw_value.decode("latin-1")
        if name:
            environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ


_names: dict[bytes, str] = {}
MAX_NAMES = 1000  # a client may invent names without end


def _environ_name(raw: bytes) -> str:
    """``HTTP_…`` for a header; empty for one that is not taken over."""
    name = _names.get(raw)
    if name is None:
        text = raw.decode("latin-1")
        name = "" if "_" in text else text.upper().replace("-", "_")
        if name and name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = "HTTP_" + name
        if len(_names) < MAX_NAMES:
            _names[raw] = name
    return name
