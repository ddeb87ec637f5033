"""``GET /live?topics=chats,chat:cht_…``: one server-sent stream per tab, as plain ASGI beside Django.

The stream carries hints only (``core.live``). Who may listen is decided once, from the session cookie; every topic is
within the organization that the session looks at, so a topic of another organization simply never speaks.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import redis.asyncio
from django.conf import settings
from django.db import connections

from core.live import CHANNEL

logger = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 120.0
QUEUE_LENGTH = 200
MAX_TOPICS = 100  # of all tabs of a browser


class Switchboard:
    """One Redis subscription per process, fanned out to the queues of open tabs by (organization, topic)."""

    def __init__(self) -> None:
        self.queues: defaultdict[tuple[str, str], set[asyncio.Queue[bytes]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def connect(self, keys: list[tuple[str, str]]) -> asyncio.Queue[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_LENGTH)
        for key in keys:
            self.queues[key].add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())
        return queue

    def disconnect(self, keys: list[tuple[str, str]], queue: asyncio.Queue[bytes]) -> None:
        for key in keys:
            self.queues[key].discard(queue)
            if not self.queues[key]:
                del self.queues[key]

    async def _listen(self) -> None:
        while True:
            try:
                client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
                async with client, client.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    self._broadcast(b'data: {"type":"resync"}\n\n')  # what was missed while away, pages fetch again
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            self._route(message["data"])
            except (redis.RedisError, OSError) as error:
                logger.warning("live stream lost Redis, trying again: %s", error)
                await asyncio.sleep(1)

    def _route(self, raw: bytes) -> None:
        hint = json.loads(raw)
        reached: set[asyncio.Queue[bytes]] = set()
        for topic in hint["topics"]:
            reached |= self.queues.get((hint["org"], topic), set())
        if reached:
            data = json.dumps({"type": hint["type"], "topics": hint["topics"], "id": hint["id"]})
            self._put(reached, f"data: {data}\n\n".encode())

    def _broadcast(self, chunk: bytes) -> None:
        self._put({queue for group in self.queues.values() for queue in group}, chunk)

    @staticmethod
    def _put(queues: set[asyncio.Queue[bytes]], chunk: bytes) -> None:
        for queue in queues:
            try:
                queue.put_nowait(chunk)
            except asyncio.QueueFull:
                while not queue.empty():  # a slow tab: one "fetch again" is worth more than 200 old hints
                    queue.get_nowait()
                queue.put_nowait(b'data: {"type":"resync"}\n\n')


switchboard = Switchboard()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application for ``/live``."""
    organization_id = await asyncio.to_thread(_find_organization, _session_key(scope))
    if organization_id is None:
        await _answer(send, 401, b"sign in")
        return
    wanted = parse_qs(scope["query_string"].decode("latin-1")).get("topics", [""])[0]
    keys = [(organization_id.hex, topic) for topic in wanted.split(",")[:MAX_TOPICS] if topic]
    queue = switchboard.connect(keys)  # before the answer begins: who sees it open misses nothing
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
        while not gone.done() and await asyncio.to_thread(_find_organization, _session_key(scope)) == organization_id:
            await _pump(queue, gone, send)  # and then look again whether the person is still signed in and a member
    finally:
        gone.cancel()
        switchboard.disconnect(keys, queue)


async def _pump(queue: asyncio.Queue[bytes], gone: asyncio.Future[None], send: Send) -> None:
    until = asyncio.get_running_loop().time() + RECHECK_SECONDS
    while not gone.done() and asyncio.get_running_loop().time() < until:
        getter: asyncio.Future[Any] = asyncio.ensure_future(queue.get())
        await asyncio.wait([getter, gone], timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if getter.done():
            chunk = getter.result()
        else:
            getter.cancel()
            chunk = b": still here\n\n"
        if not gone.done():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _answer(send: Send, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def _session_key(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie":
            morsel = SimpleCookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
            if morsel is not None:
                return morsel.value
    return ""


def _find_organization(session_key: str) -> UUID | None:
    """The organization that the session's person looks at, or None."""
    from accounts.sessions import find_membership

    if not session_key:
        return None
    try:
        store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        membership = find_membership(store)
        return membership.organization_id if membership else None
    finally:
        connections.close_all()  # the thread is a passing one; it must not keep a connection
