"""One reader of the event log per process, for every stream it serves.

Woken by Redis or, at the latest, after a quarter of a second, the tail reads what is new once and hands each event to
the listeners of its organization. Reading is at most every 40 ms, so a busy log is sent in small bundles.
"""

import asyncio
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import redis
import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, connection, connections

from api.event_feed import Interest, read_for
from core.clock import to_ms
from core.hints import EVENTS_CHANNEL
from events.services import START, Cursor, LoggedEvent, get_end, read_events

logger = logging.getLogger(__name__)
BATCH = 500
SHORTEST_SECONDS = 0.04
LONGEST_SECONDS = 0.25
CHECK_KEYS_SECONDS = 15.0
MAX_WAITING_BYTES = 1024 * 1024
OPENERS = 4  # threads that open streams and read what they have missed
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=2048)
def format_event(event: LoggedEvent) -> bytes:
    """One server-sent event: its place in the log as id, ``{event, timestamp, data}`` as data."""
    body = {"event": event.type, "timestamp": to_ms(event.occurred_at), "data": msgspec.Raw(event.data.encode())}
    return b"id: " + str(event.cursor).encode() + b"\ndata: " + _encode(body) + b"\n\n"


class Listener:
    """One open stream: what waits to be sent to it, and up to where it has been given events."""

    __slots__ = ("_chunks", "_is_awake", "_turn", "_waiting", "interest", "is_closed", "key_id", "place")

    def __init__(self, *, key_id: UUID, interest: Interest, place: Cursor) -> None:
        self.key_id = key_id
        self.interest = interest
        self.place = place
        self.is_closed = False
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._is_awake = False
        self._turn: asyncio.Future[None] | None = None

    def offer(self, event: LoggedEvent) -> None:
        """Queues an event that it has not had. A queue that has grown too long closes the stream."""
        if event.cursor <= self.place or not self.interest.covers(event):
            return
        self.place = event.cursor
        chunk = format_event(event)
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._waiting > MAX_WAITING_BYTES:
            self.close()
        self.wake()

    def close(self) -> None:
        """Ends the stream without sending what waits: the client resumes after the last id it has."""
        self.is_closed = True
        self._chunks.clear()
        self.wake()

    def wake(self) -> None:
        self._is_awake = True
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def beat(self, chunk: bytes) -> None:
        """Queues what keeps the connection alive, unless something is on its way anyhow."""
        if not self._chunks and not self.is_closed:
            self._chunks.append(chunk)
            self._waiting += len(chunk)
            self.wake()

    async def wait(self) -> None:
        """Until something came. Without a timer: there is one wait for each event and listener."""
        if not self._is_awake:
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn
            self._turn = None

    def take(self) -> bytes:
        self._is_awake = False
        bundle = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        return bundle


