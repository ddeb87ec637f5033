"""How a line has been: the changes of its health over the last day, from the log of events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from core.ids import uuid7_floor
from events.types import LINE_CHANGED
from lines.limit_math import DAY, HOUR, floor_hour
from lines.models import Line

HOURS = 24
WORST_FIRST = ("down", "unpaired", "degraded", "ok")
_READ = """
SELECT occurred_at, state FROM (
  SELECT occurred_at, state, lag(state) OVER (ORDER BY occurred_at, id) AS before FROM (
    SELECT id, occurred_at, data::json->>'state' AS state FROM events_event
    WHERE object_id = %(line)s AND type = %(type)s AND id >= %(floor)s) AS told) AS steps
WHERE state IS DISTINCT FROM before ORDER BY occurred_at DESC LIMIT 500
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthChange:
    """Since ``at`` the line was in ``state``."""

    at: datetime
    state: str


def list_health_changes(*, line: Line, at: datetime) -> list[HealthChange]:
    """Of the last day, newest first; what was reported again unchanged is left out. One query."""
    values: dict[str, Any] = {"line": line.id, "type": LINE_CHANGED, "floor": uuid7_floor(at - DAY)}
    with connection.cursor() as cursor:
        cursor.execute(_READ, values)
        return [HealthChange(at=moment, state=state) for moment, state in cursor.fetchall()]


def spread_over_hours(changes: list[HealthChange], at: datetime) -> list[tuple[datetime, str]]:
    """The worst state of each of the last 24 hours, oldest first; "" before anything was known."""
    oldest_first = sorted(changes, key=lambda change: change.at)
    found = []
    for start in (floor_hour(at) - HOUR * (HOURS - 1 - place) for place in range(HOURS)):
        before = [change.state for change in oldest_first if change.at <= start][-1:]
        during = [change.state for change in oldest_first if start < change.at < start + HOUR]
        known = {*before, *during}
        found.append((start, next((state for state in WORST_FIRST if state in known), "")))
    return found
