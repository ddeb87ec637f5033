"""Hours of whole organizations, added up once they have ended, so that charts never read the hours of every line.

Readers take what is added up and, after the newest hour of it, the lines' own hours: a sweep that has not run makes
them slower, never wrong. A message that is counted late changes an hour that has been added up already; the last day
is therefore added up again each time, and the last month several times a day.
"""

from datetime import datetime, timedelta

from django.db import connection

from core.clock import now
from lines.limit_math import floor_hour

GRACE = timedelta(minutes=5)  # how long after its end an hour still changes often
DAY = timedelta(hours=26)
MONTH = timedelta(days=62)  # a month and the one it is compared with
_ADD_UP = """
INSERT INTO lines_organizationhour (organization_id, hour, inbound, outbound)
SELECT l.organization_id, h.hour, sum(h.inbound), sum(h.outbound)
FROM lines_line l JOIN lines_linehour h ON h.line_id = l.id AND h.hour >= %s AND h.hour < %s
WHERE l.organization_id IS NOT NULL AND NOT l.is_sandbox GROUP BY 1, 2
ON CONFLICT (organization_id, hour) DO UPDATE SET inbound = excluded.inbound, outbound = excluded.outbound
WHERE (lines_organizationhour.inbound, lines_organizationhour.outbound) <> (excluded.inbound, excluded.outbound)
"""


def add_up_hours(*, length: timedelta = DAY, at: datetime | None = None) -> None:
    """The ended hours of the last ``length``, and all since the last time. One transaction."""
    end = floor_hour((at or now()) - GRACE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(hour) FROM lines_organizationhour")
        newest = cursor.fetchone()[0]
        start = end - MONTH if newest is None else min(newest, end - length)
        cursor.execute(_ADD_UP, [start, end])
