"""Open event streams end with their server.

Granian waits for every open request before a worker ends, and an event stream never ends by itself: after a while it
would be killed with all that was still on its way. So a worker that is asked to end tells its streams first that their
client has left; they finish, and the clients connect again elsewhere.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from core.ending import ending

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_closing = asyncio.Event()


def end_streams_first() -> None:
    """Called in a starting worker. The server listens to SIGINT and SIGTERM alike: SIGTERM, which is what it is sent,
    ends the streams here and is passed on as SIGINT.
    """

    def on_signal() -> None:
        ending.set()
        _closing.set()
        os.kill(os.getpid(), signal.SIGINT)

    with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread: a server in a test
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_signal)


async def answer_stream(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs a stream's application until its client leaves or the server ends."""

    async def receive_or_end() -> Message:
        message = asyncio.ensure_future(receive())
        end = asyncio.ensure_future(_closing.wait())
        try:
            await asyncio.wait([message, end], return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            end.cancel()

    await app(scope, receive_or_end, send)
    if _closing.is_set():
        with suppress(OSError, RuntimeError):  # it may have been complete, or its client away
            await send({"type": "http.response.body", "body": b"", "more_body": False})
