"""Success and speed of one endpoint over a span, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from dashboard.charts import Column, bar_chart, percentile_chart
from dashboard.formatting import format_milliseconds
from webhooks_app.health import HealthPoint, get_endpoint_health
from webhooks_app.models import Endpoint

# span -> its words, how a column is named
SPANS = {
    "1h": ("1 hour", "%H:%M"),
    "24h": ("24 hours", "%H:%M"),
    "7d": ("7 days", "%a %H:%M"),
    "30d": ("30 days", "%-d %b %H:%M"),
}
PERCENTILES = ("p50", "p95", "p99")
ATTEMPT_SERIES = ("Accepted", "To be retried", "Given up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    word: str
    total: HealthPoint
    percentiles: list[tuple[str, float | None]]
    attempts_chart: SafeString
    speed_chart: SafeString


def make_health(endpoint: Endpoint, span: str, at: datetime) -> Health:
    """One query. Each column leads to its deliveries."""
    word, pattern = SPANS[span]
    series = get_endpoint_health(endpoint_id=endpoint.pk, span=span, at=at)
    step = timedelta(seconds=series.width_seconds)
    percentiles = list(zip(PERCENTILES, _speeds(series.total), strict=True))
    return Health(
        word=word,
        total=series.total,
        percentiles=percentiles,
        attempts_chart=bar_chart(
            label=_describe(series.total, word),
            columns=[_attempts_column(endpoint, point, step, pattern) for point in series.points],
            series=ATTEMPT_SERIES,
            is_tall=False,
        ),
        speed_chart=percentile_chart(
            label=_describe_speed(percentiles, word),
            columns=[_speed_column(endpoint, point, step, pattern) for point in series.points],
            series=PERCENTILES,
            unit=" ms",
        ),
    )


def _speeds(point: HealthPoint) -> list[float | None]:
    return [point.p50, point.p95, point.p99]


def _describe(total: HealthPoint, word: str) -> str:
    """What the picture shows, for somebody who does not see it."""
    share = total.success_share
    if share is None:
        return f"Nothing was sent in the last {word}"
    return f"{share * 100:.1f} per cent of {total.attempts:,} attempts accepted in the last {word}"


def _describe_speed(percentiles: Sequence[tuple[str, float | None]], word: str) -> str:
    return f"Time to answer in the last {word}: " + ", ".join(
        f"{name} {format_milliseconds(value)}" for name, value in percentiles
    )


def _attempts_column(endpoint: Endpoint, point: HealthPoint, step: timedelta, pattern: str) -> Column:
    name = point.start.strftime(pattern)
    tip = f"{name}: {point.delivered:,} accepted, {point.retried:,} to be retried, {point.failed:,} given up"
    values = [point.delivered, point.retried, point.failed]
    return Column(name=name, values=values, tip=tip, href=_address(endpoint, point.start, step))


def _speed_column(endpoint: Endpoint, point: HealthPoint, step: timedelta, pattern: str) -> Column:
    values = _speeds(point)
    name = point.start.strftime(pattern)
    words = ", ".join(f"{p} {format_milliseconds(v)}" for p, v in zip(PERCENTILES, values, strict=True))
    tip = f"{name}: {words}"
    return Column(name=name, values=values, tip=tip, href=_address(endpoint, point.start, step))


def _address(endpoint: Endpoint, start: datetime, step: timedelta) -> str:
    bounds = [moment.strftime("%Y-%m-%dT%H:%MZ") for moment in (start, start + step)]
    query = urlencode({"endpoint": endpoint.public_id, "from": bounds[0], "to": bounds[1]})
    return f"/webhooks/deliveries?{query}"
