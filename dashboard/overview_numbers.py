"""The numbers of the overview: four tiles with a comparison and a line, and the deliveries as a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from dashboard.charts import CALM_CLASSES, Column, bar_chart
from dashboard.formatting import format_milliseconds, format_number, format_percent
from dashboard.periods import HOUR, Period
from messaging.traffic import HourTraffic
from webhooks_app.span_health import HourHealth, SpanHealth, sum_hours

LENGTHS = {"today": "24 hours", "7d": "7 days", "30d": "30 days"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """``value`` with its ``unit``, a comparison in words, and a line of ``values`` with what it tells."""

    label: str
    value: str
    unit: str
    text: str
    href: str
    values: Sequence[float] = field(default_factory=tuple)
    finding: str = ""
    is_bad: bool = False


def make_tiles(period: Period, traffic: Sequence[HourTraffic], health: Sequence[HourHealth]) -> list[Tile]:
    now_ = _sum_traffic(traffic, period.start, period.end)
    before = _sum_traffic(traffic, period.before_start, period.before_end)
    tiles = [
        _traffic_tile(
            period, "Messages in", now_[0], before[0], traffic, lambda hour: hour.inbound, link_to_writers(period.start)
        ),
        _traffic_tile(
            *(period, "Messages out", now_[1], before[1], traffic, lambda hour: hour.outbound),
            link_to_sent(period.start, period.end),
        ),
    ]
    current = sum_hours(health, start=period.start, end=period.end)
    earlier = sum_hours(health, start=period.before_start, end=period.before_end)
    spans = [span for _, span in split_hours(period, health)]
    return [*tiles, _success_tile(current, earlier, spans), _latency_tile(current, earlier, spans)]


def split_hours(period: Period, health: Sequence[HourHealth]) -> list[tuple[datetime, SpanHealth]]:
    """The columns of the chart: each start with the sum of its hours. Looks at each hour once."""
    columns: dict[datetime, list[HourHealth]] = {start: [] for start in period.starts}
    for hour in health:
        if period.chart_start <= hour.hour < period.end:
            columns[period.chart_start + period.step * int((hour.hour - period.chart_start) / period.step)].append(hour)
    return [(start, sum_hours(hours, start=start, end=start + period.step)) for start, hours in columns.items()]


def _sum_traffic(traffic: Sequence[HourTraffic], start: datetime, end: datetime) -> tuple[int, int]:
    chosen = [hour for hour in traffic if start <= hour.hour < end]
    return sum(hour.inbound for hour in chosen), sum(hour.outbound for hour in chosen)


def _traffic_tile(
    period: Period,
    label: str,
    count: int,
    before: int,
    traffic: Sequence[HourTraffic],
    read: Callable[[HourTraffic], int],
    href: str,
) -> Tile:
    sums = dict.fromkeys(period.starts, 0)
    for hour in traffic:
        if hour.hour >= period.chart_start:
            place = period.chart_start + period.step * int((hour.hour - period.chart_start) / period.step)
            sums[place] = sums.get(place, 0) + read(hour)
    values = list(sums.values())
    text = compare(count, before, period.compared)
    return Tile(
        label=label,
        value=format_number(count),
        unit="",
        text=text,
        href=href,
        values=values,
        finding=describe_line(values),
    )


def compare(count: int, before: int, compared: str) -> str:
    """``8% more than yesterday``."""
    if not before:
        return f"None {compared}" if count else f"None {compared} either"
    change = round(100 * (count - before) / before)
    if change == 0:
        return f"As many as {compared}"
    return f"{abs(change):,}% {'more' if change > 0 else 'less'} than {compared}"


def describe_line(values: Sequence[float]) -> str:
    """What a line without axes tells: the trend of its last quarter against the rest."""
    if not any(values):
        return "Nothing in this period"
    cut = max(1, len(values) * 3 // 4)
    first, last = sum(values[:cut]) / cut, sum(values[cut:]) / max(1, len(values) - cut)
    if last > first * 1.15:
        return "Rising"
    return "Falling" if last < first * 0.85 else "Steady"


def _success_tile(current: SpanHealth, earlier: SpanHealth, spans: Sequence[SpanHealth]) -> Tile:
    values = [span.success if span.success is not None else 1.0 for span in spans]
    share, text, is_bad = current.success, "No deliveries in this period", False
    if share is not None:
        text = f"{format_number(current.failed)} failed"
        is_bad = share < 0.99
        if earlier.success is not None and abs(points := (share - earlier.success) * 100) >= 0.05:
            text = f"{abs(points):.1f} points {'up' if points > 0 else 'down'}"
            is_bad = points < -0.5 or share < 0.95
    return Tile(
        label="Delivery success",
        value=format_percent(share).removesuffix("%"),
        unit="%" if share is not None else "",
        text=text,
        href="/webhooks/deliveries?state=failed" if is_bad else "/webhooks/deliveries",
        values=values if current.attempts else (),
        finding=describe_line(values),
        is_bad=is_bad,
    )


def _latency_tile(current: SpanHealth, earlier: SpanHealth, spans: Sequence[SpanHealth]) -> Tile:
    values = [span.p95_ms or 0.0 for span in spans]
    value, _, unit = format_milliseconds(current.p95_ms).partition(" ")
    text = f"Usually {format_milliseconds(earlier.p95_ms)}" if earlier.p95_ms else "Nothing to compare with yet"
    if current.p95_ms is None:
        text = "No deliveries in this period"
    return Tile(
        label="Handler latency, p95",
        value=value,
        unit=unit,
        text=text,
        href="/webhooks",
        values=values if current.attempts else (),
        finding=describe_line(values),
    )


def make_traffic_chart(period: Period, traffic: Sequence[HourTraffic]) -> SafeString:
    """Messages out and in; columns link to what was sent in their time."""
    sums = {start: [0, 0] for start in period.starts}
    for hour in traffic:
        if period.chart_start <= hour.hour < period.end:
            place = period.chart_start + period.step * int((hour.hour - period.chart_start) / period.step)
            sums[place][0] += hour.outbound
            sums[place][1] += hour.inbound
    columns = [
        Column(name=_name(period, start), values=counts, href=link_to_sent(start, start + period.step))
        for start, counts in sums.items()
    ]
    sent, received = (sum(counts[place] for counts in sums.values()) for place in (0, 1))
    label = f"Messages over the last {LENGTHS[period.name]}: {format_number(sent)} out, {format_number(received)} in"
    return bar_chart(label=label, columns=columns, series=["Out", "In"], is_tall=False, classes=CALM_CLASSES)


def link_to_writers(start: datetime) -> str:
    """The conversations in which somebody has written since then."""
    return f"/conversations?{urlencode({'since': f'{start.astimezone(UTC):%Y-%m-%dT%H:%MZ}'})}"


def link_to_sent(start: datetime, end: datetime) -> str:
    query = [("operation", "send"), ("operation", "audio")]
    query += [("from", f"{start:%Y-%m-%dT%H:%MZ}"), ("to", f"{end:%Y-%m-%dT%H:%MZ}")]
    return f"/logs/outbox?{urlencode(query)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryChart:
    chart: SafeString
    total: SpanHealth
    length: str
    failed_href: str


def make_delivery_chart(period: Period, health: Sequence[HourHealth]) -> DeliveryChart:
    """Columns link to the deliveries of their time."""
    total = sum_hours(health, start=period.chart_start, end=period.end)
    columns = []
    for start, span in split_hours(period, health):
        name = _name(period, start)
        shown = f"{format_number(span.delivered)} delivered"
        if span.retried or span.failed:
            shown += f", {format_number(span.retried)} retried, {format_number(span.failed)} failed"
        columns.append(
            Column(
                name=name,
                values=[span.delivered, span.retried, span.failed],
                tip=f"{name}: {shown}",
                href=_deliveries(start, start + period.step),
            )
        )
    length = LENGTHS[period.name]
    what = f"{format_number(total.failed)} failed" if total.failed else "none failed"
    chart = bar_chart(
        label=f"Deliveries over the last {length}: {what}", columns=columns, series=["Delivered", "Retried", "Failed"]
    )
    return DeliveryChart(
        chart=chart,
        total=total,
        length=length,
        failed_href=_deliveries(period.chart_start, period.end, "failed"),
    )


def _name(period: Period, start: datetime) -> str:
    local = start.astimezone(period.zone)
    if period.step == HOUR:
        return f"{local:%H:%M}"
    return f"{local:%a %H:%M}" if period.name == "7d" else f"{local.day} {local:%b}"


def _deliveries(start: datetime, end: datetime, state: str = "") -> str:
    query = {"from": f"{start:%Y-%m-%dT%H:%MZ}", "to": f"{end:%Y-%m-%dT%H:%MZ}"} | ({"state": state} if state else {})
    return f"/webhooks/deliveries?{urlencode(query)}"
