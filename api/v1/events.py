"""GET /v1/events as a durable cursor feed; the same path is a stream for who accepts ``text/event-stream``."""

import threading
import time
from typing import Annotated

import msgspec

from api.call import Call
from api.event_feed import EventOut, Interest, SinceMs, event_out, find_start, make_interest, read_for
from api.lists import DEFAULT_LIMIT, Limit, Page, clamp
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS
from core.ending import ending
from events.services import Cursor, LoggedEvent

Wait = Annotated[int, msgspec.Meta(ge=0, le=30, description="Seconds to wait for an event when there is none yet.")]
LOOK_AGAIN_SECONDS = 0.25
# Who waits holds a thread of the server; beyond this many, a call answers at once as if it had not asked to wait.
_waiting = threading.BoundedSemaphore(4)


class ReadEvents(msgspec.Struct, frozen=True):
    """``after`` is a cursor from this feed or a stream's event id; without it, events since ``since`` are given."""

    after: str | None = None
    since: SinceMs | None = None
    event: list[str] = []
    line: list[str] = []
    limit: Limit = DEFAULT_LIMIT
    wait: Wait = 0


@endpoint(
    "GET", "/v1/events", query=ReadEvents, response=Page[EventOut], errors=("insufficient_scope", *COMMON_LINE_ERRORS),
    summary="Read events after a cursor, or stream them", tag="Events", is_extension=True,
)  # fmt: skip
def read_event_feed(call: Call[None, ReadEvents]) -> Page[EventOut]:
    """``next_cursor`` is always set: it is the ``after`` of the next call."""
    query = call.query
    after = None if query.after is None else Cursor.parse(query.after)
    interest = make_interest(
        call.key, events=query.event, lines=query.line, since_ms=query.since, is_resuming=after is not None
    )
    place = find_start(interest) if after is None else after
    found, place, has_more = _read_or_wait(interest, place, clamp(query.limit), query.wait)
    return Page([event_out(event) for event in found], has_more, str(place))


def _read_or_wait(
    interest: Interest, after: Cursor, limit: int, wait_seconds: int
) -> tuple[list[LoggedEvent], Cursor, bool]:
    found, place, has_more = read_for(interest, after, limit=limit)
    if found or not wait_seconds or not _waiting.acquire(blocking=False):
        return found, place, has_more
    try:
        until = time.monotonic() + wait_seconds
        while not found and (left := until - time.monotonic()) > 0 and not ending.is_set():
            ending.wait(min(LOOK_AGAIN_SECONDS, left))
            found, place, has_more = read_for(interest, place, limit=limit)
    finally:
        _waiting.release()
    return found, place, has_more
