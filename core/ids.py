"""Public ids: a UUIDv7 primary key, shown as ``<prefix>_<32 hex digits>`` (spec api §1.1).

A UUIDv7 starts with its creation time in milliseconds, so keys sort by time, and a table that is partitioned by time
can be partitioned by its key alone: a look-up by id touches one partition.
"""

import os
import re
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

from core.clock import to_ms

LINE, CHAT, MESSAGE, REACTION, OUTBOX = "ln", "cht", "msg", "rxn", "obx"
WEBHOOK, TYPING, RECEIPT, FILE, DELIVERY = "wh", "ind", "rcp", "file", "dlv"
ORGANIZATION, EVENT, REPLAY, API_KEY, NODE, ATTEMPT = "org", "evt", "rpl", "key", "nod", "att"

_HEX32 = re.compile(r"[0-9a-f]{32}")
_lock = threading.Lock()
_last = 0


_pool = b""
_pool_place = 0
POOL_BYTES = 4096


def _random_bytes(count: int) -> bytes:
    """Bytes of the system's generator, many ids' worth at a time: a call into it gives other threads the turn."""
    global _pool, _pool_place
    with _lock:
        if _pool_place + count > len(_pool):
            _pool, _pool_place = os.urandom(POOL_BYTES), 0
        taken = _pool[_pool_place : _pool_place + count]
        _pool_place += count
    return taken


def _forget_pool() -> None:
    """A forked child must not hand out its parent's bytes."""
    global _pool, _pool_place, _lock
    _pool, _pool_place, _lock = b"", 0, threading.Lock()


os.register_at_fork(after_in_child=_forget_pool)


def uuid7() -> UUID:
    """A new UUIDv7; strictly increasing within one process."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 bits below them: the fraction of the millisecond, bumped when it would repeat
        ticks = time.time_ns() * 4096 // 1_000_000
        _last = ticks = max(ticks, _last + 1)
    random_bits = int.from_bytes(_random_bytes(8)) & 0x3FFF_FFFF_FFFF_FFFF
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0x2 << 62 | random_bits
    return UUID(int=value)


def uuid7_run(count: int) -> list[str]:
    """``count`` new UUIDv7 as 32 hex digits each, increasing: one and the numbers that follow it."""
    first = uuid7().int & ~(1 << 61)  # so that counting on never reaches the bits above the random ones
    return [f"{first + n:032x}" for n in range(count)]


def uuid7_at(moment: datetime) -> UUID:
    """A new UUIDv7 of a moment of the past, for what is written down later than it happened."""
    random_bits = int.from_bytes(_random_bytes(10)) & (1 << 74) - 1
    low = (random_bits >> 62) << 64 | 0x2 << 62 | random_bits & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=to_ms(moment) << 80 | 0x7 << 76 | low)


def uuid7_floor(moment: datetime) -> UUID:
    """The smallest UUIDv7 of the millisecond of ``moment``: a bound for time ranges and partitions."""
    return UUID(int=to_ms(moment) << 80)


def time_of(value: UUID) -> datetime:
    """The creation time in a UUIDv7, to the millisecond, UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, tz=UTC)


def public_id(prefix: str, value: UUID) -> str:
    """``public_id("msg", u)`` -> ``"msg_0193…"``."""
    return f"{prefix}_{value.hex}"


def parse_id(prefix: str, text: str) -> UUID | None:
    """The key behind a public id, or None if ``text`` has another prefix or is malformed."""
    head, _, tail = text.partition("_")
    if head != prefix or not _HEX32.fullmatch(tail):
        return None
    return UUID(hex=tail)


def has_prefix(prefix: str, text: str) -> bool:
    """Whether the text claims to be an id of this kind, well-formed or not."""
    return text.startswith(prefix + "_")


def new_request_id() -> str:
    """``req_`` and 12 hex digits (spec api §1)."""
    return "req_" + _random_bytes(6).hex()
