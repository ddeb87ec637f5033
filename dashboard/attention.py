"""What needs a person, by cause: failing deliveries, sends that did not arrive, refused requests. One statement.

Each group looks at the newest ``LOOKED_AT`` rows of its kind in the window, found by index, so the time it takes does
not grow with the tables.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.db import connection

from core.handles import format_handle
from core.ids import API_KEY, LINE, WEBHOOK, public_id, time_of, uuid7_floor
from messaging.viewer.states import UNKNOWN_CODES, describe_failure
from webhooks_app.error_texts import describe_error

LOOKED_AT = 200
SHOWN = 8

_DELIVERIES = """
SELECT 'delivery' AS kind, d.state, d.endpoint_id AS source, coalesce(max(e.url), '') AS place, d.last_error AS reason,
  max(d.last_status)::int AS status, mode() WITHIN GROUP (ORDER BY d.event_type) AS what, max(d.attempts)::int AS tries,
  count(*)::int AS times, max(d.id::text)::uuid AS newest
FROM (SELECT * FROM webhooks_app_delivery WHERE organization_id = %(org)s AND state = '{state}' AND id >= %(floor)s
      ORDER BY id DESC LIMIT %(limit)s) d LEFT JOIN webhooks_app_endpoint e ON e.id = d.endpoint_id
GROUP BY d.state, d.endpoint_id, d.last_error
"""
_READ = f"""
{_DELIVERIES.format(state="failed")}
UNION ALL {_DELIVERIES.format(state="retrying")}
UNION ALL
SELECT 'outbox', 'failed', o.line_id, coalesce(max(coalesce(nullif(l.label, ''), l.handle)), ''), coalesce(o.error, ''),
  NULL, mode() WITHIN GROUP (ORDER BY o.operation), max(o.attempts)::int, count(*)::int, max(o.id::text)::uuid
FROM (SELECT * FROM messaging_outboxitem WHERE organization_id = %(org)s AND status = 'failed' AND id >= %(floor)s
      AND retried_by IS NULL ORDER BY id DESC LIMIT %(limit)s) o LEFT JOIN lines_line l ON l.id = o.line_id
GROUP BY o.line_id, o.error
UNION ALL
SELECT 'request', 'refused', r.api_key_id, coalesce(max(k.name), ''), r.error_code,
  max(r.status)::int, mode() WITHIN GROUP (ORDER BY r.method || ' ' || r.route), 0, count(*)::int, max(r.id::text)::uuid
FROM (SELECT * FROM accounts_apirequest WHERE organization_id = %(org)s AND status >= 400 AND id >= %(floor)s
      ORDER BY id DESC LIMIT %(limit)s) r LEFT JOIN accounts_apikey k ON k.id = r.api_key_id
GROUP BY r.api_key_id, r.error_code
ORDER BY newest DESC LIMIT %(shown)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """One row: shape and word, where, why, what it was about, how often, when last, and the list behind it."""

    shape: str
    word: str
    place: str
    reason: str
    code: str
    what: str
    times: int
    is_more: bool
    last_at: datetime
    href: str


def list_causes(*, organization_id: UUID, since: datetime, shown: int = SHOWN) -> list[Cause]:
    """Newest first."""
    parameters: dict[str, Any] = {
        "org": organization_id,
        "floor": uuid7_floor(since),
        "limit": LOOKED_AT,
        "shown": shown,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        return [_CAUSES[row[0]](*row[1:]) for row in cursor.fetchall()]


def _delivery(state: str, source: UUID, url: str, error: str, status: Any, what: str, tries: int, *rest: Any) -> Cause:
    times, newest = rest
    query = {"state": state, "endpoint": public_id(WEBHOOK, source)} | ({"error": error} if error else {})
    reason = describe_error(error).title if error else "Not accepted"
    if status and status >= 300:
        reason = f"{reason}, last answer {status}"
    return Cause(
        shape="bad" if state == "failed" else "retry",
        word="Failed" if state == "failed" else "Retrying",
        place=url.partition("://")[2] or "A deleted endpoint",
        reason=f"{tries} attempts. {reason}" if tries > 1 else reason,
        code="",
        what=what,
        times=times,
        is_more=times >= LOOKED_AT,
        last_at=time_of(newest),
        href=f"/webhooks/deliveries?{urlencode(query)}",
    )


def _outbox(_: str, source: UUID, line: str, error: str, status: Any, what: str, tries: int, *rest: Any) -> Cause:
    times, newest = rest
    is_unknown = error in UNKNOWN_CODES
    reason = "Nobody can tell whether it arrived" if is_unknown else describe_failure(error).rstrip(".")
    query = {"state": "failed", "line": public_id(LINE, source)} | ({"error": error} if error else {})
    return Cause(
        shape="warn" if is_unknown else "bad",
        word="Unknown" if is_unknown else "Not sent",
        place=format_handle(line) if line else "A former line",
        reason=reason[:1].upper() + reason[1:],
        code=error,
        what=f"outbox {what}",
        times=times,
        is_more=times >= LOOKED_AT,
        last_at=time_of(newest),
        href=f"/logs/outbox?{urlencode(query)}",
    )


def _request(_: str, source: UUID | None, key: str, code: str, status: Any, what: str, tries: int, *rest: Any) -> Cause:
    times, newest = rest
    query = ({"key": public_id(API_KEY, source)} if source else {}) | ({"error": code} if code else {"status": "4xx"})
    return Cause(
        shape="bad",
        word="Refused" if (status or 0) < 500 else "Error",
        place=f"Key “{key}”" if key else "A former key",
        reason=f"{status} {code}".strip(),
        code=code,
        what=what,
        times=times,
        is_more=times >= LOOKED_AT,
        last_at=time_of(newest),
        href=f"/logs/requests?{urlencode(query, quote_via=quote)}",
    )


_CAUSES = {"delivery": _delivery, "outbox": _outbox, "request": _request}
