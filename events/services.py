"""Writing to and reading from the event log. See ``Event`` for its order and why a cursor is exact."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.cursors import decode_cursor, encode_cursor
from core.errors import invalid
from core.hints import send_events_hint, send_hint
from core.ids import time_of, uuid7, uuid7_floor

_COLUMNS = (
    "events_event.xid::text::bigint AS place, id, organization_id, line_id, chat_id, type, object_id, data,"
    " extract(epoch from occurred_at)::float8"
)
_TEXTS = (
    "events_event.xid::text::bigint AS place, id::text AS key, organization_id::text, line_id::text, chat_id::text,"
    " type, object_id::text, data"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event to append; ``data`` is JSON text, for public events the webhook's ``data`` member."""

    organization_id: UUID
    line_id: UUID
    type: str
    data: str
    chat_id: UUID | None = None
    object_id: UUID | None = None
    occurred_at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """A row of the log with its place in the order."""

    xid: int
    id: UUID
    organization_id: UUID
    line_id: UUID
    chat_id: UUID | None
    type: str
    object_id: UUID | None
    data: str
    occurred_at: datetime

    @property
    def cursor(self) -> "Cursor":
        return Cursor(self.xid, self.id)


class EventText(NamedTuple):
    """A row of the log for whoever passes it on: ids are text as PostgreSQL writes them, which sorts as they do."""

    xid: int
    id: str
    organization_id: str
    line_id: str
    chat_id: str | None
    type: str
    object_id: str | None
    data: str

    @property
    def cursor(self) -> "Cursor":
        return Cursor(self.xid, UUID(self.id))


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the log: everything up to and including it has been read."""

    xid: int
    id: UUID

    def __str__(self) -> str:
        return encode_cursor(self.xid, self.id.hex)

    @classmethod
    def parse(cls, text: str, *, param: str = "after") -> "Cursor":
        """Raises ``invalid_parameter_value`` naming ``param``."""
        xid, key = decode_cursor(text, int, str, param=param)
        if not 0 <= int(xid) < 2**63:
            raise invalid(param, f"`{param}` is not a cursor that this list has returned.")
        try:
            return cls(int(xid), UUID(hex=str(key)))
        except ValueError:
            raise invalid(param, f"`{param}` is not a cursor that this list has returned.") from None


START = Cursor(0, UUID(int=0))
BEFORE_ALL = 1  # less than the id of any transaction: PostgreSQL begins with 3
# Only so much apart may the ids of events lie that stand side by side in the order: what is far off is not looked at,
# so that a read touches the partitions of a few days and not of all.
LONGEST_TRANSACTION = timedelta(days=1)
_BIRTH = uuid7_floor(datetime(2020, 1, 1, tzinfo=UTC))


def append_events(new: Iterable[NewEvent]) -> list[UUID]:
    """Writes events in the caller's transaction and tells the consumers after its commit. One statement."""
    rows = [(uuid7(), e) for e in new]
    if not rows:
        return []
    values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(rows))
    parameters: list[Any] = []
    for key, e in rows:
        parameters += [key, e.organization_id, e.line_id, e.chat_id, e.type, e.object_id, e.data, e.occurred_at]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (id, organization_id, line_id, chat_id, type, object_id, data, occurred_at)"
            f" VALUES {values}",
            parameters,
        )
    transaction.on_commit(announce_news)
    return [key for key, _ in rows]


def add_history(new: Iterable[tuple[UUID, NewEvent]]) -> None:
    """Writes events with their keys at the start of the log, as if it had begun earlier: who reads the log is beyond
    them and hears of none. The caller sees to partitions for their days.
    """
    columns = zip(
        *((k, e.organization_id, e.line_id, e.chat_id, e.type, e.object_id, e.data, e.occurred_at) for k, e in new),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (id, organization_id, line_id, chat_id, type, object_id, data, occurred_at, xid)"
            " SELECT *, %s::text::xid8 FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[],"
            " %s::uuid[], %s::text[], %s::timestamptz[])",
            [str(BEFORE_ALL), *map(list, columns)],
        )
        cursor.execute(
            "INSERT INTO events_consumercursor AS c (name, xid, event_id, updated_at)"
            " SELECT name, %s, %s, now() FROM unnest(%s::text[]) AS name ON CONFLICT (name) DO UPDATE"
            " SET xid = excluded.xid, event_id = excluded.event_id WHERE c.xid < excluded.xid",
            [BEFORE_ALL, UUID(int=2**128 - 1), list(settings.EVENT_CONSUMERS)],
        )


def announce_news() -> None:
    """Hints every consumer of the log, and the open event streams."""
    send_events_hint()
    for task in settings.EVENT_CONSUMERS.values():
        send_hint(task)


def read_events(
    after: Cursor,
    *,
    limit: int,
    until: Cursor | None = None,
    organization_id: UUID | None = None,
    types: Sequence[str] | None = None,
    line_ids: Sequence[UUID] | None = None,
) -> list[LoggedEvent]:
    """Final events after a cursor, up to and with ``until``, in order, at most ``limit``.

    Rows of transactions still open are not shown yet.
    """
    where, parameters = _bounds(after, until)
    if organization_id is not None:
        where.append("organization_id = %s")
        parameters.append(organization_id)
    if types is not None:
        where.append("type = ANY(%s)")
        parameters.append(list(types))
    if line_ids is not None:
        where.append("line_id = ANY(%s)")
        parameters.append(list(line_ids))
    # Seconds, since reading a timestamp from its text costs more than all the rest of the row.
    rows = [(*row[:8], datetime.fromtimestamp(row[8], UTC)) for row in _read(_COLUMNS, where, parameters, limit)]
    return [LoggedEvent(*row) for row in rows]


def read_event_texts(after: Cursor, *, limit: int, until: Cursor | None = None) -> list[EventText]:
    """The same of every organization, as text: a third of the time for each row."""
    where, parameters = _bounds(after, until)
    return list(map(EventText._make, _read(_TEXTS, where, parameters, limit)))


def _bounds(after: Cursor, until: Cursor | None) -> tuple[list[str], list[Any]]:
    where = ["(xid, id) > (%s::text::xid8, %s)", "xid < pg_snapshot_xmin(pg_current_snapshot())", "id < %s"]
    moment = now()
    parameters: list[Any] = [str(after.xid), after.id, uuid7_floor(moment + LONGEST_TRANSACTION)]
    if _BIRTH < after.id < uuid7_floor(moment):
        where.append("id > %s")
        parameters.append(uuid7_floor(time_of(after.id) - LONGEST_TRANSACTION))
    if until is not None:
        where.append("(xid, id) <= (%s::text::xid8, %s)")
        parameters += [str(until.xid), until.id]
    return where, parameters


def _read(columns: str, where: Sequence[str], parameters: Sequence[Any], limit: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM events_event WHERE {' AND '.join(where)} ORDER BY events_event.xid, events_event.id"
            " LIMIT %s",
            [*parameters, limit],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def get_end() -> Cursor:
    """The place after every event that is final now: where a reader starts who wants only what comes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint) - 1")
        row = cursor.fetchone()
    return Cursor(int(row[0]), UUID(int=2**128 - 1))
