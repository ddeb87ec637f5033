"""Taking in what transports report: stored raw first, applied later, once each (spec transports §2.3)."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q

from core.clock import now, to_ms
from core.hints import send_hint
from core.ids import uuid7
from events.services import append_events
from lines.models import Line
from messaging.inbound import MalformedEvent
from messaging.models import InboundEvent
from messaging.services.apply import WAIT_STEP, Batch, Wait
from messaging.services.apply_event import apply_event
from messaging.services.line_lock import lock_line_writes
from messaging.services.media import fetch_announced_media
from messaging.services.missing import fetch_missing_messages
from transports.base import Event

logger = logging.getLogger(__name__)
MAX_ROWS = 500


def store_events(*, line_id: UUID, events: Iterable[Event]) -> int:
    """Stores raw events; one that came before, by its derived id, is left alone. Returns how many were new.

    Order of the arguments is the order of application per line. In the caller's transaction, or atomic by itself.
    """
    waiting = list(events)
    stored = 0
    for start in range(0, len(waiting), MAX_ROWS):
        stored += _insert(line_id, waiting[start : start + MAX_ROWS])
    if waiting:
        transaction.on_commit(lambda: send_hint("messaging.tasks.apply_inbound"))
    return stored


def apply_inbound(*, limit: int = 200) -> int:
    """Applies stored events that are due, batch by batch, until none is left. Returns how many came to an end.

    One worker at a time applies a line's events, in the order they were stored; workers share the lines. Each batch is
    one transaction together with the events that it appends.
    """
    total = 0
    while (done := _apply_batch(limit)) is not None:
        total += done
    return total


def _apply_batch(limit: int) -> int | None:
    """None when no line has anything due that this worker can have."""
    fetch_announced_media(limit=limit)
    for line, missed in fetch_missing_messages():
        store_events(line_id=line.id, events=missed)
    try:
        with transaction.atomic():
            rows = _claim(limit)
            if not rows:
                return None
            return _apply_rows(rows, one_by_one=False)
    except OperationalError:
        raise  # the database's trouble, not an event's: everything is undone and due again
    except Exception:  # whichever event it was: the batch is undone, and each gets a savepoint of its own
        logger.warning("a batch of inbound events failed, applying one by one", exc_info=True)
    with transaction.atomic():
        rows = _claim(limit)
        return _apply_rows(rows, one_by_one=True) if rows else None


def _claim(limit: int) -> list[InboundEvent]:
    """Due events of lines that nobody else is at, locked until the transaction ends."""
    with connection.cursor() as cursor:
        # The lock comes first and the rows are read after it, so that they are those the last worker left
        cursor.execute(
            "SELECT line_id FROM (SELECT DISTINCT line_id FROM (SELECT line_id FROM messaging_inboundevent"
            " WHERE applied_at IS NULL AND (not_before IS NULL OR not_before <= now()) ORDER BY id LIMIT %s) due) lines"
            " WHERE pg_try_advisory_xact_lock(hashtextextended('inbound:' || line_id::text, 0))",
            [limit * 5],
        )
        lines = [row[0] for row in cursor.fetchall()]
    if not lines:
        return []
    due = InboundEvent.objects.filter(applied_at=None, line_id__in=lines)
    due = due.filter(Q(not_before=None) | Q(not_before__lte=now()))
    return list(due.select_for_update().order_by("id")[:limit])


def _apply_rows(rows: list[InboundEvent], *, one_by_one: bool) -> int:
    lock_line_writes({row.line_id for row in rows})
    batch = Batch(lines=Line.objects.in_bulk({row.line_id for row in rows}))
    for row in rows:
        try:
            if one_by_one:
                with transaction.atomic():
                    row.outcome = apply_event(batch, row)
            else:
                row.outcome = apply_event(batch, row)
        except Wait as wait:
            _postpone(row, wait)
        except MalformedEvent as error:
            logger.warning("inbound event %s quarantined: %s", row.event_id, error)
            row.outcome = "quarantined"
        except OperationalError:
            raise
        except Exception:
            if not one_by_one:
                raise
            logger.exception("inbound event %s quarantined", row.event_id)
            row.outcome = "quarantined"
        if row.outcome:
            row.applied_at = now()
    InboundEvent.objects.bulk_update(rows, ["applied_at", "outcome", "not_before", "gives_up_at"])
    append_events(batch.events)
    if batch.has_sound:
        transaction.on_commit(lambda: send_hint("messaging.tasks.prepare_sound"))
    if batch.has_new:
        _wake_waiting({row.line_id for row in rows})
    return sum(1 for row in rows if row.applied_at)


def _postpone(row: InboundEvent, wait: Wait) -> None:
    """Tries again later, up to the limit from when the event arrived; then it ends with the outcome of the wait."""
    row.gives_up_at = row.received_at + wait.limit
    if row.gives_up_at <= now():
        logger.warning("inbound event %s (%s) gave up waiting: %s", row.event_id, row.kind, wait.reason)
        row.outcome = wait.outcome
    else:
        row.not_before = now() + WAIT_STEP


def _wake_waiting(lines: set[UUID]) -> None:
    """What waits on these lines may have waited for what was just written."""
    InboundEvent.objects.filter(applied_at=None, not_before__isnull=False, line_id__in=lines).update(not_before=None)


def _insert(line_id: UUID, events: list[Event]) -> int:
    values = ", ".join(["(%s, %s, %s, %s, %s::jsonb, now(), '')"] * len(events))
    parameters: list[Any] = []
    for event in events:
        parameters += [uuid7(), line_id, event.event_id[:64], str(event.kind), _envelope(event)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_inboundevent (id, line_id, event_id, kind, envelope, received_at, outcome)"
            f" VALUES {values} ON CONFLICT (event_id) DO NOTHING",
            parameters,
        )
        return int(cursor.rowcount)


def _envelope(event: Event) -> str:
    return json.dumps(
        {
            "occurred_at": to_ms(event.occurred_at),
            "phase": str(event.phase),
            "cursor": event.cursor,
            "body": storable(dict(event.body)),
        }
    )


def storable(value: Any) -> Any:
    """The same without what PostgreSQL cannot hold: NUL and halves of surrogate pairs become U+FFFD."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable(member) for member in value]
    return value
