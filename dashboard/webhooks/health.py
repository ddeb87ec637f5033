"""Success and speed of one endpoint over a span, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from dashboard.charts import Column, bar_chart, percentile_chart
from dashboard.formatting import format_milliseconds
from webhooks_app.endpoint_health import Span, list_spans, sum_spans
from webhooks_app.models import Endpoint

# word, number of columns, width of one, how a column is named
SPANS: dict[str, tuple[str, int, timedelta, str]] = {
    "1h": ("1 hour", 60, timedelta(minutes=1), "%H:%M"),
    "24h": ("24 hours", 24, timedelta(hours=1), "%H:%M"),
    "7d": ("7 days", 28, timedelta(hours=6), "%a %H:%M"),
    "30d": ("30 days", 30, timedelta(days=1), "%-d %b"),
}
PERCENTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
ATTEMPT_SERIES = ("Accepted", "To be retried", "Given up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    word: str
    total: Span
    percentiles: list[tuple[str, float | None]]
    attempts_chart: SafeString
    speed_chart: SafeString


def make_health(endpoint: Endpoint, span: str, at: datetime) -> Health:
    """One query. Each column leads to its deliveries."""
    word, count, step, pattern = SPANS[span]
    until = _ceil(at, step)
    spans = list_spans(endpoint_id=endpoint.pk, since=until - step * count, until=until, step=step)
    total = sum_spans(spans)
    percentiles = [(name, total.percentile(share)) for share, name in PERCENTILES]
    return Health(
        word=word,
        total=total,
        percentiles=percentiles,
        attempts_chart=bar_chart(
            label=_describe(total, word),
            columns=[_attempts_column(endpoint, one, step, pattern) for one in spans],
            series=ATTEMPT_SERIES,
            is_tall=False,
        ),
        speed_chart=percentile_chart(
            label=_describe_speed(percentiles, word),
            columns=[_speed_column(endpoint, one, step, pattern) for one in spans],
            series=[name for _, name in PERCENTILES],
            unit=" ms",
        ),
    )


def _describe(total: Span, word: str) -> str:
    """What the picture shows, for somebody who does not see it."""
    rate = total.success_rate
    if rate is None:
        return f"Nothing was sent in the last {word}"
    return f"{rate * 100:.1f} per cent of {total.attempts:,} attempts accepted in the last {word}"


def _describe_speed(percentiles: Sequence[tuple[str, float | None]], word: str) -> str:
    return f"Time to answer in the last {word}: " + ", ".join(
        f"{name} {format_milliseconds(value)}" for name, value in percentiles
    )


def _attempts_column(endpoint: Endpoint, span: Span, step: timedelta, pattern: str) -> Column:
    name = span.starts_at.strftime(pattern)
    tip = f"{name}: {span.delivered:,} accepted, {span.retried:,} to be retried, {span.failed:,} given up"
    values = [span.delivered, span.retried, span.failed]
    return Column(name=name, values=values, tip=tip, href=_address(endpoint, span.starts_at, step))


def _speed_column(endpoint: Endpoint, span: Span, step: timedelta, pattern: str) -> Column:
    values = [span.percentile(share) for share, _ in PERCENTILES]
    name = span.starts_at.strftime(pattern)
    words = ", ".join(f"{p} {format_milliseconds(v)}" for (_, p), v in zip(PERCENTILES, values, strict=True))
    tip = f"{name}: {words}"
    return Column(name=name, values=values, tip=tip, href=_address(endpoint, span.starts_at, step))


def _address(endpoint: Endpoint, start: datetime, step: timedelta) -> str:
    bounds = [moment.strftime("%Y-%m-%dT%H:%M") for moment in (start, start + step)]
    query = urlencode({"endpoint": endpoint.public_id, "from": bounds[0], "to": bounds[1]})
    return f"/webhooks/deliveries?{query}"


def _ceil(moment: datetime, step: timedelta) -> datetime:
    """The next multiple of ``step`` since the epoch: columns keep their places as time goes on."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp((moment.timestamp() // seconds + 1) * seconds, UTC)
