"""GET /v1/events as a stream (spec webhooks §9), driven as the ASGI server drives it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from api import event_tail
from api.event_tail import Tail
from api.v1 import events_stream
from core.clock import now, to_ms
from core.ids import uuid7
from events.services import NewEvent, append_events
from lines.models import Line

pytestmark = pytest.mark.django_db(transaction=True)


class Reader:
    """One open stream: collects what the application sends, as parsed items."""

    def __init__(self, token: str | None, query: str = "", last_id: str | None = None) -> None:
        headers = [(b"accept", b"text/event-stream")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if last_id:
            headers.append((b"last-event-id", last_id.encode()))
        self.scope = {
            "type": "http", "method": "GET", "path": "/v1/events", "query_string": query.encode(),
            "headers": headers, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self.status: int | None = None
        self.raw = b""
        self.is_slow = asyncio.Event()
        self.is_slow.set()
        self._left = asyncio.Event()
        self.task = asyncio.ensure_future(events_stream.app(self.scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.is_slow.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.raw += message["body"]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [json.loads(line[6:]) for line in self.raw.decode().split("\n") if line.startswith("data: ")]

    @property
    def ids(self) -> list[str]:
        return [line[4:] for line in self.raw.decode().split("\n") if line.startswith("id: ")]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self.task, 5)


@pytest.fixture
def run(monkeypatch):
    """Runs a coroutine function with a tail of its own, and leaves no connection behind."""

    def go(scenario):
        async def whole():
            tail = Tail()
            monkeypatch.setattr(events_stream, "tail", tail)
            try:
                await scenario()
            finally:
                await tail.stop()
                await sync_to_async(connections.close_all)()

        asyncio.run(whole())

    return go


def write(organization_id, line_id, n=1, kind="message.received", text="hi"):
    append_events(
        [
            NewEvent(
                organization_id=organization_id, line_id=line_id, type=kind,
                data=json.dumps({"id": f"msg_{uuid7().hex}", "text": f"{text} {i}"}),
            )
            for i in range(n)
        ]
    )  # fmt: skip


awrite = sync_to_async(write)


def test_what_is_recent_comes_first_and_then_what_happens(run, api, line):
    write(line.organization_id, line.id, 2, text="before")

    async def scenario():
        reader = Reader(api.token)
        await reader.until(lambda: len(reader.items) == 2)
        assert reader.status == 200
        assert reader.headers[b"content-type"].startswith(b"text/event-stream")
        await awrite(line.organization_id, line.id, text="after")
        await reader.until(lambda: len(reader.items) == 3)
        assert [item["data"]["text"] for item in reader.items] == ["before 0", "before 1", "after 0"]
        assert set(reader.items[0]) == {"event", "timestamp", "data"}
        assert abs(reader.items[2]["timestamp"] - to_ms(now())) < 10_000
        await reader.leave()

    run(scenario)


def test_resuming_is_exact_wherever_it_was_cut(run, api, line):
    async def scenario():
        first = Reader(api.token)
        await first.until(lambda: first.status == 200)
        for n in range(30):
            await awrite(line.organization_id, line.id, text=str(n))
        await first.until(lambda: len(first.ids) == 30)
        await first.leave()
        for cut in (0, 7, 28):
            again = Reader(api.token, last_id=first.ids[cut])
            await again.until(lambda cut=cut, again=again: len(again.ids) >= 29 - cut)
            await awrite(line.organization_id, line.id, text="live")
            await again.until(lambda cut=cut, again=again: again.items[-1]["data"]["text"] == "live 0")
            assert again.ids[: 29 - cut] == first.ids[cut + 1 :]
            assert len(set(again.ids)) == len(again.ids)
            await again.leave()

    run(scenario)


def test_a_listener_who_joins_in_mid_traffic_gets_each_event_once(run, api, line):
    write(line.organization_id, line.id, 700, text="old")

    async def scenario():
        first = Reader(api.token)
        writing = asyncio.gather(*(awrite(line.organization_id, line.id, 5) for _ in range(40)))
        second = Reader(api.token)
        await writing
        for reader in (first, second):
            await reader.until(lambda reader=reader: len(reader.ids) >= 900)
            assert len(set(reader.ids)) == len(reader.ids) == 900
        await first.leave()
        await second.leave()

    run(scenario)


def test_events_and_lines_can_be_chosen(run, api, line, lumen):
    second = Line.objects.create(organization=lumen, handle="+15550100077")

    async def scenario():
        reactions = Reader(api.token, "event=reaction.added&event=reaction.removed")
        one_line = Reader(api.token, f"line=%2B15550100077&line={second.public_id}")
        await awrite(lumen.id, line.id, kind="message.received")
        await awrite(lumen.id, line.id, kind="outbox.updated")
        await awrite(lumen.id, line.id, kind="reaction.added")
        await awrite(lumen.id, second.id, kind="message.sent")
        await reactions.until(lambda: len(reactions.items) == 1)
        await one_line.until(lambda: len(one_line.items) == 1)
        assert reactions.items[0]["event"] == "reaction.added"
        assert one_line.items[0]["event"] == "message.sent"
        await reactions.leave()
        await one_line.leave()

    run(scenario)


def test_nobody_hears_another_organization_or_a_line_out_of_reach(run, api, stranger, line, lumen, other, make_key):
    sandbox = Line.objects.create(handle="+15550100001", is_sandbox=True)
    second = Line.objects.create(organization=lumen, handle="+15550100077")
    _, restricted = make_key(lumen, line_ids=[second.id])

    async def scenario():
        theirs, bound = Reader(stranger.token), Reader(restricted)
        await awrite(lumen.id, line.id)
        await awrite(lumen.id, sandbox.id, text="mine")
        await awrite(other.id, sandbox.id, text="theirs")
        await theirs.until(lambda: len(theirs.items) == 1)
        await bound.until(lambda: len(bound.items) == 1)
        assert theirs.items[0]["data"]["text"] == "theirs 0"
        assert bound.items[0]["data"]["text"] == "mine 0"
        await theirs.leave()
        await bound.leave()

    run(scenario)


def test_a_scope_opens_its_own_events_only(run, lumen, line, make_key):
    _, reactions_only = make_key(lumen, scopes=["reactions:read"])
    _, nothing = make_key(lumen, scopes=["lines:read"])
    _, messages_only = make_key(lumen, scopes=["messages:read"])

    async def scenario():
        reader = Reader(reactions_only)
        await awrite(lumen.id, line.id, kind="message.received")
        await awrite(lumen.id, line.id, kind="reaction.added")
        await reader.until(lambda: len(reader.items) == 1)
        assert reader.items[0]["event"] == "reaction.added"
        await reader.leave()
        for token, query in ((nothing, ""), (messages_only, "event=reaction.added")):
            refused = Reader(token, query)
            await asyncio.wait_for(refused.task, 5)
            assert (refused.status, json.loads(refused.raw)["error"]["code"]) == (403, "insufficient_scope")

    run(scenario)


@pytest.mark.parametrize(
    ("query", "last_id", "status", "code"),
    [
        ("event=message.failed", None, 400, "invalid_parameter_value"),
        ("since=x", None, 400, "invalid_parameter_value"),
        ("since=99999999999999999", None, 400, "invalid_parameter_value"), ("line=nobody", None, 404, "line_not_found"),
        ("", "nonsense", 400, "invalid_parameter_value"), ("event=%ff", None, 400, "invalid_parameter_value"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_the_envelope(run, api, query, last_id, status, code):
    async def scenario():
        reader = Reader(api.token, query, last_id)
        await asyncio.wait_for(reader.task, 5)
        assert (reader.status, json.loads(reader.raw)["error"]["code"]) == (status, code)

    run(scenario)


def test_a_key_is_needed_and_a_revoked_one_is_cut_off(run, api, key, monkeypatch):
    monkeypatch.setattr(event_tail, "CHECK_KEYS_SECONDS", 0.05)

    async def scenario():
        refused = Reader(None)
        await asyncio.wait_for(refused.task, 5)
        assert refused.status == 401
        reader = Reader(api.token)
        await reader.until(lambda: reader.status == 200)
        key.revoked_at = now()
        await sync_to_async(key.save)()
        await asyncio.wait_for(reader.task, 5)

    run(scenario)


def test_a_quiet_stream_shows_that_it_lives(run, api, monkeypatch):
    monkeypatch.setattr(events_stream, "HEARTBEAT_SECONDS", 0.05)

    async def scenario():
        reader = Reader(api.token)
        await reader.until(lambda: b": still here" in reader.raw)
        assert (reader.status, reader.ids) == (200, [])
        await reader.leave()

    run(scenario)


def test_a_slow_reader_is_disconnected_and_can_resume(run, api, line, monkeypatch):
    monkeypatch.setattr(event_tail, "MAX_WAITING_BYTES", 2000)

    async def scenario():
        reader = Reader(api.token)
        await reader.until(lambda: reader.status == 200)
        await awrite(line.organization_id, line.id)
        await reader.until(lambda: len(reader.ids) == 1)
        reader.is_slow.clear()
        for _ in range(20):
            await awrite(line.organization_id, line.id, 5)
        listeners = events_stream.tail._listeners[line.organization_id]
        await reader.until(lambda: all(listener.is_closed for listener in listeners))
        reader.is_slow.set()
        await asyncio.wait_for(reader.task, 5)
        again = Reader(api.token, last_id=reader.ids[-1])
        await again.until(lambda: len(reader.ids) + len(again.ids) == 101)
        assert len({*reader.ids, *again.ids}) == 101
        await again.leave()

    run(scenario)
