"""Success and speed of one endpoint over a span, ready to be drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

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


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthColumn:
    """One column: its span, its name and the deliveries behind it."""

    span: Span
    name: str
    href: str
    quickness: list[float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    word: str
    total: Span
    columns: list[HealthColumn]
    percentiles: list[tuple[str, float | None]]

    @property
    def finding(self) -> str:
        """What the picture shows, for somebody who does not see it."""
        rate = self.total.success_rate
        if rate is None:
            return f"Nothing was sent in the last {self.word}"
        return f"{rate * 100:.1f} per cent of {self.total.attempts:,} attempts accepted in the last {self.word}"


def make_health(endpoint: Endpoint, span: str, at: datetime) -> Health:
    """One query."""
    word, count, step, pattern = SPANS[span]
    until = _ceil(at, step)
    spans = list_spans(endpoint_id=endpoint.pk, since=until - step * count, until=until, step=step)
    total = sum_spans(spans)
    return Health(
        word=word,
        total=total,
        columns=[_column(endpoint, one, step, pattern) for one in spans],
        percentiles=[(name, total.percentile(share)) for share, name in PERCENTILES],
    )


def _column(endpoint: Endpoint, span: Span, step: timedelta, pattern: str) -> HealthColumn:
    end = span.starts_at + step
    address: Callable[[datetime], str] = lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")  # noqa: E731
    query = urlencode({"endpoint": endpoint.public_id, "from": address(span.starts_at), "to": address(end)})
    return HealthColumn(
        span=span,
        name=span.starts_at.astimezone(UTC).strftime(pattern),
        href=f"/webhooks/deliveries?{query}",
        quickness=[span.percentile(share) for share, _ in PERCENTILES],
    )


def _ceil(moment: datetime, step: timedelta) -> datetime:
    """The next multiple of ``step`` since the epoch: columns keep their places as time goes on."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp((moment.timestamp() // seconds + 1) * seconds, UTC)
