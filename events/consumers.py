"""Reading the log as a named consumer: exactly once, in order, the cursor moved with what was written."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connection, transaction

from events.models import ConsumerCursor
from events.services import START, Cursor, EventText, LoggedEvent, get_end, read_event_texts, read_events

Found = TypeVar("Found", LoggedEvent, EventText)


def consume(name: str, handle: Callable[[Sequence[LoggedEvent]], None], *, batch: int = 500) -> int:
    """Hands final events after the consumer's cursor to ``handle``, batch by batch, until none is left.

    ``handle`` runs in the transaction that moves the cursor. If another process is at it, returns 0 at once: that one
    looks again after it has let go, so nothing stays behind. Returns how many events were handled.
    """
    total = 0
    while True:
        count = consume_batch(name, handle, batch=batch)
        if count is None:
            return total
        total += count
        if not count and not has_news(name):
            return total


def consume_batch(name: str, handle: Callable[[Sequence[LoggedEvent]], None], *, batch: int) -> int | None:
    """One batch, as ``consume`` does it; how many events it had, or None if another process is at it."""
    return _consume_batch(name, handle, lambda place: read_events(place, limit=batch))


def consume_texts(name: str, handle: Callable[[Sequence[EventText]], None], *, batch: int) -> int | None:
    """The same with events as text, for a consumer that has many to pass on."""
    return _consume_batch(name, handle, lambda place: read_event_texts(place, limit=batch))


def _consume_batch(
    name: str, handle: Callable[[Sequence[Found]], None], read: Callable[[Cursor], Sequence[Found]]
) -> int | None:
    with transaction.atomic():
        place = _lock(name)
        if place is None:
            return None
        found = read(place)
        if found:
            handle(found)
            _move(name, found[-1].cursor)
        return len(found)


def has_news(name: str) -> bool:
    """Whether the consumer has final events before it."""
    row = ConsumerCursor.objects.filter(pk=name).values_list("xid", "event_id").first()
    return bool(read_events(Cursor(*row) if row else START, limit=1))


def skip_to_end(name: str) -> None:
    """Starts a new consumer at the present end of the log; an existing one is left alone."""
    end = get_end()
    ConsumerCursor.objects.get_or_create(name=name, defaults={"xid": end.xid, "event_id": end.id})


def _lock(name: str) -> Cursor | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_consumercursor (name, xid, event_id, updated_at) VALUES (%s, 0, %s, now())"
            " ON CONFLICT DO NOTHING",
            [name, START.id],
        )
        cursor.execute("SELECT xid, event_id FROM events_consumercursor WHERE name = %s FOR UPDATE SKIP LOCKED", [name])
        row = cursor.fetchone()
    return Cursor(*row) if row else None


def _move(name: str, place: Cursor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_consumercursor SET xid = %s, event_id = %s, updated_at = now() WHERE name = %s",
            [place.xid, place.id, name],
        )
