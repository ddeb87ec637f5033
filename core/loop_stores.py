"""Answers the steps of ``core.steps`` in the event loop, with connections of that loop."""

import asyncio
from typing import Any

from django.conf import settings

from core.loop_database import LoopDatabase
from core.loop_groups import LoopGroups
from core.loop_redis import LoopRedis
from core.steps import ScriptCall, Statement, Step


class LoopStores:
    """The stores of one event loop."""

    def __init__(self) -> None:
        self._database = LoopDatabase()
        self._groups = LoopGroups(self._database)
        self._redis = LoopRedis(settings.REDIS_URL)

    def is_able(self, step: Step) -> bool:
        """Whether the step can be answered here; what cannot needs a thread."""
        return type(step) is Statement or (type(step) is ScriptCall and self._redis.is_able)

    async def answer(self, step: Step) -> Any:
        if isinstance(step, Statement):
            source = self._groups if step.is_grouped else self._database
            rows = await source.fetch(step.text, step.values)
            return rows if step.is_many else rows[0] if rows else None
        assert isinstance(step, ScriptCall)
        return await self._redis.run(step.script, step.keys, step.args)

    def backend_pids(self) -> list[int]:
        """PostgreSQL's processes behind the connections that wait for work."""
        return self._database.backend_pids()

    def close(self) -> None:
        self._database.close()
        self._redis.close()


_current: tuple[asyncio.AbstractEventLoop, LoopStores] | None = None


def get_stores() -> LoopStores:
    """Those of the running loop. A process that serves has one loop; a test may have several, one after the other."""
    global _current
    loop = asyncio.get_running_loop()
    if _current is None or _current[0] is not loop:
        _current = (loop, LoopStores())
    return _current[1]


def close_stores() -> None:
    """Closes those of the running loop, as when the process ends."""
    global _current
    if _current is not None:
        if _current[0] is asyncio.get_running_loop():
            _current[1].close()
        _current = None
