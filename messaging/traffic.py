"""Messages in and out of an organization hour by hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

# The roll-ups of its own lines; on the shared line, whose roll-up is everybody's, the messages of its own chats
_READ = """
SELECT hour, sum(inbound)::int, sum(outbound)::int FROM (
  SELECT hour, inbound, outbound FROM lines_linehour
  WHERE line_id = ANY(%(lines)s) AND hour >= %(start)s AND hour < %(end)s
  UNION ALL
  SELECT date_trunc('hour', m.sent_at, 'UTC'), (NOT m.is_from_me)::int, m.is_from_me::int
  FROM messaging_chat c JOIN messaging_message m
    ON m.chat_id = c.id AND m.sent_at >= %(start)s AND m.sent_at < %(end)s
  WHERE c.organization_id = %(org)s AND c.line_id = ANY(%(shared)s)) AS both_
GROUP BY hour
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HourTraffic:
    hour: datetime
    inbound: int
    outbound: int


def list_traffic(
    *, organization_id: UUID, own: Collection[UUID], shared: Collection[UUID], start: datetime, end: datetime
) -> list[HourTraffic]:
    """Hours with messages in ``[start, end)``. One query. ``own`` and ``shared`` are keys of lines."""
    parameters: dict[str, Any] = {
        "org": organization_id,
        "lines": list(own),
        "shared": list(shared),
        "start": start,
        "end": end,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        return [HourTraffic(hour=hour, inbound=sent_in, outbound=out) for hour, sent_in, out in cursor.fetchall()]
