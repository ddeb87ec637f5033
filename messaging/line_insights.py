"""What conversations tell about a line: who waits for an answer, why sends failed, who sends how much."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max

from core.ids import uuid7_floor
from messaging.models import Chat

MESSAGE_OPERATIONS = ("send", "audio")
_OUTBOX = """
WITH items AS MATERIALIZED (
  SELECT status, error, operation, api_key_id, user_id FROM messaging_outboxitem
  WHERE line_id = %(line)s AND id >= %(floor)s)
(SELECT 'failure', coalesce(nullif(error, ''), 'unknown'), NULL::uuid, NULL::bigint, count(*) FROM items
 WHERE status = 'failed' GROUP BY 2 ORDER BY 5 DESC, 2 LIMIT %(limit)s)
UNION ALL
(SELECT 'sender', coalesce(max(k.name), max(coalesce(nullif(u.name, ''), u.email))), i.api_key_id, i.user_id, count(*)
 FROM items i LEFT JOIN accounts_apikey k ON k.id = i.api_key_id LEFT JOIN accounts_user u ON u.id = i.user_id
 WHERE i.operation = ANY(%(operations)s) GROUP BY 3, 4 ORDER BY 5 DESC LIMIT %(limit)s)
UNION ALL
SELECT 'held', '', NULL, NULL, count(*) FROM messaging_outboxitem
WHERE line_id = %(line)s AND status = 'pending' AND held_reason <> ''
"""
# Of a line's newest chats: one that is older has nothing newer to tell
_LAST = """
SELECT l.id, newest.inbound, newest.outbound FROM lines_line l CROSS JOIN LATERAL (
  SELECT max(last_inbound_at) AS inbound, max(last_outbound_at) AS outbound FROM (
    SELECT last_inbound_at, last_outbound_at FROM messaging_chat c
    WHERE c.line_id = l.id AND c.organization_id = l.organization_id
    ORDER BY c.last_message_at DESC, c.id DESC LIMIT 50) AS chats) AS newest
WHERE l.id = ANY(%(lines)s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastTraffic:
    """When the line last heard and last spoke, as far as its newest chats tell."""

    inbound_at: datetime | None = None
    outbound_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many messages one key, or one person, handed in; both None = the phone itself or the system."""

    api_key_id: UUID | None
    user_id: int | None
    name: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LineOutbox:
    """``failures`` are (error, count), most first; so are ``senders``. ``held``: what waits for a limit now."""

    failures: list[tuple[str, int]]
    held: int
    senders: list[Share]


def count_streaks(line_ids: Collection[UUID]) -> dict[UUID, int]:
    """For each line the most unanswered messages in a row to one contact. One query; lines without are absent."""
    rows = Chat.objects.filter(line_id__in=list(line_ids), unanswered__gt=0).values("line_id")
    return {row["line_id"]: row["most"] for row in rows.annotate(most=Max("unanswered")).order_by()}


def list_last_traffic(line_ids: Collection[UUID]) -> dict[UUID, LastTraffic]:
    """Of lines of organizations, by key. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"lines": list(line_ids)})
        return {key: LastTraffic(inbound_at=inbound, outbound_at=out) for key, inbound, out in cursor.fetchall()}


def list_unanswered(*, line_id: UUID, limit: int = 10) -> list[Chat]:
    """Chats with the most messages in a row that nobody answered, most first."""
    rows = Chat.objects.filter(line_id=line_id, unanswered__gt=0)
    return list(rows.order_by("-unanswered", "-last_outbound_at")[:limit])


def read_line_outbox(*, line_id: UUID, since: datetime, limit: int = 8) -> LineOutbox:
    """What was handed in since then: failures by cause and who sent how much, what is held. One query."""
    values: dict[str, Any] = {
        "line": line_id,
        "floor": uuid7_floor(since),
        "operations": list(MESSAGE_OPERATIONS),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OUTBOX, values)
        rows = cursor.fetchall()
    return LineOutbox(
        held=sum(row[4] for row in rows if row[0] == "held"),
        failures=[(row[1], row[4]) for row in rows if row[0] == "failure"],
        senders=[
            Share(api_key_id=key, user_id=user, name=name or "", count=count)
            for kind, name, key, user, count in rows
            if kind == "sender"
        ],
    )
