"""Taking in what transports report: stored raw first, applied later, once each."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.clock import to_ms
from core.hints import send_hint
from core.ids import uuid7
from transports.base import Event

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
