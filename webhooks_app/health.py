"""How endpoints are doing, from the roll-ups: never more than a few hundred points, never the attempts themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from core.clock import now
from webhooks_app.histogram import SIZE, percentile
from webhooks_app.span_health import HOURS

# range -> (span, width of a point, whether it is read from the minutes)
RANGES: dict[str, tuple[timedelta, timedelta, bool]] = {
    "1h": (timedelta(hours=1), timedelta(minutes=1), True),
    "24h": (timedelta(hours=24), timedelta(minutes=30), True),
    "7d": (timedelta(days=7), timedelta(hours=3), False),
    "30d": (timedelta(days=30), timedelta(hours=12), False),
}
_ROWS = """
SELECT {name} AS hour, delivered, retried, failed, histogram FROM webhooks_app_endpoint{name}
WHERE {column} = %(owner)s AND {name} >= %(start)s AND {name} < %(end)s
"""
_SUMS = ", ".join(f"coalesce(sum(histogram[{place}]), 0)" for place in range(1, SIZE + 1))
_READ = f"""
SELECT to_timestamp(floor(extract(epoch FROM hour) / %(width)s) * %(width)s) AS start, sum(delivered)::int,
    sum(retried)::int, sum(failed)::int, ARRAY[{_SUMS}]::int[]
FROM ({{rows}}) AS rows GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthPoint:
    """Attempts that began in ``[start, start + width)``. Percentiles in milliseconds, None without attempts."""

    start: datetime
    delivered: int = 0
    retried: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def attempts(self) -> int:
        return self.delivered + self.retried + self.failed

    @property
    def success_share(self) -> float | None:
        """Accepted attempts of all, 0 to 1; None without attempts."""
        return self.delivered / self.attempts if self.attempts else None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthSeries:
    """``points`` are evenly spaced, empty ones included; ``total`` sums the span."""

    points: list[HealthPoint]
    total: HealthPoint
    width_seconds: int


def get_endpoint_health(*, endpoint_id: UUID, span: str = "24h", at: datetime | None = None) -> HealthSeries:
    """``span``: 1h, 24h, 7d or 30d. One statement."""
    return _read("endpoint_id", endpoint_id, span, at or now())


def get_organization_health(*, organization_id: UUID, span: str = "24h", at: datetime | None = None) -> HealthSeries:
    """All endpoints of an organization together, deleted ones included."""
    return _read("organization_id", organization_id, span, at or now(), is_coarse=span == "24h")


def _read(owner: str, key: UUID, span: str, at: datetime, *, is_coarse: bool = False) -> HealthSeries:
    length, width, is_fine = RANGES[span]
    if is_coarse:  # the minutes of every endpoint would be too many rows
        width, is_fine = timedelta(hours=1), False
    seconds = int(width.total_seconds())
    end = (int(at.timestamp()) // seconds + 1) * seconds
    start = end - int(length.total_seconds())
    rows = HOURS
    if is_fine or owner == "endpoint_id":
        rows = _ROWS.format(name="minute" if is_fine else "hour", column=owner)
    with connection.cursor() as cursor:
        cursor.execute(
            _READ.format(rows=rows),
            {"width": seconds, "owner": key, "start": _moment(start), "end": _moment(end)},
        )
        found = {int(row[0].timestamp()): row for row in cursor.fetchall()}
    points, whole, sums = [], [0] * SIZE, [0, 0, 0]
    for moment in range(start, end, seconds):
        row = found.get(moment)
        if row is None:
            points.append(HealthPoint(start=_moment(moment)))
            continue
        histogram = row[4] or []
        points.append(_point(row[0], row[1], row[2], row[3], histogram))
        whole = [a + b for a, b in zip(whole, histogram or [0] * SIZE, strict=True)]
        sums = [a + b for a, b in zip(sums, row[1:4], strict=True)]
    total = _point(_moment(start), sums[0], sums[1], sums[2], whole)
    return HealthSeries(points=points, total=total, width_seconds=seconds)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _point(start: datetime, delivered: int, retried: int, failed: int, histogram: list[int]) -> HealthPoint:
    return HealthPoint(
        start=start, delivered=delivered, retried=retried, failed=failed,
        p50=percentile(histogram, 0.5), p95=percentile(histogram, 0.95), p99=percentile(histogram, 0.99),
    )  # fmt: skip
