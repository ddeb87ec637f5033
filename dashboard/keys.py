"""Keys as the pages show them: state in words, what a key may do, its use per hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from accounts.models import ApiKey, ApiKeyHour
from accounts.scopes import MATRIX, PRESETS, SCOPES
from accounts.selectors import SOON
from core.clock import now
from dashboard.formatting import format_seconds

PRESET_WORDS = {"send_only": "Send only", "read_only": "Read only", "full": "Full"}
RESOURCE_HINTS = {
    "messages": "text, audio",
    "chats": "list of conversations",
    "lines": "numbers and limits",
    "reactions": "tapbacks",
    "typing": "indicators",
    "receipts": "read marks",
    "webhooks": "endpoints",
    "outbox": "what is waiting",
    "files": "attachments",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRow:
    """A key with the words that stand beside it. ``state`` is one of the states of kind ``key``."""

    key: ApiKey
    state: str
    words: str
    may: str
    lines: str
    is_ended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ScopeRow:
    resource: str
    hint: str
    read: str | None
    write: str | None


def describe_key(key: ApiKey, line_names: Mapping[UUID, str], at: datetime | None = None) -> KeyRow:
    state, words = get_state(key, at or now())
    return KeyRow(
        key=key,
        state=state,
        words=words,
        may=describe_scopes(key.scopes),
        lines=describe_lines(key, line_names),
        is_ended=state in ("revoked", "expired", "leaked"),
    )


def get_state(key: ApiKey, at: datetime) -> tuple[str, str]:
    """State and words, such as ``expiring``, "Expires in 6 days"."""
    if key.revoked_at is not None:
        return ("leaked", "Leaked, revoked") if key.revoked_reason == "leaked" else ("revoked", "Revoked")
    left = (key.expires_at - at).total_seconds() if key.expires_at else None
    if left is not None and left <= 0:
        return "expired", "Rolled" if key.rolled_to_id else "Expired"
    if key.rolled_to_id and left is not None:
        return "rolling", f"Rolling, old key works {_span(left)}"
    if left is not None and left < SOON.total_seconds():
        return "expiring", f"Expires in {_span(left)}"
    if key.last_used_at is None:
        return "unused", "Never used"
    return "active", "Active"


def _span(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return f"{round(seconds / 86_400)} days"
    if seconds >= 3600:
        return f"{round(seconds / 3600)} h"
    return str(format_seconds(seconds))


def describe_scopes(scopes: Sequence[str]) -> str:
    for name, preset in PRESETS.items():
        if set(scopes) == set(preset):
            return PRESET_WORDS[name]
    return f"{len(scopes)} of {len(SCOPES)} scopes"


def describe_lines(key: ApiKey, line_names: Mapping[UUID, str]) -> str:
    if key.line_ids is None:
        return "All lines"
    known = [line_names[line_id] for line_id in key.line_ids if line_id in line_names]
    if len(known) == 1:
        return known[0]
    return f"{len(known)} lines"


def list_scope_rows() -> list[ScopeRow]:
    return [
        ScopeRow(resource=resource.capitalize(), hint=RESOURCE_HINTS[resource], read=read, write=write)
        for resource, (read, write) in MATRIX.items()
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One hour or day of the usage chart; heights are per cent of the chart's top."""

    starts_at: datetime
    requests: int
    errors: int
    sends: int
    x: float
    width: float
    height: float
    error_height: float

    @property
    def y(self) -> float:
        return 100 - self.height

    @property
    def error_y(self) -> float:
        return 100 - self.error_height


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageChart:
    bars: list[Bar]
    top: int
    requests: int
    errors: int
    sends: int


def make_usage_chart(hours: Sequence[ApiKeyHour], *, days: int, at: datetime) -> UsageChart:
    """Hours of the last day, or days of the last 30, without gaps; the last bar is the present one."""
    step = timedelta(hours=1) if days == 1 else timedelta(days=1)
    count = 24 if days == 1 else days
    last = at.replace(minute=0, second=0, microsecond=0)
    if days != 1:
        last = last.replace(hour=0)
    starts = [last - step * (count - 1 - index) for index in range(count)]
    sums = {start: [0, 0, 0] for start in starts}
    for hour in hours:
        start = hour.hour if days == 1 else hour.hour.replace(hour=0)
        if start in sums:
            for index, number in enumerate((hour.requests, hour.errors, hour.sends)):
                sums[start][index] += number
    top = max((values[0] for values in sums.values()), default=0)
    bars = [
        Bar(
            starts_at=start,
            requests=requests,
            errors=errors,
            sends=sends,
            x=100 * index / count,
            width=70 / count,
            height=100 * requests / top if top else 0,
            error_height=100 * min(errors, requests) / top if top else 0,
        )
        for index, (start, (requests, errors, sends)) in enumerate(sums.items())
    ]
    totals = [sum(values[index] for values in sums.values()) for index in range(3)]
    return UsageChart(bars=bars, top=top, requests=totals[0], errors=totals[1], sends=totals[2])
