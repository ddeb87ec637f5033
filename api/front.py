"""The API's requests straight from ASGI to the door: no page middleware, no WSGI bridge between.

Each request runs in a thread of this pool with its body already complete, and costs the event loop two hops. A request
looks to the door as it does behind the WSGI handler, so what the tests drive through Django is what runs here.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Protocol

from django.core.handlers.wsgi import WSGIRequest

from api.door import PREFIXES, answer_raw

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


async def answer_scope(scope: Scope, body: CompleteBody, send: Send) -> None:
    """Answers one HTTP request."""
    environ = build_environ(scope, body.headers, body.hand_over())
    status, answer_headers, content = await asyncio.get_running_loop().run_in_executor(_pool, _answer, environ)
    await send({"type": "http.response.start", "status": status, "headers": answer_headers})
    await send({"type": "http.response.body", "body": content})


def _answer(environ: dict[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    with environ["wsgi.input"]:
        return answer_raw(WSGIRequest(environ))


def build_environ(scope: Scope, headers: list[tuple[bytes, bytes]], body: IO[bytes]) -> dict[str, Any]:
    """The WSGI environment of an ASGI request, as far as a request of ours is asked for it.

    A header with an underscore in its name could pass for one that a proxy set, and is left out.
    """
    client, server = scope.get("client"), scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
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
