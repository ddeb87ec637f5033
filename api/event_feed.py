"""What a key may hear of the event log, shared by the cursor feed and the stream (spec webhooks §9)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from django.db import connection

from api.call import CallingKey
from core.clock import from_ms, to_ms
from core.errors import AuthorizationError, invalid
from core.ids import EVENT, public_id, uuid7_floor
from events.services import Cursor, LoggedEvent, get_end, read_events
from events.types import PUBLIC_EVENTS
from lines.models import Line
from lines.selectors import get_line

SINCE_DEFAULT_MS = 60_000
SCOPE_OF = {"message": "messages:read", "reaction": "reactions:read"}
LATEST_MS = 4_102_444_800_000  # 2100-01-01

SinceMs = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS, description="Unix ms to start at; default a minute ago.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interest:
    """What a listener wants and may have. ``line_ids`` None = every line; events older than ``floor`` are left out."""

    organization_id: UUID
    types: frozenset[str]
    line_ids: frozenset[UUID] | None
    floor: UUID

    def covers(self, event: LoggedEvent) -> bool:
        return (
            event.type in self.types
            and (self.line_ids is None or event.line_id in self.line_ids)
            and event.organization_id == self.organization_id
            and event.id >= self.floor
        )


def make_interest(
    key: CallingKey, *, events: Sequence[str], lines: Sequence[str], since_ms: int | None, is_resuming: bool
) -> Interest:
    """Raises ``invalid_parameter_value``, ``insufficient_scope``, ``line_not_found``, ``line_not_accessible``."""
    types = _types(key, events)
    floor = UUID(int=0)
    if not is_resuming or since_ms is not None:
        floor = uuid7_floor(from_ms(time.time_ns() // 1_000_000 - SINCE_DEFAULT_MS if since_ms is None else since_ms))
    return Interest(organization_id=key.organization_id, types=types, line_ids=_lines(key, lines[:100]), floor=floor)


def _types(key: CallingKey, events: Sequence[str]) -> frozenset[str]:
    unknown = [name for name in events if name not in PUBLIC_EVENTS]
    if unknown:
        raise invalid("event", f"`event` must be one of {', '.join(PUBLIC_EVENTS)}.")
    for name in events:
        key.require_scope(SCOPE_OF[name.partition(".")[0]])
    types = [name for name in events or PUBLIC_EVENTS if SCOPE_OF[name.partition(".")[0]] in key.scopes]
    if not types:
        raise AuthorizationError("insufficient_scope", "Events need the scope `messages:read` or `reactions:read`.")
    return frozenset(types)


def _lines(key: CallingKey, lines: Sequence[str]) -> frozenset[UUID] | None:
    if not lines:
        if key.line_ids is None:
            return None
        return key.line_ids | frozenset(Line.objects.filter(is_sandbox=True).values_list("id", flat=True))
    found = [get_line(organization=key.organization_id, line_id=text) for text in lines]
    for line in found:
        if key.line_ids is not None and not line.is_sandbox and line.id not in key.line_ids:
            raise AuthorizationError("line_not_accessible", "This key may not use this line.", param="line")
    return frozenset(line.id for line in found)


def find_start(interest: Interest) -> Cursor:
    """The place just before the first event of the organization that is not older than the floor."""
    end = get_end()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid::text::bigint, id FROM events_event WHERE organization_id = %s AND id >= %s"
            " AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT 1",
            [interest.organization_id, interest.floor],
        )
        row = cursor.fetchone()
    return end if row is None else Cursor(int(row[0]), UUID(int=row[1].int - 1))


def read_for(interest: Interest, after: Cursor, *, limit: int) -> tuple[list[LoggedEvent], Cursor, bool]:
    """Events after a cursor, the place up to which all were seen, and whether more are there."""
    end = get_end()
    found = read_events(
        after,
        limit=limit + 1,
        organization_id=interest.organization_id,
        types=sorted(interest.types),
        line_ids=None if interest.line_ids is None else sorted(interest.line_ids),
    )
    has_more = len(found) > limit
    place = found[limit - 1].cursor if has_more else max(end, after, *(event.cursor for event in found[-1:]))
    return [event for event in found[:limit] if event.id >= interest.floor], place, has_more


class EventOut(msgspec.Struct, frozen=True):
    """``data`` is the ``data`` member of the webhook; ``cursor`` resumes after this event."""

    id: str
    cursor: str
    event: str
    timestamp: int
    data: msgspec.Raw


def event_out(event: LoggedEvent) -> EventOut:
    return EventOut(
        id=public_id(EVENT, event.id),
        cursor=str(event.cursor),
        event=event.type,
        timestamp=to_ms(event.occurred_at),
        data=msgspec.Raw(event.data.encode()),
    )