class Tail:
    """Reads the log while somebody listens. All methods but ``_read…`` run in the event loop."""

    def __init__(self) -> None:
        self.place = START
        # By organization and line; None for who hears all lines. So an event meets only those it may concern.
        self._listeners: defaultdict[tuple[UUID, UUID | None], set[Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._reader = ThreadPoolExecutor(1, "event-tail")
        self._backlog = ThreadPoolExecutor(OPENERS, "event-backlog")

    async def start(self) -> None:
        """Begins to read at the end of the log, unless it already reads."""
        if self._task is not None and not self._task.done():
            return
        loop = asyncio.get_running_loop()
        place = await loop.run_in_executor(self._reader, _read_end)
        if self._task is None or self._task.done():  # nobody was faster
            self.place = place
            self._wake = asyncio.Event()
            self._task = loop.create_task(self._run(self._wake))

    def add(self, listener: Listener) -> None:
        for place in _places_of(listener):
            self._listeners[place].add(listener)

    def remove(self, listener: Listener) -> None:
        for place in _places_of(listener):
            group = self._listeners[place]
            group.discard(listener)
            if not group:
                del self._listeners[place]

    async def stop(self) -> None:
        """Ends reading and lets its database connection go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._reader, connections.close_all)
        together = threading.Barrier(OPENERS)
        await asyncio.gather(*(self.ask(_close_after, together) for _ in range(OPENERS)))
        self._reader.shutdown()
        self._backlog.shutdown()

    async def ask(self, work: Callable[..., T], *arguments: Any) -> T:
        """Runs what opening a stream asks of the stores, in a few threads that keep their connections."""
        return await asyncio.get_running_loop().run_in_executor(self._backlog, _with_connection, work, *arguments)

    async def read(self, interest: Interest, after: Cursor) -> tuple[list[LoggedEvent], Cursor, bool]:
        """Past events for one listener, the place up to which everything has been seen, and whether more are there."""
        return await self.ask(_read_backlog, interest, after)

    async def _run(self, wake: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        ear = loop.create_task(_hear(wake))
        checked = loop.time()
        idle_since = loop.time()
        try:
            while self._listeners or loop.time() - idle_since < 5:
                if self._listeners:
                    idle_since = loop.time()
                await self._pass_on()
                if loop.time() - checked > CHECK_KEYS_SECONDS:
                    checked = loop.time()
                    await self._check_keys()
                await asyncio.sleep(SHORTEST_SECONDS)
                try:
                    await asyncio.wait_for(wake.wait(), LONGEST_SECONDS - SHORTEST_SECONDS)
                except TimeoutError:
                    continue
        finally:
            ear.cancel()
            for group in list(self._listeners.values()):
                for listener in group:
                    listener.close()

    async def _pass_on(self) -> None:
        while True:
            if self._wake is not None:
                self._wake.clear()
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._reader, _read_new, self.place)
            except DatabaseError as error:
                logger.warning("the event streams cannot read the log, trying again: %s", error)
                return
            for event in found:
                self.place = event.cursor
                for line_id in (event.line_id, None):
                    for listener in self._listeners.get((event.organization_id, line_id), ()):
                        listener.offer(event)
            if len(found) < BATCH:
                return

    async def _check_keys(self) -> None:
        """Closes the streams of keys that may no longer be used."""
        listeners = {listener for group in self._listeners.values() for listener in group}
        if not listeners:
            return
        ids = sorted({listener.key_id for listener in listeners})
        try:
            usable = await asyncio.get_running_loop().run_in_executor(self._reader, _read_usable, ids)
        except DatabaseError as error:
            logger.warning("the keys of open streams could not be checked: %s", error)
            return
        for listener in listeners:
            if listener.key_id not in usable:
                listener.close()


async def _hear(wake: asyncio.Event) -> None:
    """Sets ``wake`` whenever news of the log is published. Without Redis the tail just looks on its own."""
    while True:
        try:
            async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
                await channel.subscribe(EVENTS_CHANNEL)
                async for _ in channel.listen():
                    wake.set()
        except (redis.RedisError, OSError) as error:
            logger.warning("event streams are not woken by Redis, they look four times a second: %s", error)
            await asyncio.sleep(5)


def _read_end() -> Cursor:
    connection.close_if_unusable_or_obsolete()
    return get_end()


def _read_new(after: Cursor) -> list[LoggedEvent]:
    try:
        return read_events(after, limit=BATCH)
    except DatabaseError:
        connection.close()
        raise


def _read_backlog(interest: Interest, after: Cursor) -> tuple[list[LoggedEvent], Cursor, bool]:
    return read_for(interest, after, limit=BATCH)


def _with_connection(work: Callable[..., T], *arguments: Any) -> T:
    connection.close_if_unusable_or_obsolete()
    try:
        return work(*arguments)
    except DatabaseError:
        connection.close()
        raise


def _close_after(together: threading.Barrier) -> None:
    """Only when every thread has come: so each closes its own."""
    together.wait(5)
    connections.close_all()


def _places_of(listener: Listener) -> Collection[tuple[UUID, UUID | None]]:
    interest = listener.interest
    return [(interest.organization_id, line_id) for line_id in interest.line_ids or (None,)]


def _read_usable(ids: list[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.id FROM accounts_apikey k JOIN accounts_organization o ON o.id = k.organization_id"
            " WHERE k.id = ANY(%s) AND k.revoked_at IS NULL AND o.suspended_at IS NULL"
            " AND (k.expires_at IS NULL OR k.expires_at > now())",
            [ids],
        )
        return {row[0] for row in cursor.fetchall()}


tail = Tail()
