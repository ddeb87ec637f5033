"""How deep the queues are and how old their oldest entries, for the operator area and for Prometheus.

Each count ends at ``CAP`` and is served by an index, so asking costs the same on a bad day.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from core.redis_client import get_redis

CAP = 10_000
LATE_SECONDS = 60.0  # an entry older than this is worth a look
_QUEUES = {
    "outbox_pending": (
        "Outbox, ready to go",
        "SELECT not_before AS at FROM messaging_outboxitem WHERE status = 'pending' AND not_before <= now()"
        " AND held_reason = '' ORDER BY id LIMIT %s",
    ),
    "outbox_claimed": (
        "Outbox, being sent",
        "SELECT claimed_at AS at FROM messaging_outboxitem WHERE status = 'claimed' LIMIT %s",
    ),
    "inbound_open": (
        "Received, not applied",
        "SELECT coalesce(not_before, received_at) AS at FROM messaging_inboundevent WHERE applied_at IS NULL"
        " AND (not_before IS NULL OR not_before <= now()) ORDER BY id LIMIT %s",
    ),
    "deliveries_due": (
        "Deliveries due",
        "SELECT next_attempt_at AS at FROM webhooks_app_delivery WHERE state IN ('pending', 'retrying')"
        " AND next_attempt_at <= now() LIMIT %s",
    ),
    "replays_running": (
        "Replays running",
        "SELECT created_at AS at FROM webhooks_app_replay WHERE state = 'running' LIMIT %s",
    ),
}
_BEHIND = (
    "SELECT to_timestamp(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) AS at"
    " FROM events_event WHERE (xid, id) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())"
    " ORDER BY xid, id LIMIT %s"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """``depth`` is exact below ``CAP``; ``oldest_seconds`` None = empty."""

    name: str
    label: str
    depth: int
    oldest_seconds: float | None

    @property
    def is_capped(self) -> bool:
        return self.depth >= CAP

    @property
    def is_late(self) -> bool:
        return self.name != "replays_running" and (self.oldest_seconds or 0) > LATE_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """``database_ms`` and ``redis_ms``: how long an answer took, None without one. ``tasks``: waiting Celery hints."""

    queues: list[Queue]
    database_ms: float
    database_version: str
    redis_ms: float | None
    redis_bytes: int | None
    tasks: dict[str, int] = field(default_factory=dict)


def read_installation() -> Installation:
    """Three queries, and three commands to Redis."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = str(cursor.fetchone()[0])
    database_ms = (time.perf_counter() - started) * 1000
    redis_ms, redis_bytes, tasks = _ask_redis()
    return Installation(
        queues=_list_queues(),
        database_ms=database_ms,
        database_version=version,
        redis_ms=redis_ms,
        redis_bytes=redis_bytes,
        tasks=tasks,
    )


def _list_queues() -> list[Queue]:
    """The queues, and of each consumer the events before it."""
    asked = [(name, label, query, [CAP]) for name, (label, query) in _QUEUES.items()] + _list_consumers()
    one = "SELECT count(*)::int, extract(epoch FROM now() - min(at))::float8 FROM ({}) AS entries"
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT {n}, q.* FROM ({one.format(part[2])}) AS q" for n, part in enumerate(asked))
            + " ORDER BY 1",
            [parameter for part in asked for parameter in part[3]],
        )
        found = cursor.fetchall()
    return [
        Queue(name=name, label=label, depth=depth, oldest_seconds=None if age is None else max(0.0, age))
        for (name, label, _, _), (_, depth, age) in zip(asked, found, strict=True)
    ]


def _list_consumers() -> list[tuple[str, str, str, list[Any]]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, xid, event_id FROM events_consumercursor")
        places = {name: (xid, event_id) for name, xid, event_id in cursor.fetchall()}
    nothing = (0, "00000000-0000-0000-0000-000000000000")
    return [
        (f"events_behind_{name}", f"Events before “{name}”", _BEHIND, [*places.get(name, nothing), CAP])
        for name in settings.EVENT_CONSUMERS
    ]


def _ask_redis() -> tuple[float | None, int | None, dict[str, int]]:
    client = get_redis()
    try:
        started = time.perf_counter()
        client.ping()
        took = (time.perf_counter() - started) * 1000
        memory: Any = client.info("memory")
        names = sorted(
            {settings.CELERY_TASK_DEFAULT_QUEUE, *(r["queue"] for r in settings.CELERY_TASK_ROUTES.values())}
        )
        return took, int(memory["used_memory"]), {name: int(client.llen(name)) for name in names}
    except redis.RedisError:
        return None, None, {}


def write_metrics() -> bytes:
    """The same in Prometheus' text format."""
    found = read_installation()
    registry = CollectorRegistry()
    depth = Gauge("messages_queue_depth", f"Entries waiting, counted up to {CAP}", ["queue"], registry=registry)
    oldest = Gauge("messages_queue_oldest_seconds", "Age of the oldest entry, 0 if none", ["queue"], registry=registry)
    for queue in found.queues:
        depth.labels(queue.name).set(queue.depth)
        oldest.labels(queue.name).set(queue.oldest_seconds or 0)
    Gauge("messages_database_seconds", "Time of one answer of PostgreSQL", registry=registry).set(
        found.database_ms / 1000
    )
    Gauge("messages_redis_up", "Whether Redis answers", registry=registry).set(found.redis_ms is not None)
    if found.redis_bytes is not None:
        Gauge("messages_redis_memory_bytes", "Memory in use by Redis", registry=registry).set(found.redis_bytes)
    tasks = Gauge("messages_task_hints", "Celery messages waiting", ["queue"], registry=registry)
    for name, count in found.tasks.items():
        tasks.labels(name).set(count)
    return generate_latest(registry)
