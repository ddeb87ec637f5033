"""Pages of a long chat and of a line with many chats: the first one, and one ten thousand pages down."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bench.product import Web, drive
from bench.world import World, add_messages, analyze, handle_of, loading
from core.cursors import encode_cursor

_REQUEST = """
local head = { ["Authorization"] = "Bearer TOKEN" }
function request() return wrk.format("GET", PATH, head) end
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEEP_PAGE = 10_000
LIMIT = 50


def measure_messages(web: Web, world: World, report: Any, *, seconds: float, messages: int) -> None:
    from messaging.models import Chat, Message

    chat = Chat.objects.get(line=world.line, identifier=handle_of(1))
    began = time.perf_counter()
    with loading("messaging_message"):
        add_messages(world, messages, chat_id=chat.id)
    analyze()
    report.note(f"Loading {messages:,} messages", f"{time.perf_counter() - began:.0f} s")
    # A smaller chat has fewer pages: then the one nine tenths down
    skipped = min(DEEP_PAGE * LIMIT, messages * 9 // 10)
    deep = Message.objects.filter(chat=chat).order_by("-sent_at", "-id")[skipped]
    query = {"from": world.line.handle, "to": chat.identifier, "limit": LIMIT}
    _compare(web, world, report, "/v1/messages", query, _cursor(deep.sent_at, deep.id.hex), seconds)


def measure_chats(web: Web, world: World, report: Any, *, seconds: float, chats: int) -> None:
    from messaging.models import Chat

    deep = Chat.objects.filter(line=world.line).order_by("-last_message_at", "-id")[chats * 9 // 10]
    query = {"from": world.line.handle, "limit": LIMIT}
    assert deep.last_message_at is not None
    _compare(web, world, report, "/v1/chats", query, _cursor(deep.last_message_at, deep.id.hex), seconds)


def _cursor(moment: Any, key: str) -> str:
    return encode_cursor((moment - EPOCH) // timedelta(microseconds=1), key)


def _compare(
    web: Web, world: World, report: Any, path: str, query: dict[str, Any], cursor: str, seconds: float
) -> None:
    rates = []
    for name, extra in (("first", {}), ("deep", {"cursor": cursor})):
        target = f"{path}?{urlencode({**query, **extra})}"
        script = _REQUEST.replace("TOKEN", world.token).replace("PATH", json.dumps(target))
        traffic = drive(web, script, seconds=seconds)
        if traffic.refused:
            raise SystemExit(f"{traffic.refused} requests for {target} were refused.")
        report.note(f"GET {path}, {name} page", str(traffic))
        report.note(f"CPU of one GET {path}, {name} page", traffic.cpu)
        rates.append(traffic.per_second)
    report.note(f"GET {path}, deep against first", f"{rates[1] / rates[0]:.0%}")
