"""From events to deliveries: reads the log as the consumer ``webhooks``, each event exactly once.

What the calling engine has room for it takes in hand without a row: the transaction that moves the cursor writes one
``EngineBatch`` for the whole run of events, and the row of a delivery is written once, with its first outcome. What
nobody has room for is written down at once. If the engine dies, ``recover_batches`` writes what its batches lack;
a delivery's key follows from the event and the endpoint, so nothing can be owed twice.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction

from core.clock import now
from core.ids import uuid7, uuid7_floor
from events.consumers import consume_texts
from events.services import Cursor, EventText, read_event_texts
from events.types import PUBLIC_EVENTS
from webhooks_app.models import Endpoint
from webhooks_app.services.jobs import Batch, Job, lease_seconds, owner_columns
from webhooks_app.services.rows import NULL, copy_deliveries, held_line, last_bits, mix_key, owed_line

CONSUMER = "webhooks"
BATCH = 1000
RECOVERED_AT_ONCE = 20
_TAKE = """
INSERT INTO webhooks_app_enginebatch (id, first_xid, first_id, last_xid, last_id, lease_until)
VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))
"""
_ABANDONED = """
DELETE FROM webhooks_app_enginebatch WHERE id = (
    SELECT id FROM webhooks_app_enginebatch WHERE lease_until < now() ORDER BY lease_until LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING first_xid, first_id, last_xid, last_id
"""
_FILL = """
INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id,
    state, next_attempt_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[],
    %s::text[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class FanOut:
    """What one batch made. ``waiting`` are endpoints with due deliveries that nobody has claimed; ``deliveries``
    counts the rows written."""

    events: int = 0
    deliveries: int = 0
    jobs: list[Job] = field(default_factory=list)
    batch: Batch | None = None
    waiting: set[UUID] = field(default_factory=set)
    is_busy: bool = False


@dataclass(slots=True, eq=False)
class _Subscriber:
    """``room``: how many more deliveries the calling engine takes in hand."""

    id: UUID
    organization_id: UUID
    events: frozenset[str]
    line_ids: frozenset[str] | None
    is_active: bool
    since: str  # the least id of an event that it gets: none from before it was made
    owner: str
    bits: int
    room: int

    def takes(self, event: EventText) -> bool:
        return event.type in self.events and (self.line_ids is None or event.line_id in self.line_ids)


def fan_out_batch(*, rooms: Mapping[UUID, int] | None = None, batch: int = BATCH) -> FanOut:
    """One batch. ``rooms`` says how many deliveries of an endpoint the caller takes in hand. ``is_busy`` if another
    engine is at it."""
    found = FanOut()

    def handle(events: Sequence[EventText]) -> None:
        _share_out(events, found, rooms or {})

    count = consume_texts(CONSUMER, handle, batch=batch)
    found.events, found.is_busy = count or 0, count is None
    return found


def fan_out_events() -> int:
    """Every final event there is, nothing taken in hand. Returns how many deliveries were written."""
    total = 0
    while True:
        found = fan_out_batch()
        total += found.deliveries
        if not found.events:
            return total


def _share_out(events: Sequence[EventText], found: FanOut, rooms: Mapping[UUID, int]) -> None:
    """In hand or into the table, in the transaction that moves the cursor."""
    moment, seconds = time.monotonic(), lease_seconds()
    batch = Batch(uuid7(), moment, moment + seconds)
    due = now().isoformat()
    lines: list[str] = []
    token, ends, jobs = batch.id, batch.lease_ends, found.jobs
    for event, takers in _find_takers(events, rooms):
        _, event_id, _, line_id, chat_id, event_type, object_id, data = event
        digits = event_id.replace("-", "")
        columns = f"{event_id}\t{event_type}\t{line_id}\t{chat_id or NULL}\t{object_id or NULL}"
        for taker in takers:
            key = mix_key(digits, taker.bits)
            if taker.room > 0:
                taker.room -= 1
                jobs.append(
                    Job(key, taker.organization_id, taker.id, event_type, data, 0, 0, "first", None,
                        token, ends, taker.owner, batch, columns)
                )  # fmt: skip
            elif taker.is_active:
                lines.append(owed_line(key, taker.owner, columns, due))
                found.waiting.add(taker.id)
            else:
                lines.append(held_line(key, taker.owner, columns))
    if lines:
        copy_deliveries(lines)
    if jobs:
        batch.open, batch.unsent, found.batch = len(jobs), set(jobs), batch
        first, last = events[0], events[-1]
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [batch.id, first.xid, first.id, last.xid, last.id, seconds])
    found.deliveries = len(lines)


def recover_batches() -> set[UUID]:
    """Writes down what abandoned batches lack. Returns the endpoints that are owed something by it."""
    owed: set[UUID] = set()
    for _ in range(RECOVERED_AT_ONCE):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_ABANDONED)
                row = cursor.fetchone()
            if row is None:
                break
            before, last = Cursor(row[0], UUID(int=row[1].int - 1)), Cursor(row[2], row[3])
            owed |= _fill(read_event_texts(before, until=last, limit=BATCH * 20))
    return owed


def _fill(events: Sequence[EventText]) -> set[UUID]:
    due = now()
    rows = [
        (mix_key(event.id.replace("-", ""), taker.bits), event.organization_id, taker.id, event.id, event.type,
         event.line_id, event.chat_id, event.object_id,
         "pending" if taker.is_active else "held", due if taker.is_active else None)
        for event, takers in _find_takers(events, {})
        for taker in takers
    ]  # fmt: skip
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_FILL, [list(column) for column in zip(*rows, strict=True)])
    return {row[2] for row in rows if row[8] == "pending"}


def _find_takers(events: Sequence[EventText], rooms: Mapping[UUID, int]) -> list[tuple[EventText, list[_Subscriber]]]:
    """Public events that somebody is owed, each with who is."""
    public = [event for event in events if event.type in PUBLIC_EVENTS]
    if not public:
        return []
    subscribers = _read_subscribers({event.organization_id for event in public}, rooms)
    newest = max((s.since for mine in subscribers.values() for s in mine), default="")
    memo: dict[tuple[str, str, str], list[_Subscriber]] = {}
    found = []
    for event in public:
        key = (event.organization_id, event.type, event.line_id)
        takers = memo.get(key)
        if takers is None:
            takers = memo[key] = [s for s in subscribers.get(event.organization_id, ()) if s.takes(event)]
        if takers and event.id < newest:
            takers = [taker for taker in takers if event.id >= taker.since]
        if takers:
            found.append((event, takers))
    return found


def _read_subscribers(organization_ids: set[str], rooms: Mapping[UUID, int]) -> dict[str, list[_Subscriber]]:
    rows = Endpoint.objects.filter(organization_id__in=organization_ids, deleted_at=None).values_list(
        "id", "organization_id", "events", "line_ids", "is_active", "is_ordered", "created_at"
    )
    found: dict[str, list[_Subscriber]] = defaultdict(list)
    for key, organization_id, events, line_ids, is_active, is_ordered, created_at in rows:
        lines = None if line_ids is None else frozenset(map(str, line_ids))
        found[str(organization_id)].append(
            _Subscriber(
                key, organization_id, frozenset(events), lines, is_active, str(uuid7_floor(created_at)),
                owner_columns(organization_id, key), last_bits(key),
                rooms.get(key, 0) if is_active and not is_ordered else 0,
            )
        )  # fmt: skip
    return found
