"""The periods of the overview: today, 7 days, 30 days, each with the same length before it to compare with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

HOUR = timedelta(hours=1)
NAMES = {"today": "Today", "7d": "7 days", "30d": "30 days"}
_STEPS = {"today": HOUR, "7d": timedelta(hours=6), "30d": timedelta(days=1)}
_BEFORE = {"today": "yesterday", "7d": "the 7 days before", "30d": "the 30 days before"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """``[start, end)`` in whole steps, compared with ``[before_start, before_end)``; ``chart_start`` is where the
    chart begins: a young day shows the last 24 hours."""

    name: str
    zone: ZoneInfo
    start: datetime
    end: datetime
    before_start: datetime
    before_end: datetime
    chart_start: datetime
    step: timedelta
    compared: str

    @property
    def starts(self) -> list[datetime]:
        """The starts of the chart's columns, oldest first."""
        count = round((self.end - self.chart_start) / self.step)
        return [self.chart_start + self.step * index for index in range(count)]


@lru_cache(maxsize=1000)
def find_zone(name: str) -> ZoneInfo:
    """UTC for a name that is none. The names are files in folders, which takes longer than all else here."""
    return ZoneInfo(name if name in available_timezones() else "UTC")


def make_period(name: str, *, zone: str, at: datetime) -> Period:
    """``name``: today, 7d or 30d, anything else is today. Hours are those of the roll-ups, UTC."""
    name = name if name in NAMES else "today"
    local_zone = find_zone(zone)
    hour = at.replace(minute=0, second=0, microsecond=0)
    end, step = hour + HOUR, _STEPS[name]
    if name == "today":
        midnight = at.astimezone(local_zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(at.tzinfo)
        start = midnight.replace(minute=0)
        day = timedelta(days=1)
        chart_start, before_start, before_end = end - day, start - day, end - day
    else:
        length = timedelta(days=7 if name == "7d" else 30)
        start = chart_start = end - length
        before_start, before_end = start - length, start
    return Period(
        name=name,
        zone=local_zone,
        start=start,
        end=end,
        before_start=before_start,
        before_end=before_end,
        chart_start=chart_start,
        step=step,
        compared=_BEFORE[name],
    )
