"""The lines of an organization that need somebody, and those nearest a limit: a handful of a thousand, in one query.

The database ranks by roughly what the meters will say and returns a few more than are shown, with the hours that
their meters need; the meters decide.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import Organization
from core.clock import now
from lines.limit_math import (
    MAX_CONTACTS,
    MAX_PER_SECOND,
    MAX_RATIO,
    MAX_REACH_OUTS,
    MAX_UNANSWERED,
    WARMUP_START,
    day_ago,
    floor_day,
)
from lines.models import Line
from lines.services.limits import (
    HOUR_FIELDS,
    HourCounts,
    Meter,
    find_worst,
    make_meters,
    make_sandbox_meter,
    meter_span,
)

LOOKED_AT = 24
_HOUR = ", ".join(f"extract(epoch FROM h.{name})" if name == "hour" else f"h.{name}" for name in HOUR_FIELDS)
_READ = f"""
WITH readable AS (
  SELECT id FROM lines_line WHERE organization_id = %(org)s AND deleted_at IS NULL
  UNION
  SELECT l.id FROM lines_line l JOIN lines_sandboxpairing p ON p.line_id = l.id AND p.organization_id = %(org)s
    AND p.status = 'active' WHERE l.is_sandbox AND l.deleted_at IS NULL),
sums AS (
  SELECT h.line_id, sum(h.reach_outs) FILTER (WHERE h.hour >= %(today)s) AS reach_outs,
    sum(h.contacts) FILTER (WHERE h.hour >= %(today)s) AS contacts,
    max(h.peak_minute) FILTER (WHERE h.hour >= %(today)s) AS peak,
    sum(h.outbound) FILTER (WHERE h.hour >= %(first)s) AS outbound,
    sum(h.inbound) FILTER (WHERE h.hour >= %(first)s) AS inbound
  FROM lines_line l JOIN lines_linehour h ON h.line_id = l.id AND h.hour >= %(start)s AND h.hour < %(end)s
  WHERE l.organization_id = %(org)s AND l.deleted_at IS NULL AND NOT l.is_sandbox GROUP BY 1),
ranked AS (
  SELECT l.id, coalesce(w.unanswered, 0) AS streak, count(*) OVER () AS among,
    l.paused_at IS NOT NULL OR l.health = 'ok' AS is_calm,
    greatest(s.reach_outs / {MAX_REACH_OUTS}::float8, s.contacts / {MAX_CONTACTS}::float8,
      s.peak / 60.0 / {MAX_PER_SECOND}, s.outbound::float8 / greatest(s.inbound, 1) / {MAX_RATIO},
      w.unanswered / {MAX_UNANSWERED}::float8, 0)
      / CASE WHEN l.warmup_started_at + l.warmup_days * interval '1 day' > %(at)s THEN {WARMUP_START} ELSE 1 END
      AS score
  FROM readable r JOIN lines_line l ON l.id = r.id LEFT JOIN sums s ON s.line_id = l.id
  LEFT JOIN LATERAL (SELECT unanswered FROM messaging_chat c
    WHERE c.line_id = l.id AND NOT l.is_sandbox AND c.unanswered > 0 ORDER BY c.unanswered DESC LIMIT 1) w ON true
  ORDER BY is_calm, score DESC, l.id LIMIT %(limit)s)
SELECT l.*, r.streak, r.among,
  (SELECT json_agg(json_build_array({_HOUR})) FROM lines_linehour h
   WHERE h.line_id = l.id AND NOT l.is_sandbox AND h.hour >= %(start)s AND h.hour < %(end)s) AS span_hours,
  CASE WHEN l.is_sandbox THEN (SELECT used FROM lines_sandboxusage
    WHERE organization_id = %(org)s AND day = %(date)s) END AS sandbox_used
FROM ranked r JOIN lines_line l ON l.id = r.id ORDER BY r.is_calm, r.score DESC, l.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PressingLines:
    """``meters`` holds of each line the meter nearest its limit; ``total``: how many lines there are."""

    lines: list[Line]
    meters: dict[UUID, Meter]
    total: int


def list_pressing_lines(*, organization: Organization, at: datetime | None = None) -> PressingLines:
    """At most ``LOOKED_AT``: the shared sandbox line too, once a phone is paired. One query."""
    moment = at or now()
    start, end = meter_span(moment)
    parameters = {
        "org": organization.id, "start": start, "end": end, "today": floor_day(moment), "first": day_ago(moment),
        "at": moment, "date": moment.date(), "limit": LOOKED_AT,
    }  # fmt: skip
    lines = list(Line.objects.raw(_READ, parameters))
    meters = {line.id: _make_meter(line, organization, moment) for line in lines}
    return PressingLines(lines=lines, meters=meters, total=getattr(lines[0], "among") if lines else 0)  # noqa: B009


def _make_meter(line: Line, organization: Organization, at: datetime) -> Meter:
    read = vars(line)
    if line.is_sandbox:
        return make_sandbox_meter(organization=organization, used=read["sandbox_used"] or 0, at=at)
    hours = [_make_hour(row) for row in read["span_hours"] or ()]
    return find_worst(make_meters(line=line, hours=hours, unanswered=read["streak"], at=at))


def _make_hour(row: list[Any]) -> HourCounts:
    return HourCounts(datetime.fromtimestamp(row[0], UTC), *row[1:])
