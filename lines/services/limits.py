"""A line's limits as meters (spec sandbox-and-lines §4), read from the roll-ups that ``counting`` keeps.

    meters = get_meters(line=line)                 # three queries, whatever the traffic
    worst = get_worst_meters(lines=lines)          # three queries, whatever the number of lines

Nothing here refuses anything: the figures are guidance, except the sandbox's daily budget.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import Organization
from core.clock import now
from core.hours import read_hours
from lines.limit_math import (
    HOUR,
    MAX_CONTACTS,
    MAX_PER_SECOND,
    MAX_RATIO,
    MAX_REACH_OUTS,
    MAX_UNANSWERED,
    PACE_HOURS,
    Forecast,
    State,
    day_ago,
    floor_day,
    floor_hour,
    get_percent,
    get_ratio,
    get_state,
    make_forecast,
    next_day,
    warm_limit,
)
from lines.models import Line, LineHour, SandboxUsage
from lines.services.counting import count_failed, count_held, count_inbound, count_outbound


class HourCounts(NamedTuple):
    """One line's hour: what the meters need of it, then what the page of the line adds."""

    hour: datetime
    outbound: int
    inbound: int
    reach_outs: int
    contacts: int
    peak_minute: int
    new_contacts: int
    held: int = 0


HOUR_FIELDS = HourCounts._fields[:-1]
METER_LABELS = {
    "reach_outs": "Reach-outs today",
    "contacts": "Contacts who wrote today",
    "throughput": "Throughput, peak minute",
    "unanswered": "Most unanswered in a row",
    "ratio": "Outbound to inbound, 24 h",
    "replies": "Replies within 24 h",
    "new_contacts": "New contacts this hour",
    "sandbox_messages": "Sandbox messages today",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """One limit of a line. ``limit`` None = unlimited. ``window`` is second, day, 24h, hour or streak; a streak has
    no start and no end. ``percent`` of the limit, may exceed 100. ``forecast_at``: when the limit is reached at the
    present pace, None if not before ``resets_at``; ``projected``: what will be used by then.
    """

    name: str
    label: str
    used: float
    limit: float | None
    window: str
    window_start: datetime | None = None
    resets_at: datetime | None = None
    percent: float = 0.0
    state: State = "ok"
    forecast_at: datetime | None = None
    projected: float | None = None
    is_enforced: bool = False


@dataclass(slots=True)
class _Sums:
    """What the roll-ups say of one line at one moment."""

    outbound: int = 0
    inbound: int = 0
    reach_outs_24h: int = 0
    reach_outs: int = 0
    contacts: int = 0
    peak_minute: int = 0
    new_contacts: int = 0
    recent_reach_outs: list[int] | None = None
    recent_contacts: list[int] | None = None


def get_meters(*, line: Line, at: datetime | None = None, organization: Organization | None = None) -> list[Meter]:
    """Every limit of a line. The sandbox line is shared, so it shows only the daily budget of ``organization``."""
    moment = at or now()
    if line.is_sandbox:
        return [_sandbox_meter(organization, moment)] if organization is not None else []
    sums = _read_sums([line.id], moment)
    return _make_meters(line, sums.get(line.id, _Sums()), _unanswered([line.id]).get(line.id, 0), moment)


def get_worst_meters(
    *, lines: Sequence[Line], at: datetime | None = None, organization: Organization | None = None
) -> dict[UUID, Meter]:
    """For each line the meter nearest its limit."""
    return {
        key: find_worst(meters) for key, meters in list_meters(lines=lines, at=at, organization=organization) if meters
    }


def list_meters(
    *, lines: Sequence[Line], at: datetime | None = None, organization: Organization | None = None
) -> Iterable[tuple[UUID, list[Meter]]]:
    """All meters of many lines; a constant number of queries."""
    moment = at or now()
    own = [line.id for line in lines if not line.is_sandbox]
    sums = _read_sums(own, moment) if own else {}
    streaks = _unanswered(own) if own else {}
    for line in lines:
        if line.is_sandbox:
            yield line.id, [_sandbox_meter(organization, moment)] if organization else []
        else:
            yield line.id, _make_meters(line, sums.get(line.id, _Sums()), streaks.get(line.id, 0), moment)


def make_meters(*, line: Line, hours: Iterable[HourCounts], unanswered: int, at: datetime) -> list[Meter]:
    """Of a line whose hours of the ``meter_span`` have been read already; others are passed over."""
    start, end = meter_span(at)
    rows = [(line.id, *hour[:-1]) for hour in hours if start <= hour.hour < end]
    return _make_meters(line, _add_up(rows, at).get(line.id, _Sums()), unanswered, at)


def find_worst(meters: Sequence[Meter]) -> Meter:
    """The meter nearest its limit; the first of equals."""
    return max(meters, key=lambda meter: meter.percent)


def get_reach_out_limit(*, line: Line, at: datetime) -> int:
    """Reach-outs a day, less while the line warms up."""
    return warm_limit(MAX_REACH_OUTS, started_at=line.warmup_started_at, days=line.warmup_days, at=at)


def _read_sums(line_ids: Collection[UUID], at: datetime) -> dict[UUID, _Sums]:
    """Sums of today and of the last 24 hours, one query of at most 24 rows a line.

    A day is the whole day: what a clock that runs ahead has dated later today counts today.
    """
    start, end = meter_span(at)
    rows = LineHour.objects.filter(line_id__in=list(line_ids), hour__gte=start, hour__lt=end)
    return _add_up(read_hours(rows, "hour", "line_id", *HOUR_FIELDS[1:]), at)


def list_hours(*, line: Line, since: datetime) -> list[HourCounts]:
    """Roll-ups of a line's hours from ``since`` on, oldest first. One query."""
    rows = LineHour.objects.filter(line=line, hour__gte=since).order_by("hour")
    return [HourCounts(*counts) for _, *counts in read_hours(rows, "hour", "line_id", *HourCounts._fields[1:])]


def meter_span(at: datetime) -> tuple[datetime, datetime]:
    """From when to when the hours matter to the meters of that moment."""
    return min(day_ago(at), floor_day(at)), next_day(at)


def _add_up(rows: Iterable[Sequence[Any]], at: datetime) -> dict[UUID, _Sums]:
    """Rows are a line's key and ``HOUR_FIELDS``."""
    hour, today, first = floor_hour(at), floor_day(at), day_ago(at)
    found: dict[UUID, _Sums] = {}
    for line_id, start, outbound, inbound, reach_outs, contacts, peak, new in rows:
        sums = found.setdefault(line_id, _Sums())
        if first <= start <= hour:
            sums.outbound += outbound
            sums.inbound += inbound
            sums.reach_outs_24h += reach_outs
        if start >= today:
            sums.reach_outs += reach_outs
            sums.contacts += contacts
            sums.peak_minute = max(sums.peak_minute, peak)
        if start == hour:
            sums.new_contacts = new
        position = PACE_HOURS - 1 - int((hour - start) / HOUR)
        if 0 <= position < PACE_HOURS:
            sums.recent_reach_outs = sums.recent_reach_outs or [0] * PACE_HOURS
            sums.recent_contacts = sums.recent_contacts or [0] * PACE_HOURS
            sums.recent_reach_outs[position] = reach_outs
            sums.recent_contacts[position] = contacts
    return found


def _unanswered(line_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """The longest streak of each line. Conversations are above this layer, so who counts them is a setting."""
    count = cast(Callable[[Collection[UUID]], Mapping[UUID, int]], import_string(settings.LINE_STREAKS))
    return count(line_ids)


def _make_meters(line: Line, sums: _Sums, unanswered: int, at: datetime) -> list[Meter]:
    warm = {"started_at": line.warmup_started_at, "days": line.warmup_days, "at": at}
    ratio = get_ratio(outbound=sums.outbound, inbound=sums.inbound)
    first, end = day_ago(at), floor_hour(at) + HOUR
    return [
        _day_meter("reach_outs", sums.reach_outs, warm_limit(MAX_REACH_OUTS, **warm), at, sums.recent_reach_outs),  # type: ignore[arg-type]
        _day_meter("contacts", sums.contacts, warm_limit(MAX_CONTACTS, **warm), at, sums.recent_contacts),  # type: ignore[arg-type]
        _meter("throughput", sums.peak_minute / 60, MAX_PER_SECOND, "second", floor_day(at), next_day(at)),
        _meter("unanswered", unanswered, MAX_UNANSWERED, "streak"),
        _meter("ratio", round(ratio, 2), MAX_RATIO, "24h", first, end),
        _meter("replies", sums.outbound - sums.reach_outs_24h, None, "24h", first, end),
        _meter("new_contacts", sums.new_contacts, None, "hour", floor_hour(at), end),
    ]


def _day_meter(name: str, used: int, limit: int, at: datetime, recent: Sequence[int] | None) -> Meter:
    start, end = floor_day(at), next_day(at)
    forecast = make_forecast(recent=recent or [0], at=at, used=used, limit=limit, window_start=start, window_end=end)
    return _meter(name, used, limit, "day", start, end, forecast)


def make_sandbox_meter(*, organization: Organization | None, used: int, at: datetime) -> Meter:
    """The daily budget on the shared line; ``used`` has been read already."""
    limit = organization.sandbox_daily_messages if organization else None
    limit = settings.SANDBOX_DAILY_MESSAGES if limit is None else limit
    return _meter("sandbox_messages", used, limit, "day", floor_day(at), next_day(at), is_enforced=True)


def _sandbox_meter(organization: Organization | None, at: datetime) -> Meter:
    row = SandboxUsage.objects.filter(organization=organization, day=at.date()).values_list("used").first()
    return make_sandbox_meter(organization=organization, used=row[0] if row else 0, at=at)


def _meter(
    name: str,
    used: float,
    limit: float | None,
    window: str,
    start: datetime | None = None,
    end: datetime | None = None,
    forecast: Forecast | None = None,
    *,
    is_enforced: bool = False,
) -> Meter:
    percent = get_percent(used, limit)
    return Meter(
        name=name,
        label=METER_LABELS[name],
        used=used,
        limit=limit,
        window=window,
        window_start=start,
        resets_at=end,
        percent=round(percent, 1),
        state=get_state(percent),
        forecast_at=forecast.hits_at if forecast else None,
        projected=forecast.projected if forecast else None,
        is_enforced=is_enforced,
    )


__all__ = [
    "HOUR_FIELDS",
    "METER_LABELS",
    "HourCounts",
    "Meter",
    "count_failed",
    "count_held",
    "count_inbound",
    "count_outbound",
    "find_worst",
    "get_meters",
    "get_reach_out_limit",
    "get_worst_meters",
    "list_meters",
    "make_meters",
    "make_sandbox_meter",
    "meter_span",
]
