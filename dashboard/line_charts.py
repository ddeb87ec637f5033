"""The charts of a line: each limit over today, the last 24 hours or 30 days, and the new contacts of each hour.

Hours and days are UTC, as the limits are. What was sent links to the outbox of that hour or day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from dashboard.charts import Column, Forecast, bar_chart, line_chart
from dashboard.formatting import format_number, format_seconds
from lines.limit_math import DAY, HOUR, day_ago, floor_day, floor_hour, get_ratio
from lines.models import Line
from lines.services.limits import HourCounts, Meter

TODAY, DAY_LONG, MONTH = "today", "24h", "30d"
SPANS = {TODAY: "Today", DAY_LONG: "24 hours", MONTH: "30 days"}
DAYS_SHOWN = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Chartable:
    """``read`` takes the hours of one column. ``is_sent``: a column links to what was sent then."""

    title: str
    read: Callable[[Sequence[HourCounts]], float]
    is_sent: bool = True
    is_daily: bool = False


def _sum_ratio(hours: Sequence[HourCounts]) -> float:
    ratio = get_ratio(outbound=sum(h.outbound for h in hours), inbound=sum(h.inbound for h in hours))
    return round(ratio, 2)


CHARTS = {
    "reach_outs": Chartable(title="Reach-outs", read=lambda hours: sum(h.reach_outs for h in hours), is_daily=True),
    "contacts": Chartable(
        title="Contacts who wrote", read=lambda hours: sum(h.contacts for h in hours), is_sent=False, is_daily=True
    ),
    "throughput": Chartable(
        title="Messages in the busiest minute", read=lambda hours: max((h.peak_minute for h in hours), default=0)
    ),
    "ratio": Chartable(title="Outbound to one inbound", read=_sum_ratio),
    "replies": Chartable(title="Replies", read=lambda hours: sum(h.outbound - h.reach_outs for h in hours)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LineChart:
    """``spans`` are (address, word, is current)."""

    name: str
    title: str
    text: str
    chart: SafeString
    spans: list[tuple[str, str, bool]]


def choose_chart(meters: Sequence[Meter], wanted: str) -> Meter:
    """The one asked for, or the meter nearest its limit among those that grow over the day."""
    found = {meter.name: meter for meter in meters}
    if wanted in CHARTS and wanted in found:
        return found[wanted]
    return max((meter for meter in meters if meter.name in ("reach_outs", "contacts")), key=lambda m: m.percent)


def choose_span(meter: Meter, wanted: str) -> str:
    """Only what is counted by the day grows over today."""
    spans = [name for name in SPANS if name != TODAY or CHARTS[meter.name].is_daily]
    return wanted if wanted in spans else spans[0]


def first_hour(span: str, at: datetime) -> datetime:
    """From when on the hours of a line are needed for its page."""
    return floor_day(at) - DAYS_SHOWN * DAY if span == MONTH else day_ago(at) - DAY


def make_line_chart(line: Line, meter: Meter, span: str, hours: Sequence[HourCounts], at: datetime) -> LineChart:
    draw = {TODAY: _draw_today, DAY_LONG: _draw_hours, MONTH: _draw_days}[span]
    chosen = CHARTS[meter.name]
    spans = [(name, word) for name, word in SPANS.items() if name != TODAY or chosen.is_daily]
    return LineChart(
        name=meter.name,
        title=chosen.title,
        text=_describe(meter, at) if span == TODAY else "",
        chart=draw(line, meter, hours, at),
        spans=[(f"?{urlencode({'chart': meter.name, 'span': name})}#ch", word, name == span) for name, word in spans],
    )


def _describe(meter: Meter, at: datetime) -> str:
    """When the limit is reached at this pace, and how to stay below it."""
    free = " Answers to contacts who wrote in the last 24 h do not count." if meter.name == "reach_outs" else ""
    limit = meter.limit or 0
    if meter.state == "alarm":
        return f"The limit of {format_number(limit)} is reached.{free}"
    if meter.forecast_at is None or meter.resets_at is None:
        return f"{format_number(meter.used)} of {format_number(limit)}. At this pace the limit is not reached today."
    pace = int((limit - meter.used) / max(1.0, (meter.resets_at - at) / HOUR))
    slower = f" Slowing to {format_number(pace)} an hour keeps the line below it until midnight UTC." if pace else ""
    wait = format_seconds((meter.forecast_at - at).total_seconds())
    return f"At this pace the limit is reached at {meter.forecast_at:%H:%M} UTC, in {wait}.{slower}{free}"


def _draw_today(line: Line, meter: Meter, hours: Sequence[HourCounts], at: datetime) -> SafeString:
    """Today so far, added up hour by hour, against the limit, with its forecast."""
    today = floor_day(at)
    by_place = {int((hour.hour - today) / HOUR): getattr(hour, meter.name) for hour in hours if hour.hour >= today}
    total, columns = 0, []
    for place in range(25):
        if 1 <= place <= at.hour + 1:
            total += by_place.get(place - 1, 0)
        known = place <= at.hour + 1
        tip = "" if known else f"{place:02}:00 UTC"
        columns.append(Column(name=f"{place:02}:00", values=[total if known else None], tip=tip))
    forecast = None
    if meter.projected is not None and meter.limit and meter.projected > meter.used:
        word = f"{meter.forecast_at:%H:%M}" if meter.forecast_at else ""
        top = min(meter.projected, meter.limit * 1.15)
        share = (top - meter.used) / (meter.projected - meter.used)
        forecast = Forecast(steps=share * (23 - at.hour), value=top, word=word)
    label = f"{meter.label}, UTC: {meter.used:g} of {meter.limit:g}"
    return line_chart(label=label, columns=columns, series=meter.label, limit=meter.limit, forecast=forecast)


def _draw_hours(line: Line, meter: Meter, hours: Sequence[HourCounts], at: datetime) -> SafeString:
    """The last 24 hours. A ratio is that of the 24 hours up to each hour, as the meter's is."""
    chosen, first = CHARTS[meter.name], day_ago(at)
    columns = []
    for start in (first + HOUR * place for place in range(24)):
        since = start - 23 * HOUR if meter.name == "ratio" else start
        value = chosen.read([hour for hour in hours if since <= hour.hour <= start])
        columns.append(_column(line, chosen, f"{start:%H}:00", value, start, HOUR))
    label = f"{chosen.title}, 24 hours, UTC: at most {format_number(max(_values(columns)))} in an hour"
    if meter.name == "ratio":
        label = f"{chosen.title} over the 24 hours before, UTC"
        return line_chart(label=label, columns=columns, series=chosen.title, limit=meter.limit)
    return bar_chart(label=label, columns=columns, series=[chosen.title], is_tall=False)


