"""Messages in and out of an organization hour by hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

# Hours that are added up, after them those of its own lines; on the shared line, whose roll-up is everybody's, the
# messages of its own chats
_READ = """
SELECT date_bin(%(step)s, hour, date_trunc('hour', %(start)s, 'UTC')), sum(inbound)::int, sum(outbound)::int FROM (
  SELECT hour, inbound, outbound FROM lines_organizationhour
  WHERE organization_id = %(org)s AND hour >= %(start)s AND hour < %(end)s
  UNION ALL
  SELECT h.hour, h.inbound, h.outbound FROM lines_line l CROSS JOIN LATERAL (
    SELECT hour, inbound, outbound FROM lines_linehour WHERE line_id = l.id AND hour < %(end)s
      AND hour >= greatest(%(start)s, (SELECT max(hour) + interval '1 hour' FROM lines_organizationhour))
    OFFSET 0) AS h -- line by line: few hours of each, which the planner cannot know
  WHERE l.organization_id = %(org)s AND NOT l.is_sandbox
  UNION ALL
  SELECT date_trunc('hour', m.sent_at, 'UTC'), (NOT m.is_from_me)::int, m.is_from_me::int
  FROM lines_line l JOIN messaging_chat c ON c.line_id = l.id AND c.organization_id = %(org)s
  JOIN messaging_message m ON m.chat_id = c.id AND m.sent_at >= %(start)s AND m.sent_at < %(end)s
  WHERE l.is_sandbox) AS both_
GROUP BY 1
"""


HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class HourTraffic:
    """``hour``: where it, or the longer step, begins."""

    hour: datetime
    inbound: int
    outbound: int


def list_traffic(*, organization_id: UUID, start: datetime, end: datetime, step: timedelta = HOUR) -> list[HourTraffic]:
    """Hours with messages in ``[start, end)``, or longer steps from ``start`` on. One query."""
    parameters: dict[str, Any] = {"org": organization_id, "start": start, "end": end, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        return [HourTraffic(hour=hour, inbound=sent_in, outbound=out) for hour, sent_in, out in cursor.fetchall()]
