"""What the simulated network will report later."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from core.clock import now
from core.hints import send_hint
from transports.base import Event
from transports.simulator.models import ScheduledEvent
from transports.simulator.wire import decode_event, encode_event

PUMP = "messaging.tasks.pump_simulator"


def schedule_events(line_handle: str, events: Iterable[tuple[float, Event]]) -> None:
    """Stores events to be reported after so many seconds each, and wakes the pump."""
    moment = now()
    rows = [
        ScheduledEvent(line_handle=line_handle, due_at=moment + timedelta(seconds=seconds), event=encode_event(event))
        for seconds, event in events
    ]
    if rows:
        ScheduledEvent.objects.bulk_create(rows)
        transaction.on_commit(lambda: send_hint(PUMP))


def take_due_events(*, limit: int = 500) -> list[tuple[str, Event]]:
    """Takes due events away, oldest first; in the caller's transaction, which must store them."""
    due = ScheduledEvent.objects.select_for_update(skip_locked=True).filter(due_at__lte=now()).order_by("due_at", "id")
    rows = list(due[:limit])
    ScheduledEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return [(row.line_handle, decode_event(row.event)) for row in rows]


def get_next_due_at() -> datetime | None:
    return ScheduledEvent.objects.order_by("due_at").values_list("due_at", flat=True).first()