def _draw_days(line: Line, meter: Meter, hours: Sequence[HourCounts], at: datetime) -> SafeString:
    chosen, today = CHARTS[meter.name], floor_day(at)
    days: dict[datetime, list[HourCounts]] = {today - DAY * (DAYS_SHOWN - 1 - place): [] for place in range(DAYS_SHOWN)}
    for hour in hours:
        if (day := floor_day(hour.hour)) in days:
            days[day].append(hour)
    columns = [
        _column(line, chosen, f"{day.day} {day:%b}", chosen.read(found), day, DAY) for day, found in days.items()
    ]
    limit = 60 * meter.limit if meter.name == "throughput" and meter.limit else meter.limit
    label = f"{chosen.title}, 30 days, UTC: at most {format_number(max(_values(columns)))}"
    label += f" of {format_number(limit)}" if limit else ""
    return line_chart(label=label, columns=columns, series=chosen.title, limit=limit)


def _values(columns: Sequence[Column]) -> list[float]:
    return [column.values[0] or 0 for column in columns]


def _column(line: Line, chosen: Chartable, name: str, value: float, start: datetime, length: timedelta) -> Column:
    href = link_to_outbox(line, start=start, end=start + length) if chosen.is_sent else ""
    return Column(name=name, values=[value], href=href)


def link_to_outbox(line: Line, *, start: datetime | None = None, end: datetime | None = None, **filters: str) -> str:
    """The outbox log, narrowed to what a number counts."""
    query = [("line", line.public_id), *filters.items()]
    if start is not None:
        query.append(("from", f"{start:%Y-%m-%dT%H:%MZ}"))
    if end is not None:
        query.append(("to", f"{end:%Y-%m-%dT%H:%MZ}"))
    return f"/logs/outbox?{urlencode(query)}"


def make_new_contacts_chart(hours: Sequence[HourCounts], at: datetime) -> SafeString:
    """New contacts in each of the last 24 hours."""
    starts = [floor_hour(at) - HOUR * (23 - index) for index in range(24)]
    counts = {hour.hour: hour.new_contacts for hour in hours}
    columns = [Column(name=f"{start:%H}:00", values=[counts.get(start, 0)]) for start in starts]
    label = f"New contacts per hour, 24 hours, UTC: {sum(counts.get(s, 0) for s in starts)} in all"
    return bar_chart(label=label, columns=columns, series=["New contacts"], is_tall=False)
