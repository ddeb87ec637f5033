"""Prepared statements for the event loop: a few connections, each busy with one statement at a time.

psycopg connects, sets up and converts; what happens per statement goes straight to libpq, whose socket the loop
watches. Each statement is its own transaction. Errors are those of ``django.db.utils``, as the ORM raises them.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg import pq
from psycopg.adapt import Transformer

MAX_CONNECTIONS = 8  # of one process: enough to keep two cores busy while one waits for a row's lock
ENCODING = "utf-8"
BINARY = pq.Format.BINARY  # of results: moments and ids are read several times faster so than from text
# After these the connection is not to be used again: a plan or a statement that the server no longer has
_BROKEN_PLANS = ("0A000", "26000")
_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_PLACE = re.compile(r"%\((\w+)\)s|%%")

Parameters = list[bytes | None]
Rows = list[tuple[Any, ...]]
Answer = TypeVar("Answer")


class LoopDatabase:
    """Connections of the event loop it was made in, opened when they are needed."""

    def __init__(self) -> None:
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[asyncio.Future[_Connection | None]] = deque()
        self._count = 0

    async def fetch(self, text: str, values: Mapping[str, Any]) -> Rows:
        """The rows of a statement."""
        return await self.fetch_one(*compile_values(text, values))

    async def fetch_one(self, query: bytes, parameters: Parameters) -> Rows:
        """The rows of a compiled statement."""
        return await self._use(lambda used: used.fetch(query, parameters))

    async def fetch_group(self, statements: Sequence[tuple[bytes, Parameters]]) -> list[Rows] | None:
        """The rows of each compiled statement, all in one transaction; None if one failed, and then none was done."""
        return await self._use(lambda used: used.fetch_group(statements))

    async def _use(self, ask: "Callable[[_Connection], Awaitable[Answer]]") -> Answer:
        used = self._pick() or await self._take()
        try:
            answer = await ask(used)
        except BaseException as error:
            # Whoever was cancelled leaves an answer on its way: such a connection cannot be used again
            if not isinstance(error, psycopg.Error):
                used.close()
            self._give_back(used)
            if isinstance(error, psycopg.Error):
                with django_connection.wrap_database_errors:
                    raise
            raise
        self._give_back(used)
        return answer

    def backend_pids(self) -> list[int]:
        return [used.backend_pid for used in self._idle]

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
            self._count -= 1

    def _pick(self) -> "_Connection | None":
        """One that waits for work."""
        while self._idle:
            used = self._idle.pop()
            if used.is_usable:
                return used
            used.close()
            self._count -= 1
        return None

    async def _take(self) -> "_Connection":
        while True:
            if used := self._pick():
                return used
            if self._count < MAX_CONNECTIONS:
                return await self._open()
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                handed = await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and (handed := turn.result()):
                    self._give_back(handed)
                raise
            if handed is not None:
                connection: _Connection = handed
                return connection

    async def _open(self) -> "_Connection":
        self._count += 1
        try:
            return await _Connection.open()
        except BaseException as error:
            self._count -= 1
            self._hand_on(None)
            if isinstance(error, psycopg.Error):
                with django_connection.wrap_database_errors:
                    raise
            raise

    def _give_back(self, used: "_Connection") -> None:
        if not used.is_usable:
            used.close()
            self._count -= 1
            self._hand_on(None)
        elif not self._hand_on(used):
            self._idle.append(used)

    def _hand_on(self, used: "_Connection | None") -> bool:
        """Gives a connection, or leave to open one, to who has waited longest: who comes later must not overtake."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(used)
                return True
        return False


