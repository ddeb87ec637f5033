"""Lines as the pages show them: state in words with reasons and advice, and meters with what happens next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dashboard.formatting import format_number
from lines.limit_math import DAY, is_warming, warm_limit
from lines.models import HealthState, Line
from lines.services.limits import Meter

HEALTH_WORDS = [*HealthState.choices, ("paused", "Paused")]
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
# What helps, by reason
ADVICE = {
    "mac_offline": "See that it is on, awake and has a network. What is queued waits.",
    "no_heartbeat": "See that the agent runs on the Mac.",
    "mute": "Apple may be holding messages back: look at the Mac, and send less until they are confirmed.",
    "deaf": "Write to the line from another phone to see whether it hears.",
    "deregistered": "Sign the Mac in to iMessage again.",
    "permission_missing": "Grant the agent full disk access and automation on the Mac.",
    "version_unsupported": "Update the agent on the Mac.",
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
    is_warming: bool = False

    @property
    def total(self) -> int:
        return sum(self.volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterCard:
    """``window`` says what the meter looks at, where it does not begin again at a known time. ``href`` is its chart."""

    meter: Meter
    value: str
    of: str
    text: str
    resets_in: float
    window: str
    href: str


def get_line_state(line: Line) -> str:
    return "paused" if line.paused_at else str(line.health)


def list_advice(line: Line) -> list[tuple[str, str]]:
    """Each reason with what helps."""
    return [(text, ADVICE.get(name, "")) for text, name in zip(list_reasons(line), line.health_reasons, strict=True)]


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
            is_warming=is_warming(started_at=line.warmup_started_at, days=line.warmup_days, at=at),
        )
        for line in lines
        for known in [volumes.get(line.id, {}) if line.id not in shared else {}]
    ]


def make_cards(meters: Sequence[Meter], *, at: datetime, outbound: int, inbound: int) -> list[MeterCard]:
    """``outbound`` and ``inbound`` are of the last 24 hours."""
    shown = [meter for meter in meters if meter.name in SHOWN]
    return [
        MeterCard(
            meter=meter,
            value=_value(meter),
            of=_of(meter),
            text=f"{outbound:,} out, {inbound:,} in" if meter.name == "ratio" else describe_meter(meter, at),
            resets_in=(meter.resets_at - at).total_seconds() if meter.resets_at else 0.0,
            window={"24h": "Last 24 h", "streak": "Until an answer"}.get(meter.window, ""),
            href="#un" if meter.name == "unanswered" else f"?chart={meter.name}#ch",
        )
        for meter in shown
    ]


def describe_meter(meter: Meter, at: datetime) -> str:
    """What happens next, in a few words."""
    if meter.name == "throughput":
        per_minute = round(meter.used * 60)
        return f"{per_minute:,} in the busiest minute" if per_minute else "Nothing sent today"
    if meter.name == "unanswered":
        return "See who waits below" if meter.used else "Everybody has answered"
    if meter.name == "replies":
        return "To contacts who wrote in the 24 h before"
    if meter.state == "alarm":
        return "The limit is reached"
    if meter.forecast_at:
        return f"Limit at about {meter.forecast_at:%H:%M} UTC"
    if meter.projected is not None and round(meter.projected) > meter.used:
        return f"At this pace {format_number(round(meter.projected))}"
    return "No change at this pace"


def describe_warmup(line: Line, at: datetime) -> str:
    """``Warming up: day 4 of 14, limits at 20%``; nothing once it is over."""
    if not is_warming(started_at=line.warmup_started_at, days=line.warmup_days, at=at) or not line.warmup_started_at:
        return ""
    share = warm_limit(1000, started_at=line.warmup_started_at, days=line.warmup_days, at=at) / 10
    day = max(0, (at - line.warmup_started_at) // DAY) + 1
    return f"Warming up: day {day} of {line.warmup_days}, limits at {share:.0f}%"


def _value(meter: Meter) -> str:
    return f"{meter.used:.1f}" if meter.name in ("ratio", "throughput") else format_number(meter.used)


def _of(meter: Meter) -> str:
    if meter.limit is None:
        return "no limit"
    return {"ratio": "of 10 to 1", "throughput": "of 1 per second"}.get(meter.name, f"of {format_number(meter.limit)}")
