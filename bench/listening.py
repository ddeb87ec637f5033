"""Open ``/v1/events`` streams and how long an event takes to reach them.

A hundred lines, each heard by a hundredth of the listeners: a hundred events a second are stored as the product stores
them, each on one line, and each listener notes when it reads one. All clocks are this machine's.
"""

import asyncio
import threading
import time
from typing import Any
from urllib.parse import urlencode

from bench.product import Web
from bench.world import UNCOUNTED, World

LINES = 100
EVENTS_PER_SECOND = 100
OPEN_AT_ONCE = 32
MARK = b'"bench_at":'


def measure_events(web: Web, world: World, report: Any, *, seconds: float, listeners: int) -> None:
    token, lines = _prepare(world)
    before = web.memory_mb()
    delays, delivered, opened = asyncio.run(_listen(web, world, token, lines, listeners, seconds))
    after = web.memory_mb()
    found = sorted(delays)
    if not found:
        raise SystemExit("No event reached a listener.")
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    memory = f"{', '.join(f'{size:.0f}' for size in after)} MB (before {', '.join(f'{size:.0f}' for size in before)})"
    report.note("Listeners open", f"{opened:,} of {listeners:,}")
    report.note("Event to listener", f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, {len(found):,} of {delivered:,} received")
    report.note("Memory of the web processes", memory)


def _prepare(world: World) -> tuple[str, list[Any]]:
    from accounts.models import ApiKey
    from accounts.scopes import SCOPES
    from accounts.tokens import hash_token, new_token, visible_prefix
    from lines.models import Line

    token = new_token()
    ApiKey.objects.create(
        organization=world.organization, token_hash=hash_token(token), prefix=visible_prefix(token), name="listeners",
        scopes=list(SCOPES), requests_per_hour=UNCOUNTED,
    )  # fmt: skip
    lines = [Line(organization=world.organization, handle=f"+1555030{n:04}") for n in range(LINES)]
    return token, Line.objects.bulk_create(lines)


async def _listen(
    web: Web, world: World, token: str, lines: list[Any], listeners: int, seconds: float
) -> tuple[list[float], int, int]:
    delays: list[float] = []
    gate = asyncio.Semaphore(OPEN_AT_ONCE)
    opened: list[asyncio.StreamWriter] = []
    readers = [
        asyncio.create_task(_read(web, token, lines[n % len(lines)].public_id, gate, opened, delays))
        for n in range(listeners)
    ]
    until = time.monotonic() + 120
    while len(opened) < listeners and time.monotonic() < until:
        await asyncio.sleep(0.1)
    await asyncio.to_thread(
        _store_events, world, lines, 0.3, '"warm_at":'
    )  # what storing loads and connects the first time
    await asyncio.sleep(1.5)
    stored = await asyncio.to_thread(_store_events, world, lines, seconds)
    await asyncio.sleep(1.5)
    for task in readers:
        task.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    return delays, stored * listeners // len(lines), len(opened)


async def _read(
    web: Web, token: str, line: str, gate: asyncio.Semaphore, opened: list[Any], delays: list[float]
) -> None:
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        target = f"/v1/events?{urlencode({'line': line})}"
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
            "Accept: text/event-stream\r\n\r\n".encode()
        )
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"a stream was refused: {status!r}")
        opened.append(writer)
    try:
        while chunk := await reader.read(65536):
            moment = time.time()
            parts = chunk.split(MARK)[1:]
            delays.extend((moment - float(part[:17])) * 1000 for part in parts)
    finally:
        writer.close()


def _store_events(world: World, lines: list[Any], seconds: float, mark: str = MARK.decode()) -> int:
    """A steady stream of events, each in a transaction of its own; without a mark they are not counted."""
    from django.db import connection, transaction

    from events.services import NewEvent, append_events

    begin, count = time.perf_counter(), int(seconds * EVENTS_PER_SECOND)
    pause = threading.Event()
    for number in range(count):
        pause.wait(max(0.0, begin + number / EVENTS_PER_SECOND - time.perf_counter()))
        data = f'{{"text":"Running late by ten minutes",{mark}{time.time():017.6f}}}'
        with transaction.atomic():
            append_events([
                NewEvent(organization_id=world.organization.id, line_id=lines[number % len(lines)].id,
                         type="message.received", data=data)
            ])  # fmt: skip
    connection.close()
    return count
