"""The arithmetic of a line's limits (spec sandbox-and-lines §4): no database, no clock, no Django.

Days and hours are UTC. "Today" is the UTC day of the moment asked about; "24 hours" is the present hour and the 23
before it, so that hourly roll-ups answer exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["ok", "warn", "alarm"]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REPLY_WINDOW = timedelta(hours=24)  # restarts with each inbound message
WARN_PERCENT, ALARM_PERCENT = 80, 100
MAX_PER_SECOND = 1.0
MAX_CONTACTS = 1000
MAX_REACH_OUTS = 200
# Whoever reaches the share of a day's reach-outs that is warned of did this many in one of its hours, or more
PRESSING_REACH_OUTS = -(-MAX_REACH_OUTS * WARN_PERCENT // 100 // 24)
MAX_UNANSWERED = 5
MAX_RATIO = 10.0
PACE_HOURS = 3  # the forecast looks at the present hour and the two before
WARMUP_START = 0.1  # of the full limit, on a line's first day


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """``hits_at``: when the limit is reached at the present pace, None if not within the window. ``projected``: what
    will have been used at the window's end at that pace. ``per_hour``: the pace.
    """

    hits_at: datetime | None
    projected: float
    per_hour: float


def floor_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def next_day(moment: datetime) -> datetime:
    return floor_day(moment) + DAY


def day_ago(moment: datetime) -> datetime:
    """The first of the 24 hours that end with the present one."""
    return floor_hour(moment) - 23 * HOUR


def is_reach_out(*, last_inbound_at: datetime | None, at: datetime) -> bool:
    """Whether a message sent at ``at`` reaches out: the contact's last message is older than 24 h, or there is none."""
    return last_inbound_at is None or last_inbound_at < at - REPLY_WINDOW


def get_ratio(*, outbound: int, inbound: int) -> float:
    """Outbound to one inbound; without any inbound it is as if there had been one."""
    return outbound / max(1, inbound)


def get_percent(used: float, limit: float | None) -> float:
    """Per cent of the limit; without a limit 0, and a limit of 0 is full at once."""
    if limit is None:
        return 0.0
    if limit <= 0:
        return float(ALARM_PERCENT)
    return 100 * used / limit


def get_state(percent: float) -> State:
    if percent >= ALARM_PERCENT:
        return "alarm"
    return "warn" if percent >= WARN_PERCENT else "ok"


def warm_limit(limit: int, *, started_at: datetime | None, days: int, at: datetime) -> int:
    """The limit of a line that is still warming up: from a tenth on the first day, growing by the same factor each
    day, to the whole after ``days``. At least 1.
    """
    if not days or started_at is None:
        return limit
    age = max(0.0, (at - started_at) / DAY)
    share = WARMUP_START ** (1 - min(1.0, age / days))
    return max(1, min(limit, int(limit * share + 1e-9)))


def is_warming(*, started_at: datetime | None, days: int, at: datetime) -> bool:
    return bool(days) and started_at is not None and at < started_at + days * DAY


def make_forecast(
    *, recent: Sequence[int], at: datetime, used: float, limit: float, window_start: datetime, window_end: datetime
) -> Forecast:
    """Goes on at the mean pace of ``recent``: counts of the last hours, oldest first, the present one last.

    Time before the window began does not count. A pace is told only after ten minutes, as one message in the first
    second is no pace.
    """
    since = max(window_start, floor_hour(at) - (len(recent) - 1) * HOUR)
    inside = int((floor_hour(at) - floor_hour(since)) / HOUR) + 1
    seconds = max(600.0, (at - since).total_seconds())
    per_second = sum(recent[-inside:]) / seconds if inside > 0 else 0.0
    left = max(0.0, (window_end - at).total_seconds())
    projected = used + per_second * left
    hits_at = None
    if used < limit <= projected and per_second > 0:
        hits_at = min(window_end, at + timedelta(seconds=(limit - used) / per_second))
    return Forecast(hits_at=hits_at, projected=projected, per_hour=per_second * 3600)
