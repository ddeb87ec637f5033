"""Statements that come while others are under way leave together: one round trip and one commit for all of them.

Under load a commit and the switches around it cost PostgreSQL and the loop more than a small insert itself. A statement
that comes alone leaves at once, so a quiet server is as fast as before.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.loop_database import LoopDatabase, compile_values

FLIGHTS = 2  # groups on their way at once: one is being worked on while the next is read or written
MOST = 16  # statements of a group


@dataclass(frozen=True, slots=True)
class _Waiting:
    query: bytes
    parameters: list[bytes | None]
    answer: "asyncio.Future[list[tuple[Any, ...]]]"


class LoopGroups:
    """Groups over the connections of a ``LoopDatabase``. For statements that take no lock another of them waits for."""

    def __init__(self, database: LoopDatabase) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._under_way = 0
        self._flights: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive

    async def fetch(self, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement. Errors are its own: a group with a mistake in it is done again one by one."""
        loop = asyncio.get_running_loop()
        one = _Waiting(*compile_values(text, values), loop.create_future())
        self._waiting.append(one)
        if self._under_way < FLIGHTS:
            self._under_way += 1
            flight = loop.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        return await one.answer

    async def _fly(self) -> None:
        try:
            await self._empty()
        finally:
            # In the step that found nothing waiting: whoever comes next must not count on a flight that has ended
            self._under_way -= 1

    async def _empty(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            group = [one for one in group if not one.answer.done()]
            results = await self._try_together(group) if len(group) > 1 else None
            if results is None:
                for one in group:
                    await self._do_alone(one)
            else:
                for one, rows in zip(group, results, strict=True):
                    if not one.answer.done():
                        one.answer.set_result(rows)

    async def _try_together(self, group: list[_Waiting]) -> list[list[tuple[Any, ...]]] | None:
        """The rows of each, or None if nothing was written because one of them has a mistake. If the connection is
        lost nobody knows whether it was: that is an error for each of them."""
        try:
            return await self._database.fetch_group([(one.query, one.parameters) for one in group])
        except Exception as error:  # noqa: BLE001 it belongs to whoever waits for an answer
            for one in group:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return [[] for _ in group]

    async def _do_alone(self, one: _Waiting) -> None:
        try:
            rows = await self._database.fetch_one(one.query, one.parameters)
        except Exception as error:  # noqa: BLE001 it belongs to whoever waits for an answer
            if not one.answer.done():
                one.answer.set_exception(error)
        else:
            if not one.answer.done():
                one.answer.set_result(rows)
