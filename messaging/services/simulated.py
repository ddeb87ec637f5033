"""Brings what the simulated network reports into the product: at once for a phone's own acts, later for the rest."""

import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection, transaction

from core.clock import now
from lines.models import Line
from messaging.services.receive import store_events
from transports.base import Event
from transports.simulator.schedule import get_next_due_at, take_due_events

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = 0x73696D  # advisory: one pump at a time is enough
AHEAD_SECONDS = 3.0
STEP_SECONDS = 0.25


def report_events(line_handle: str, events: Sequence[Event]) -> int:
    """Stores what a simulated line hears; a handle that is no line of ours hears nothing. Returns how many were new."""
    line = Line.objects.filter(handle=line_handle, deleted_at=None, transport="simulator").only("id").first()
    return store_events(line_id=line.id, events=events) if line is not None else 0


def pump_due_events() -> int:
    """Moves due events from the network's schedule to the inbound store, each exactly once. Returns how many."""
    moved = 0
    while True:
        with transaction.atomic():
            due = take_due_events()
            by_line: dict[str, list[Event]] = {}
            for handle, event in due:
                by_line.setdefault(handle, []).append(event)
            for handle, events in by_line.items():
                report_events(handle, events)
        moved += len(due)
        if not due:
            return moved


def pump_for(seconds: float) -> None:
    """Pumps as long as something is due within the next seconds, so that a delivery shows when it happens."""
    until = time.monotonic() + seconds
    with _only_one() as mine:
        while mine and time.monotonic() < until:
            pump_due_events()
            due_at = get_next_due_at()
            if due_at is None or (wait := (due_at - now()).total_seconds()) > AHEAD_SECONDS:
                return
            time.sleep(min(max(wait, 0.005), STEP_SECONDS))


@contextmanager
def _only_one() -> "Iterator[bool]":
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (mine,) = cursor.fetchone()
    try:
        yield bool(mine)
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