class _Connection:
    """One connection; the loop watches its socket from the first to the last moment."""

    def __init__(self, raw: "psycopg.AsyncConnection[Any]") -> None:
        self._raw = raw
        self._pg = raw.pgconn
        self._pg.nonblocking = 1
        self._loop = asyncio.get_running_loop()
        self._socket = self._pg.socket
        self._transformer = Transformer(raw)
        self._names: dict[bytes, bytes] = {}
        self._is_preparing = bool(settings.PREPARED_STATEMENTS)
        self._answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._result: pq.abc.PGresult | None = None
        self._group: list[pq.abc.PGresult] | None = None
        self.is_closed = False
        age = django_connection.settings_dict["CONN_MAX_AGE"]
        self._until = time.monotonic() + age if age else float("inf")
        self._loop.add_reader(self._socket, self._on_readable)

    @classmethod
    async def open(cls) -> "_Connection":
        parameters = django_connection.get_connection_params()
        for name in ("cursor_factory", "prepare_threshold"):
            parameters.pop(name, None)
        raw = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
        await raw.execute("SELECT set_config('TimeZone', %s, false)", [django_connection.timezone_name])
        return cls(raw)

    @property
    def backend_pid(self) -> int:
        return self._pg.backend_pid

    @property
    def is_usable(self) -> bool:
        return not self.is_closed and self._pg.status == pq.ConnStatus.OK and time.monotonic() < self._until

    async def fetch(self, query: bytes, parameters: Parameters) -> Rows:
        await self._prepare(query)
        return self._read_rows(await self._ask(lambda: self._send(query, parameters)))

    async def fetch_group(self, statements: Sequence[tuple[bytes, Parameters]]) -> list[Rows] | None:
        """In libpq's pipeline mode: what lies between two syncs is one transaction."""
        for query, _ in statements:
            await self._prepare(query)
        self._pg.enter_pipeline_mode()
        group: list[pq.abc.PGresult] = []
        self._group = group
        try:
            await self._ask(lambda: self._send_group(statements))
        finally:
            self._group = None
        self._pg.exit_pipeline_mode()
        # A constraint that is checked at the end adds a result of its own
        if len(group) != len(statements) or any(one.status not in _DONE for one in group):
            return None
        return [self._read_rows(result) for result in group]

    async def _prepare(self, query: bytes) -> None:
        if self._is_preparing and query not in self._names:
            name = b"loop_%d" % len(self._names)
            await self._ask(lambda: self._pg.send_prepare(name, query))
            self._names[query] = name

    def _send(self, query: bytes, parameters: Parameters) -> None:
        if self._is_preparing:
            self._pg.send_query_prepared(self._names[query], parameters, result_format=BINARY)
        else:
            self._pg.send_query_params(query, parameters, result_format=BINARY)

    def _send_group(self, statements: Sequence[tuple[bytes, Parameters]]) -> None:
        for query, parameters in statements:
            self._send(query, parameters)
        self._pg.pipeline_sync()

    def _read_rows(self, result: pq.abc.PGresult) -> Rows:
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pg.finish()

    async def _ask(self, send: Callable[[], None]) -> pq.abc.PGresult:
        self._answer, self._result = self._loop.create_future(), None
        try:
            send()
            if self._pg.flush():
                self._loop.add_writer(self._socket, self._on_writable)
            result = await self._answer
        finally:
            self._answer = None
        if result.status in _DONE or result.status == pq.ExecStatus.PIPELINE_SYNC:
            return result
        error = psycopg.errors.error_from_result(result, ENCODING)
        if error.sqlstate in _BROKEN_PLANS:
            self.close()
        raise error

    def _on_writable(self) -> None:
        try:
            if self._pg.flush():
                return
        except psycopg.Error as error:
            self._fail(error)
        self._loop.remove_writer(self._socket)

    def _on_readable(self) -> None:
        try:
            self._pg.consume_input()
            if self._answer is None:
                # Nothing is due on an idle connection: what is readable there is its end
                self.close()
                return
            if self._group is not None:
                self._read_group(self._group)
                return
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    self._finish()
                    return
                self._result = result
        except psycopg.Error as error:
            self._fail(error)

    def _read_group(self, group: list[pq.abc.PGresult]) -> None:
        """Each statement ends with a None; two of them mean that nothing more comes."""
        was_end = False
        while not self._pg.is_busy():
            result = self._pg.get_result()
            if result is None:
                if was_end:
                    self._fail(psycopg.OperationalError("the connection ended without an answer"))
                    return
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                self._result = result
                self._finish()
                return
            else:
                group.append(result)
            was_end = result is None

    def _finish(self) -> None:
        if self._result is None:
            self._fail(psycopg.OperationalError("the connection ended without an answer"))
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(self._result)

    def _fail(self, error: psycopg.Error) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()


@lru_cache(maxsize=256)
def compile_statement(text: str) -> tuple[bytes, tuple[str, ...]]:
    """``… %(name)s …`` as the server reads it, ``… $1 …``, and the names by their numbers."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACE.sub(number, text).encode(), tuple(names)


def compile_values(text: str, values: Mapping[str, Any]) -> tuple[bytes, Parameters]:
    """A statement as the server reads it, and its values in the order of their numbers."""
    query, names = compile_statement(text)
    return query, [_dump(values[name]) for name in names]


_DUMPERS: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    UUID: lambda value: b"%032x" % value.int,
    datetime: lambda value: value.isoformat().encode(),
    date: lambda value: value.isoformat().encode(),
    int: lambda value: b"%d" % value,
    bool: lambda value: b"%d" % value,
}


def _dump(value: object) -> bytes | None:
    """A value as text of its type, which the statement says."""
    if value is None:
        return None
    dump = _DUMPERS.get(type(value))
    if dump is not None:
        return dump(value)
    for kind, dump in _DUMPERS.items():
        if isinstance(value, kind):
            return dump(value)
    raise TypeError(f"no parameter can be a {type(value).__name__}")
