"""How endpoints are doing, from the per-minute roll-ups: never from the attempts themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Organization
from core.ids import WEBHOOK, parse_id
from webhooks_app.histogram import SIZE, percentile
from webhooks_app.models import Endpoint

MOST_ENDPOINTS = 500
_HISTOGRAM = ", ".join(f"coalesce(sum(histogram[{place}]), 0)" for place in range(1, SIZE + 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Attempts that began in ``[starts_at, starts_at + step)``. ``retried`` were not accepted and are tried again."""

    starts_at: datetime
    delivered: int = 0
    retried: int = 0
    failed: int = 0
    histogram: Sequence[int] = field(default_factory=lambda: [0] * SIZE)

    @property
    def attempts(self) -> int:
        return self.delivered + self.retried + self.failed

    @property
    def success_rate(self) -> float | None:
        """Accepted attempts of all attempts, 0 to 1; None without attempts."""
        return self.delivered / self.attempts if self.attempts else None

    def percentile(self, share: float) -> float | None:
        """Milliseconds; None without attempts."""
        return percentile(self.histogram, share)


def list_endpoints(*, organization: Organization) -> list[Endpoint]:
    """Not deleted ones, the oldest first."""
    return list(Endpoint.objects.filter(organization=organization, deleted_at=None).order_by("id")[:MOST_ENDPOINTS])


def get_endpoint(*, organization: Organization, endpoint_id: str) -> Endpoint | None:
    """By public id; deleted ones are not there."""
    key = parse_id(WEBHOOK, endpoint_id)
    if key is None:
        return None
    found = Endpoint.objects.filter(organization=organization, pk=key, deleted_at=None)
    return found.select_related("organization", "created_by").first()


def list_hours(*, endpoint_ids: Sequence[UUID], since: datetime) -> dict[UUID, list[Span]]:
    """Spans of one hour per endpoint, oldest first, without the hours in which nothing was sent. One query."""
    found: dict[UUID, list[Span]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT endpoint_id, date_bin('1 hour', minute, timestamptz 'epoch') AS hour, sum(delivered), sum(retried),"
            " sum(failed) FROM webhooks_app_endpointminute WHERE endpoint_id = ANY(%s) AND minute >= %s"
            " GROUP BY 1, 2 ORDER BY 2",
            [list(endpoint_ids), since],
        )
        for endpoint_id, hour, delivered, retried, failed in cursor.fetchall():
            found[endpoint_id].append(Span(starts_at=hour, delivered=delivered, retried=retried, failed=failed))
    return found


def list_spans(*, endpoint_id: UUID, since: datetime, until: datetime, step: timedelta) -> list[Span]:
    """Spans of ``step`` from ``since`` to ``until`` without gaps, oldest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin(make_interval(secs => %s), minute, %s) AS bin, sum(delivered), sum(retried), sum(failed),"
            f" ARRAY[{_HISTOGRAM}] FROM webhooks_app_endpointminute"
            " WHERE endpoint_id = %s AND minute >= %s AND minute < %s GROUP BY 1",
            [step.total_seconds(), since, endpoint_id, since, until],
        )
        rows: dict[datetime, tuple[Any, ...]] = {row[0]: row for row in cursor.fetchall()}
    spans = []
    start = since
    while start < until:
        row = rows.get(start)
        if row is None:
            spans.append(Span(starts_at=start))
        else:
            counts = [int(count) for count in row[4]]
            spans.append(Span(starts_at=start, delivered=row[1], retried=row[2], failed=row[3], histogram=counts))
        start += step
    return spans


def sum_spans(spans: Sequence[Span]) -> Span:
    """All of them as one."""
    return Span(
        starts_at=spans[0].starts_at,
        delivered=sum(span.delivered for span in spans),
        retried=sum(span.retried for span in spans),
        failed=sum(span.failed for span in spans),
        histogram=[sum(counts) for counts in zip(*(span.histogram for span in spans), strict=True)],
    )
