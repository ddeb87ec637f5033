"""The way of a request through the event loop, as Granian hands it over."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, connections

import core.loop_database
import core.loop_stores
from api import front, limits
from api.front import answer_scope
from config.bodies import take_body
from core.ids import uuid7
from core.loop_stores import close_stores, get_stores
from core.redis_client import get_redis
from core.steps import ScriptCall, Statement
from messaging.models import Chat, Message, OutboxItem

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chat(line: Any) -> Chat:
    return Chat.objects.create(
        organization_id=line.organization_id, line=line, key="d:+15550100144", identifier="+15550100144",
        participants=["+15550100144"], has_received_inbound=True,
    )  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every step that the event loop answers by itself."""
    steps: list[Any] = []
    answer = core.loop_stores.LoopStores.answer

    async def note(self: Any, step: Any) -> Any:
        steps.append(step)
        return await answer(self, step)

    monkeypatch.setattr(core.loop_stores.LoopStores, "answer", note)
    return steps


async def _request(method: str, path: str, token: str, body: Any = None, headers: Any = ()) -> tuple[int, Any]:
    raw = b"" if body is None else json.dumps(body).encode()
    scope = {
        "type": "http", "method": method, "path": path.partition("?")[0],
        "query_string": path.partition("?")[2].encode(), "http_version": "1.1",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [
            (b"authorization", b"Bearer " + token.encode()), (b"content-type", b"application/json"),
            (b"content-length", str(len(raw)).encode()), *headers,
        ],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    body_taken = await take_body(scope, receive, 100_000)
    assert body_taken is not None
    await answer_scope(scope, body_taken, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a scenario in an event loop of its own, with one thread for what may block."""
    pool = ThreadPoolExecutor(1)
    monkeypatch.setattr(front, "_pool", pool)

    def go(scenario: Any) -> Any:
        async def whole() -> Any:
            try:
                return await scenario()
            finally:
                close_stores()

        return asyncio.run(whole())

    yield go
    pool.submit(connections.close_all).result()
    pool.shutdown()


def _message(chat: Chat, **extra: Any) -> dict[str, Any]:
    return {"from": chat.line.handle, "to": chat.identifier, "text": "Füße 👣 für zwei", **extra}


def test_a_send_costs_one_script_and_one_statement_and_no_thread(run, api, chat, asked):
    async def scenario():
        await _request("POST", "/v1/messages", api.token, _message(chat))
        asked.clear()
        return await _request("POST", "/v1/messages", api.token, _message(chat))

    status, body = run(scenario)
    assert status == 201
    assert [type(step) for step in asked] == [ScriptCall, Statement]
    item = OutboxItem.objects.order_by("-id")[0]
    assert body["id"] == item.public_id
    assert item.content == {"text": "Füße 👣 für zwei"}
    assert item.chat_id == chat.id
    assert item.held_reason == ""


def test_errors_are_those_of_the_other_way(run, api, chat):
    bodies = [
        _message(chat, **{"from": "+15559999999"}),
        _message(chat, to="+15559999999"),
        _message(chat, text=None),
        {"to": "+15550100144", "text": "x"},
        _message(chat, text="x" * 20_001),
    ]

    async def scenario():
        return [await _request("POST", "/v1/messages", api.token, body) for body in bodies]

    here = run(scenario)
    for body, (status, answer) in zip(bodies, here, strict=True):
        there = api.post("/v1/messages", body)
        assert (status, answer["error"]) == (there.status, there.body["error"])


def test_what_may_block_ends_in_a_thread(run, api, chat):
    async def scenario():
        me = await _request("GET", "/v1/me", api.token)
        headers = [(b"idempotency-key", b"once")]
        sends = [await _request("POST", "/v1/messages", api.token, _message(chat), headers) for _ in range(2)]
        return me, sends

    me, (first, second) = run(scenario)
    assert me[0] == 200
    assert first == second
    assert OutboxItem.objects.count() == 1


def test_many_at_once_each_get_their_own_answer(run, api, chat):
    async def scenario():
        return await asyncio.gather(
            *(_request("POST", "/v1/messages", api.token, _message(chat, text=f"number {n}")) for n in range(60))
        )

    answers = run(scenario)
    assert {status for status, _ in answers} == {201}
    texts = {item.public_id: item.content["text"] for item in OutboxItem.objects.all()}
    assert [texts[body["id"]] for _, body in answers] == [f"number {n}" for n in range(60)]


def test_who_waited_longest_for_a_connection_is_served_first(run, db, monkeypatch):
    monkeypatch.setattr(core.loop_database, "MAX_CONNECTIONS", 1)
    served: list[int] = []

    async def ask(place: int) -> None:
        for _ in range(3):
            await get_stores().answer(Statement("SELECT %(place)s::int", {"place": place}))
            served.append(place)

    async def scenario():
        await ask(0)
        served.clear()
        await asyncio.gather(*(ask(place) for place in range(4)))

    run(scenario)
    assert served == [0, 1, 2, 3] * 3


def test_who_gives_up_waiting_leaves_the_connection_to_the_next(run, db, monkeypatch):
    monkeypatch.setattr(core.loop_database, "MAX_CONNECTIONS", 1)
    step = Statement("SELECT 7", {})

    async def scenario():
        first, second, third = (asyncio.ensure_future(get_stores().answer(step)) for _ in range(3))
        first.add_done_callback(lambda _: second.cancel())
        row = await asyncio.wait_for(third, 10)
        return row, (await asyncio.gather(first, second, return_exceptions=True))[1]

    row, given_up = run(scenario)
    assert tuple(row) == (7,)
    assert isinstance(given_up, asyncio.CancelledError)


def test_connections_that_the_server_closed_are_replaced(run, api, chat):
    async def scenario():
        assert (await _request("POST", "/v1/messages", api.token, _message(chat)))[0] == 201
        await asyncio.to_thread(_end_connections, get_stores().backend_pids())
        return await _request("POST", "/v1/messages", api.token, _message(chat))

    assert run(scenario)[0] == 201


def _end_connections(pids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [pids])
    connection.close()


def test_a_database_that_is_away_is_said_in_the_envelope(run, api, chat, monkeypatch):
    async def scenario():
        assert (await _request("POST", "/v1/messages", api.token, _message(chat)))[0] == 201
        get_stores().close()
        monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
        return await _request("POST", "/v1/messages", api.token, _message(chat))

    status, body = run(scenario)
    assert (status, body["error"]["code"]) == (503, "service_unavailable")


def test_a_redis_that_forgot_the_script_is_told_it_again(run, api, chat):
    async def scenario():
        await _request("POST", "/v1/messages", api.token, _message(chat))
        get_redis().script_flush()
        return await _request("POST", "/v1/messages", api.token, _message(chat))

    assert run(scenario)[0] == 201


def test_without_redis_sends_are_answered_and_counted_here(run, api, chat, settings, monkeypatch, caplog):
    monkeypatch.setattr(limits, "_store", None)

    async def scenario():
        await _request("POST", "/v1/messages", api.token, _message(chat))
        get_stores().close()
        close_stores()
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        return [await _request("POST", "/v1/messages", api.token, _message(chat)) for _ in range(2)]

    assert [status for status, _ in run(scenario)] == [201, 201]
    assert "Redis is away" in caplog.text
    monkeypatch.setattr(limits, "_store", None)


def test_lists_are_those_of_the_other_way(run, api, chat):
    Message.objects.bulk_create(
        Message(
            organization_id=chat.organization_id, line_id=chat.line_id, chat=chat, guid=f"guid-{n}", sender="Ünal",
            text=None if n == 1 else f"\ufffcnumber {n}", service="iMessage", is_from_me=n == 2,
            sent_at=START + timedelta(milliseconds=n // 2, microseconds=499), synced_at=START,
            outbox_id=uuid7() if n == 2 else None,
        )
        for n in range(7)
    )  # fmt: skip
    Chat.objects.filter(id=chat.id).update(last_message_at=START)
    silent = {"organization_id": chat.organization_id, "line": chat.line}
    Chat.objects.create(**silent, key="d:+15550100145", identifier="+15550100145", participants=["+15550100145"])
    for path in ("messages", "chats"):
        query = {"from": chat.line.handle, "limit": 3 if path == "messages" else 1}
        if path == "messages":
            query["to"] = chat.identifier
        seen = 0
        while query.get("cursor", "") is not None:
            target = f"/v1/{path}?{urlencode(query)}"
            status, here = run(lambda target=target: _request("GET", target, api.token))
            there = api.get(target)
            assert (status, here["data"]) == (there.status, there.body["data"])
            assert here["next_cursor"] == there.body["next_cursor"]
            seen += len(here["data"])
            query["cursor"] = here["next_cursor"]
        assert seen == (7 if path == "messages" else 2)
