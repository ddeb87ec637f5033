"""Lines as the pages show them: state in words, meters with a sentence, the chart of the meter nearest its limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.safestring import SafeString

from dashboard.charts import Column, Forecast, bar_chart, line_chart
from dashboard.formatting import format_number
from lines.limit_math import HOUR, floor_day, floor_hour
from lines.models import Line
from lines.services.limits import HourCounts, Meter

REASONS = {
    "mac_offline": "The Mac behind the line does not answer",
    "no_heartbeat": "The Mac behind the line has not reported for a while",
    "mute": "Sends are not confirmed",
    "deaf": "Nothing has arrived for longer than usual",
    "deregistered": "iMessage no longer knows this number",
    "permission_missing": "The Mac misses a permission",
    "version_unsupported": "The version on the Mac is too old",
}
CAPABILITY_WORDS = {
    "send.file": "Files",
    "send.audio": "Audio messages",
    "send.reply": "Replies",
    "react.standard": "Reactions",
    "typing.send": "Typing",
    "read.send": "Read receipts",
}
FAILURE_WORDS = {
    "line_offline": "The line was offline too long",
    "expired": "Too late to be true",
    "delivery_unknown": "Nobody can tell whether it arrived",
    "partial_delivery": "Only a part arrived",
    "engine_error": "The transport reported an error",
    "file_unreadable": "The file could not be read",
    "media_unsupported": "The file cannot be sent",
}
SHOWN = ("reach_outs", "contacts", "throughput", "unanswered", "ratio", "replies")


@dataclass(frozen=True, kw_only=True, slots=True)
class LineRow:
    """A line of the table. ``state`` is one of the states of kind ``line``; ``volume`` counts today's hours."""

    line: Line
    state: str
    reasons: list[str]
    capabilities: list[str]
    volume: list[int]
    worst: Meter | None

    @property
    def total(self) -> int:
        return sum(self.volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterCard:
    meter: Meter
    value: str
    of: str
    text: str


def get_line_state(line: Line) -> str:
    return "paused" if line.paused_at else str(line.health)


def list_reasons(line: Line) -> list[str]:
    return [REASONS.get(reason, reason.replace("_", " ").capitalize()) for reason in line.health_reasons]


def list_capabilities(line: Line) -> list[str]:
    """What the line can do, in words. A line that has reported nothing can do everything of its service."""
    if not line.capabilities:
        return ["Text"] if line.service == "sms" else list(CAPABILITY_WORDS.values())
    can = line.capabilities
    return ["Text", *(word for name, word in CAPABILITY_WORDS.items() if can.get(name, "none") != "none")]


def describe_lines(
    lines: Sequence[Line], worst: Mapping[UUID, Meter], volumes: Mapping[UUID, Mapping[int, int]], at: datetime
) -> list[LineRow]:
    """``volumes`` as of ``count_by_hour``. The sandbox line's traffic is everybody's, so it is nobody's to see."""
    hours = range(at.hour + 1)
    shared = {line.id for line in lines if line.is_sandbox}
    return [
        LineRow(
            line=line,
            state=get_line_state(line),
            reasons=list_reasons(line),
            capabilities=list_capabilities(line),
            volume=[known.get(hour, 0) for hour in hours],
            worst=worst.get(line.id),
        )
        for line in lines
        for known in [volumes.get(line.id, {}) if line.id not in shared else {}]
    ]


def make_cards(meters: Sequence[Meter]) -> list[MeterCard]:
    shown = [meter for meter in meters if meter.name in SHOWN or meter.name == "sandbox_messages"]
    return [
        MeterCard(meter=meter, value=_value(meter), of=_of(meter), text=describe_meter(meter, meters))
        for meter in shown
    ]


def describe_meter(meter: Meter, meters: Sequence[Meter]) -> str:
    """What happens next, in one sentence."""
    if meter.name == "throughput":
        per_minute = round(meter.used * 60)
        return f"{per_minute} messages in the busiest minute of today." if per_minute else "Nothing sent today."
    if meter.name == "unanswered":
        return "See who waits for an answer below." if meter.used else "Everybody has answered."
    if meter.name == "ratio":
        return "Sent for each message received."
    if meter.name == "replies":
        return "Answers to contacts who wrote in the 24 h before."
    if meter.state == "alarm":
        return "The limit is reached. It starts again at midnight UTC."
    if meter.forecast_at:
        return f"Limit at about {meter.forecast_at:%H:%M} UTC."
    if meter.projected is not None and round(meter.projected) > meter.used:
        return f"At this pace {format_number(round(meter.projected))} by midnight UTC."
    return "Starts again at midnight UTC."


def find_charted(meters: Sequence[Meter]) -> Meter:
    """The meter nearest its limit that grows over the day."""
    return max((meter for meter in meters if meter.name in ("reach_outs", "contacts")), key=lambda m: m.percent)


def make_day_chart(meter: Meter, hours: Sequence[HourCounts], at: datetime) -> SafeString:
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


def make_month_chart(meter: Meter, hours: Sequence[HourCounts], at: datetime) -> SafeString:
    days = [floor_day(at) - timedelta(days=29 - index) for index in range(30)]
    sums = dict.fromkeys(days, 0)
    for hour in hours:
        day = floor_day(hour.hour)
        if day in sums:
            sums[day] += getattr(hour, meter.name)
    columns = [Column(name=f"{day.day} {day:%b}", values=[count]) for day, count in sums.items()]
    most = max(sums.values())
    label = f"{meter.label.replace(' today', ' a day')}, 30 days: at most {most} of {meter.limit:g}"
    return line_chart(label=label, columns=columns, series="A day", limit=meter.limit)


def make_new_contacts_chart(hours: Sequence[HourCounts], at: datetime) -> SafeString:
    """New contacts in each of the last 24 hours."""
    starts = [floor_hour(at) - HOUR * (23 - index) for index in range(24)]
    counts = {hour.hour: hour.new_contacts for hour in hours}
    columns = [Column(name=f"{start:%H}:00", values=[counts.get(start, 0)]) for start in starts]
    label = f"New contacts per hour, 24 hours, UTC: {sum(counts.get(s, 0) for s in starts)} in all"
    return bar_chart(label=label, columns=columns, series=["New contacts"], is_tall=False)


def _value(meter: Meter) -> str:
    return f"{meter.used:.1f}" if meter.name in ("ratio", "throughput") else format_number(meter.used)


def _of(meter: Meter) -> str:
    if meter.limit is None:
        return "no limit"
    return {"ratio": "of 10 to 1", "throughput": "of 1 per second"}.get(meter.name, f"of {format_number(meter.limit)}")
