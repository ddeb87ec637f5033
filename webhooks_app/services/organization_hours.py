"""Hours of whole organizations, added up once they have ended, so that charts never read the hours of every endpoint.

Readers take what is added up and, after the newest hour of it, the endpoints' own hours: a sweep that has not run
makes them slower, never wrong. An attempt ends minutes after it began, so the last hours are added up again each time.
"""

from datetime import datetime, timedelta

from django.db import connection

from core.clock import now
from webhooks_app.histogram import SIZE

GRACE = timedelta(minutes=5)  # how long after its end an hour still changes often
AGAIN = timedelta(hours=3)
ALL = timedelta(days=62)  # a month and the one it is compared with
_SUMS = ", ".join(f"coalesce(sum(h.histogram[{place}]), 0)" for place in range(1, SIZE + 1))
_ADD_UP = f"""
INSERT INTO webhooks_app_organizationhour (organization_id, hour, delivered, retried, failed, histogram)
SELECT o.id, h.hour, sum(h.delivered), sum(h.retried), sum(h.failed), ARRAY[{_SUMS}]
FROM accounts_organization o
JOIN webhooks_app_endpointhour h ON h.organization_id = o.id AND h.hour >= %s AND h.hour < %s GROUP BY 1, 2
ON CONFLICT (organization_id, hour) DO UPDATE SET delivered = excluded.delivered, retried = excluded.retried,
    failed = excluded.failed, histogram = excluded.histogram
"""


def add_up_hours(*, length: timedelta = AGAIN, at: datetime | None = None) -> None:
    """The hours that have ended since the last time, and those of the last ``length``. One transaction."""
    end = ((at or now()) - GRACE).replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(hour) FROM webhooks_app_organizationhour")
        newest = cursor.fetchone()[0]
        start = end - ALL if newest is None else min(newest, end - length)
        cursor.execute(_ADD_UP, [start, end])
