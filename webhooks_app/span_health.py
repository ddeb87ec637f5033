"""Deliveries of an organization hour by hour, for charts that compare one span with another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from webhooks_app.histogram import SIZE, percentile

HOUR = timedelta(hours=1)

# What is added up, and after its newest hour the hours of the endpoints (services/organization_hours.py)
HOURS = """
SELECT hour, delivered, retried, failed, histogram FROM webhooks_app_organizationhour
WHERE organization_id = %(owner)s AND hour >= %(start)s AND hour < %(end)s
UNION ALL
SELECT hour, delivered, retried, failed, histogram FROM webhooks_app_endpointhour
WHERE organization_id = %(owner)s AND hour < %(end)s AND hour >= greatest(%(start)s,
    (SELECT max(hour) + interval '1 hour' FROM webhooks_app_organizationhour))
"""
_BUCKETS = ", ".join(f"coalesce(sum(histogram[{place}]), 0)::int" for place in range(1, SIZE + 1))
_READ = f"""
SELECT date_bin(%(step)s, hour, date_trunc('hour', %(start)s, 'UTC')),
  sum(delivered)::int, sum(retried)::int, sum(failed)::int, {_BUCKETS}
FROM ({HOURS}) AS hours GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HourHealth:
    """Attempts of all endpoints that began in one hour, or longer step. ``histogram`` as in the module of that name."""

    hour: datetime
    delivered: int = 0
    retried: int = 0
    failed: int = 0
    histogram: Sequence[int] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanHealth:
    """The sum of hours. ``failed`` counts deliveries given up, ``retried`` attempts that will be repeated."""

    delivered: int
    retried: int
    failed: int
    p95_ms: float | None

    @property
    def attempts(self) -> int:
        return self.delivered + self.retried + self.failed

    @property
    def success(self) -> float | None:
        """The share of finished deliveries that were accepted, 0 to 1; None without any."""
        done = self.delivered + self.failed
        return self.delivered / done if done else None


def list_hours(*, organization_id: UUID, start: datetime, end: datetime, step: timedelta = HOUR) -> list[HourHealth]:
    """Hours with attempts in ``[start, end)``, or longer steps from ``start`` on. One query over the hourly roll-up,
    never the attempts."""
    values: dict[str, Any] = {"owner": organization_id, "start": start, "end": end, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_READ, values)
        return [
            HourHealth(hour=row[0], delivered=row[1], retried=row[2], failed=row[3], histogram=row[4:])
            for row in cursor.fetchall()
        ]


def sum_hours(hours: Iterable[HourHealth], *, start: datetime, end: datetime) -> SpanHealth:
    chosen = [hour for hour in hours if start <= hour.hour < end]
    histogram = [sum(places) for places in zip(*(hour.histogram for hour in chosen), strict=True)]
    return SpanHealth(
        delivered=sum(hour.delivered for hour in chosen),
        retried=sum(hour.retried for hour in chosen),
        failed=sum(hour.failed for hour in chosen),
        p95_ms=percentile(histogram, 0.95) if histogram else None,
    )
