"""From events to deliveries: reads the log as the consumer ``webhooks``, each event exactly once.

Deliveries are written in the transaction that moves the cursor. What the calling engine has room for is written as
already claimed by it, which saves the claim's round trip and a rewrite of the row; if the engine dies, the lease ends
and another engine takes the row.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import connection

from core.clock import now
from core.ids import uuid7, uuid7_floor
from events.consumers import consume_batch
from events.services import LoggedEvent
from events.types import PUBLIC_EVENTS
from webhooks_app.models import Endpoint
from webhooks_app.services.jobs import Job, lease_seconds

CONSUMER = "webhooks"
BATCH = 500
_NULL = "\\N"
_COPY = (
    "COPY webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id,"
    " state, next_attempt_at, claim_token, lease_until) FROM STDIN"
)


@dataclass(slots=True)
class FanOut:
    """What one batch made. ``waiting`` are endpoints with due deliveries that nobody has claimed."""

    events: int = 0
    deliveries: int = 0
    jobs: list[Job] = field(default_factory=list)
    waiting: set[UUID] = field(default_factory=set)
    is_busy: bool = False


@dataclass(slots=True, eq=False)
class _Subscriber:
    """``room``: how many more deliveries the calling engine takes as claimed."""

    id: UUID
    organization_id: UUID
    events: frozenset[str]
    line_ids: frozenset[UUID] | None
    is_active: bool
    is_ordered: bool
    since: UUID  # the least id of an event that it gets: none from before it was made
    columns: str
    room: int

    def takes(self, event: LoggedEvent) -> bool:
        return event.type in self.events and (self.line_ids is None or event.line_id in self.line_ids)


def fan_out_batch(*, rooms: Mapping[UUID, int] | None = None, default_room: int = 0, batch: int = BATCH) -> FanOut:
    """One batch. ``rooms`` says how many deliveries of an endpoint the caller takes as claimed, beyond it
    ``default_room``. ``is_busy`` if another engine is at it."""
    found = FanOut()

    def handle(events: Sequence[LoggedEvent]) -> None:
        _write(events, found, rooms or {}, default_room)

    count = consume_batch(CONSUMER, handle, batch=batch)
    found.events, found.is_busy = count or 0, count is None
    return found


def fan_out_events() -> int:
    """Every final event there is, nothing claimed. Returns how many deliveries were written."""
    total = 0
    while True:
        found = fan_out_batch()
        total += found.deliveries
        if not found.events:
            return total


def _write(events: Sequence[LoggedEvent], found: FanOut, rooms: Mapping[UUID, int], default_room: int) -> None:
    public = [event for event in events if event.type in PUBLIC_EVENTS]
    if not public:
        return
    subscribers = _read_subscribers({event.organization_id for event in public}, rooms, default_room)
    memo: dict[tuple[UUID, str, UUID], list[_Subscriber]] = {}
    token, moment = uuid7(), now()
    due, lease = moment.isoformat(), (moment + timedelta(seconds=lease_seconds())).isoformat()
    lease_ends = time.monotonic() + lease_seconds()
    claimed = f"pending\t{due}\t{token.hex}\t{lease}"
    unclaimed, held = f"pending\t{due}\t{_NULL}\t{_NULL}", f"held\t{_NULL}\t{_NULL}\t{_NULL}"
    lines: list[str] = []
    for event in public:
        key = (event.organization_id, event.type, event.line_id)
        takers = memo.get(key)
        if takers is None:
            takers = memo[key] = [s for s in subscribers.get(event.organization_id, ()) if s.takes(event)]
        if not takers:
            continue
        event_columns = _event_columns(event)
        for taker in takers:
            if event.id < taker.since:
                continue
            delivery_id = uuid7()
            if taker.room > 0:
                taker.room -= 1
                tail = claimed
                found.jobs.append(
                    Job(delivery_id, event.organization_id, taker.id, event.type, event.data, 0, 0, "first", None,
                        token, lease_ends)
                )  # fmt: skip
            elif taker.is_active:
                tail = unclaimed
                found.waiting.add(taker.id)
            else:
                tail = held
            lines.append(f"{delivery_id.hex}\t{taker.columns}\t{event_columns}\t{tail}\n")
    if lines:
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write("".join(lines))
    found.deliveries = len(lines)


def _event_columns(event: LoggedEvent) -> str:
    chat = event.chat_id.hex if event.chat_id else _NULL
    subject = event.object_id.hex if event.object_id else _NULL
    return f"{event.id.hex}\t{event.type}\t{event.line_id.hex}\t{chat}\t{subject}"


def _read_subscribers(
    organization_ids: set[UUID], rooms: Mapping[UUID, int], default_room: int
) -> dict[UUID, list[_Subscriber]]:
    rows = Endpoint.objects.filter(organization_id__in=organization_ids, deleted_at=None).values_list(
        "id", "organization_id", "events", "line_ids", "is_active", "is_ordered", "created_at"
    )
    found: dict[UUID, list[_Subscriber]] = defaultdict(list)
    for key, organization_id, events, line_ids, is_active, is_ordered, created_at in rows:
        lines = None if line_ids is None else frozenset(line_ids)
        found[organization_id].append(
            _Subscriber(
                key, organization_id, frozenset(events), lines, is_active, is_ordered, uuid7_floor(created_at),
                f"{organization_id.hex}\t{key.hex}",
                rooms.get(key, default_room) if is_active and not is_ordered else 0,
            )
        )  # fmt: skip
    return found
