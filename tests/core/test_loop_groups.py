"""Statements of the event loop that leave together, on a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from django.db import DataError, connection

from core.loop_database import LoopDatabase
from core.loop_groups import LoopGroups

pytestmark = pytest.mark.django_db(transaction=True)
TRANSACTION = "SELECT pg_current_xact_id()::text, %(n)s::int"
DIVISION = "SELECT pg_current_xact_id()::text, 12 / %(n)s::int"


def run(work: Callable[[LoopGroups, LoopDatabase], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        database = LoopDatabase()
        try:
            return await work(LoopGroups(database), database)
        finally:
            database.close()

    return asyncio.run(go())


def test_statements_of_one_moment_share_a_transaction_and_each_gets_its_own_rows() -> None:
    async def work(groups: LoopGroups, _: LoopDatabase) -> Any:
        return await asyncio.gather(*(groups.fetch(TRANSACTION, {"n": n}) for n in range(40)))

    answers = run(work)
    assert [rows[0][1] for rows in answers] == list(range(40))
    assert len({rows[0][0] for rows in answers}) < 10


def test_a_mistake_is_the_error_of_its_own_statement_only() -> None:
    async def work(groups: LoopGroups, _: LoopDatabase) -> Any:
        asked = [groups.fetch(DIVISION, {"n": n}) for n in (1, 2, 0, 3, 4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = run(work)
    assert isinstance(answers[2], DataError)
    assert [rows[0][1] for n, rows in enumerate(answers) if n != 2] == [12, 6, 4, 3]


def test_who_leaves_does_not_take_the_others_along() -> None:
    async def work(groups: LoopGroups, database: LoopDatabase) -> Any:
        asked = [asyncio.ensure_future(groups.fetch(TRANSACTION, {"n": n})) for n in range(6)]
        await asyncio.sleep(0)
        asked[3].cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return answers, await database.fetch(TRANSACTION, {"n": 7})

    answers, later = run(work)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert [rows[0][1] for n, rows in enumerate(answers) if n != 3] == [0, 1, 2, 4, 5]
    assert later[0][1] == 7


def test_a_connection_that_ends_is_an_error_for_all_of_its_group_and_the_next_one_works() -> None:
    async def work(groups: LoopGroups, database: LoopDatabase) -> Any:
        slow = "SELECT pg_sleep(%(n)s::float8)::text"
        asked = [asyncio.ensure_future(groups.fetch(slow, {"n": 5})) for _ in range(4)]
        while not (rows := await database.fetch(BUSY, {"like": "%pg_sleep(%"})):
            await asyncio.sleep(0.01)
        for (pid,) in rows:
            await database.fetch("SELECT pg_terminate_backend(%(pid)s::int)", {"pid": pid})
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return answers, await groups.fetch(TRANSACTION, {"n": 1})

    answers, later = run(work)
    assert all(isinstance(answer, Exception) for answer in answers)
    assert later[0][1] == 1


BUSY = "SELECT pid FROM pg_stat_activity WHERE query LIKE %(like)s AND state = 'active' AND pid <> pg_backend_pid()"


def test_whoever_asks_again_while_all_groups_are_ending_is_answered() -> None:
    """The loop is held up until two groups have their answers, so that both end in one turn of it."""

    async def work(groups: LoopGroups, database: LoopDatabase) -> Any:
        async def ask_twice() -> Any:
            await groups.fetch(TRANSACTION, {"n": 1})
            return await groups.fetch(TRANSACTION, {"n": 2})

        # Two connections are open and know the statement
        await asyncio.gather(*(database.fetch(TRANSACTION, {"n": 0}) for _ in range(2)))
        first = asyncio.ensure_future(ask_twice())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = asyncio.ensure_future(groups.fetch(TRANSACTION, {"n": 3}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_sleep(0.1)")
        return await asyncio.wait_for(asyncio.gather(first, second), 10)

    assert [rows[0][1] for rows in run(work)] == [2, 3]
