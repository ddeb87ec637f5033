"""What the shell of every page tells: counts beside the navigation, and at most one banner. One statement.

Kept for a few seconds per process, so that a page that loads ten parts asks once.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.impersonation import SECONDS as IMPERSONATION_SECONDS
from accounts.models import Organization
from core.clock import now
from core.handles import format_handle
from core.ids import LINE, WEBHOOK, public_id, uuid7_floor
from lines.limit_math import MAX_REACH_OUTS, PRESSING_REACH_OUTS, WARN_PERCENT, floor_day

KEPT_SECONDS = 5.0
KEPT_ORGANIZATIONS = 1000
RETRIED_FOR = timedelta(days=9)  # eight attempts, a day apart at most; each day asked for is a partition to plan for
CAP = 100  # shown as 99+
NEAR = 0.8

_READ = f"""
SELECT
  (SELECT count(*) FROM (SELECT 1 FROM messaging_chat WHERE organization_id = %(org)s AND unread > 0 LIMIT %(cap)s) u),
  (SELECT count(*) FROM (SELECT 1 FROM messaging_chat WHERE organization_id = %(org)s AND failed > 0 LIMIT %(cap)s) n),
  (SELECT count(*) FROM (SELECT 1 FROM webhooks_app_delivery
     WHERE organization_id = %(org)s AND state = 'retrying' AND id >= %(oldest)s LIMIT %(cap)s) r)
  + (SELECT count(*) FROM (SELECT 1 FROM webhooks_app_delivery
     WHERE organization_id = %(org)s AND state = 'failed' AND id >= %(day)s LIMIT %(cap)s) f),
  (SELECT json_build_array(id, coalesce(nullif(label, ''), handle), health_reasons) FROM lines_line
     WHERE organization_id = %(org)s AND deleted_at IS NULL AND paused_at IS NULL
     AND (health = 'down' OR 'deregistered' = ANY(health_reasons)) ORDER BY id LIMIT 1),
  (SELECT json_build_array(id, url, disabled_reason) FROM webhooks_app_endpoint
     WHERE organization_id = %(org)s AND deleted_at IS NULL AND NOT is_active
     AND disabled_reason NOT IN ('', 'paused') ORDER BY disabled_at DESC LIMIT 1),
  (SELECT json_build_array(l.id, coalesce(nullif(l.label, ''), l.handle), day.used)
     FROM lines_line l CROSS JOIN LATERAL (SELECT sum(reach_outs) AS used FROM lines_linehour
       WHERE line_id = l.id AND hour >= %(today)s) day
     WHERE l.organization_id = %(org)s AND l.deleted_at IS NULL AND EXISTS (SELECT 1 FROM lines_linehour
       WHERE line_id = l.id AND hour >= %(today)s AND reach_outs >= {PRESSING_REACH_OUTS})
     AND day.used >= %(reach)s ORDER BY day.used DESC LIMIT 1),
  (SELECT used FROM lines_sandboxusage WHERE organization_id = %(org)s AND day = %(date)s),
  (SELECT json_build_array(a.action, a.actor_label, coalesce(u.email, 'an operator'))
     FROM accounts_auditentry a LEFT JOIN accounts_user u ON u.id = a.impersonator_id
     WHERE a.organization_id = %(org)s AND a.action IN ('impersonation.started', 'impersonation.stopped')
     AND a.id >= %(hour)s ORDER BY a.id DESC LIMIT 1)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Banner:
    """One sentence, and where to go. ``tone``: empty for a warning, ``bad`` for what does not work."""

    text: str
    href: str
    action: str
    tone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellNews:
    """``unread`` and ``failed`` conversations and ``failing`` deliveries, each at most ``CAP``."""

    unread: int = 0
    failed: int = 0
    failing: int = 0
    banner: Banner | None = None


_kept: OrderedDict[UUID, tuple[float, ShellNews]] = OrderedDict()


def get_shell_news(organization: Organization) -> ShellNews:
    """At most one query, and none if this process asked in the last seconds."""
    found = _kept.get(organization.id)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    news = read_shell_news(organization)
    _kept[organization.id] = (time.monotonic() + KEPT_SECONDS, news)
    _kept.move_to_end(organization.id)
    while len(_kept) > KEPT_ORGANIZATIONS:
        _kept.popitem(last=False)
    return news


def read_shell_news(organization: Organization) -> ShellNews:
    """As it is now. One query."""
    moment = now()
    parameters: dict[str, Any] = {
        "org": organization.id,
        "cap": CAP,
        "day": uuid7_floor(moment - timedelta(hours=24)),
        "hour": uuid7_floor(moment - timedelta(seconds=IMPERSONATION_SECONDS)),
        "oldest": uuid7_floor(moment - RETRIED_FOR),
        "today": floor_day(moment),
        "date": moment.date(),
        "reach": MAX_REACH_OUTS * WARN_PERCENT // 100,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        unread, failed, failing, down, off, reach, used, visit = cursor.fetchone()
    limit = organization.sandbox_daily_messages
    limit = settings.SANDBOX_DAILY_MESSAGES if limit is None else limit
    banner = (
        _visit(visit) or _line_down(down) or _endpoint_off(off) or _near_limit(reach) or _near_quota(used or 0, limit)
    )
    return ShellNews(unread=unread, failed=failed, failing=min(failing, CAP), banner=banner)


def _visit(found: list[object] | None) -> Banner | None:
    """An operator who looks on is shown to everybody in the organization."""
    if found is None or found[0] != "impersonation.started":
        return None
    text = f"The operator {found[2]} is looking at this organization as {found[1]}."
    return Banner(text=text, href="/settings/audit", action="See the audit log")


def _line_down(found: list[object] | None) -> Banner | None:
    if found is None:
        return None
    key, name, reasons = found
    what = "is deregistered" if "deregistered" in (reasons or []) else "is down"  # type: ignore[operator]
    text = f"{format_handle(str(name))} {what}. What you send waits until it is back."
    return Banner(text=text, href=f"/lines/{public_id(LINE, UUID(str(key)))}", action="See the line", tone="bad")


def _endpoint_off(found: list[object] | None) -> Banner | None:
    if found is None:
        return None
    key, url, reason = found
    why = "answered 410" if reason == "gone_410" else "failed for 5 days"
    place = urlsplit(str(url))
    text = f"{place.netloc}{place.path} was switched off because it {why}. Its deliveries are held."
    href = f"/webhooks/{public_id(WEBHOOK, UUID(str(key)))}"
    return Banner(text=text, href=href, action="See the endpoint", tone="bad")


def _near_limit(found: list[object] | None) -> Banner | None:
    if found is None:
        return None
    key, name, used = found
    text = f"{format_handle(str(name))} has used {used} of {MAX_REACH_OUTS} reach-outs today."
    return Banner(text=text, href=f"/lines/{public_id(LINE, UUID(str(key)))}", action="See the line")


def _near_quota(used: int, limit: int) -> Banner | None:
    if not limit or used < limit * NEAR:
        return None
    left = max(0, limit - used)
    text = (
        f"{left} of {limit} sandbox messages are left today." if left else f"Today's {limit} sandbox messages are used."
    )
    return Banner(text=text, href="/sandbox", action="See the sandbox")
