"""Telling people that a line nears a limit: rules, and sending what is due, once per rule, line, limit and window."""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import Membership, Organization, Role
from accounts.services.audit import Actor, record_change
from accounts.services.mail import send_mail_to
from core.clock import now, to_ms, to_ms_or_none
from core.errors import AppError, invalid
from core.outbound import check_url, parse_url, post_once
from lines.models import AlertRule, AlertSent, Line
from lines.services.limits import METER_LABELS, Meter, list_meters

logger = logging.getLogger(__name__)
ALL_LIMITS = "*"
HEALTH = "health"
ALERT_LIMITS = {
    ALL_LIMITS: "Any limit",
    **{name: METER_LABELS[name] for name in ("reach_outs", "contacts", "throughput", "unanswered", "ratio")},
    HEALTH: "Health: degraded or down",
}
MAX_RULES = 20
MAX_EMAILS = 10
KEPT = timedelta(days=90)
BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One thing to tell: ``window`` names the window so that it is told once in it."""

    rule: AlertRule
    line: Line
    limit: str
    window: str
    used: float
    text: str
    meter: Meter | None = None


def list_rules(*, line: Line) -> list[AlertRule]:
    """The rules that watch a line, those for every line of its organization included."""
    if line.organization_id is None:
        return []
    rules = AlertRule.objects.filter(organization_id=line.organization_id, is_active=True)
    return [rule for rule in rules.order_by("id") if rule.line_id in (None, line.id)]


def list_last_sent(*, line: Line, rules: Sequence[AlertRule]) -> dict[int, AlertSent]:
    """What each rule told last about the line. One query, none without rules."""
    if not rules:
        return {}
    rows = AlertSent.objects.filter(rule__in=rules, line=line).order_by("rule_id", "-sent_at").distinct("rule_id")
    return {row.rule_id: row for row in rows}


def add_rule(
    *,
    line: Line,
    limit: str,
    percent: int,
    emails: str | Sequence[str] = (),
    url: str = "",
    is_for_all: bool = False,
    actor: Actor,
) -> AlertRule:
    """A rule for one line, or for every line of its organization.

    ``percent`` is 1 to 100 of the limit; no e-mail and no URL = the admins by e-mail.

    Raises 400 naming ``limit``, ``percent``, ``emails`` or ``url``; the same rule twice is ``limit``.
    """
    if line.organization is None:
        raise invalid("line", "The sandbox line has no alerts.")
    if limit not in ALERT_LIMITS:
        raise invalid("limit", "Choose one of the limits.")
    if not 1 <= percent <= 100:
        raise invalid("percent", "A threshold is between 1 and 100 per cent.")
    known = list_rules(line=line)
    addresses, target = _check_emails(emails), check_url(url) if url else ""
    if len(known) >= MAX_RULES:
        raise invalid("limit", f"A line has {MAX_RULES} alerts at most.")
    if any((rule.limit, rule.percent, rule.emails, rule.url) == (limit, percent, addresses, target) for rule in known):
        raise invalid("limit", "There is an alert like this already.")
    with transaction.atomic():
        rule = AlertRule.objects.create(
            organization=line.organization,
            line=None if is_for_all else line,
            limit=limit,
            percent=percent,
            emails=addresses,
            url=target,
        )
        _record(line, actor, "alert.added", after=_described(rule))
    return rule


def remove_rule(*, rule: AlertRule, line: Line, actor: Actor) -> None:
    """Its row stays, switched off, until the organization removes another: so that it can be put back."""
    with transaction.atomic():
        AlertRule.objects.filter(organization_id=rule.organization_id, is_active=False).delete()
        rule.is_active = False
        rule.save(update_fields=["is_active"])
        _record(line, actor, "alert.removed", before=_described(rule))


def restore_rule(*, rule: AlertRule, line: Line, actor: Actor) -> AlertRule:
    """Puts a removed rule back; it does not tell again what it has told. Raises ``limit`` when there are too many."""
    with transaction.atomic():
        if len(list_rules(line=line)) >= MAX_RULES:
            raise invalid("limit", f"A line has {MAX_RULES} alerts at most.")
        rule.is_active = True
        rule.save(update_fields=["is_active"])
        _record(line, actor, "alert.restored", after=_described(rule))
    return rule


def send_alerts(*, at: datetime | None = None) -> int:
    """Sends what is due and returns how many went out. Safe in several processes: the row is written first, and only
    who wrote it sends. What cannot be sent keeps the reason in ``AlertSent.error`` and is not repeated.
    """
    moment = at or now()
    AlertSent.objects.filter(sent_at__lt=moment - KEPT).delete()
    sent = 0
    rules = AlertRule.objects.filter(is_active=True, organization__suspended_at=None).select_related("organization")
    for organization_id in list(rules.values_list("organization_id", flat=True).distinct().order_by("organization_id")):
        sent += _send_for(organization_id, list(rules.filter(organization_id=organization_id)), moment)
    return sent


def _send_for(organization_id: UUID, rules: list[AlertRule], at: datetime) -> int:
    lines = Line.objects.filter(organization_id=organization_id, deleted_at=None)
    if all(rule.line_id for rule in rules):
        lines = lines.filter(id__in={rule.line_id for rule in rules})
    by_id = {line.id: line for line in lines}
    meters = dict(list_meters(lines=list(by_id.values()), at=at))
    due = [alert for line in by_id.values() for rule in rules for alert in _find_due(rule, line, meters[line.id], at)]
    return sum(_send_once(alert) for alert in due)


def _find_due(rule: AlertRule, line: Line, meters: Sequence[Meter], at: datetime) -> Iterable[Alert]:
    if rule.line_id not in (None, line.id):
        return
    if rule.limit in (HEALTH, ALL_LIMITS) and line.health in ("degraded", "down"):
        reasons = ", ".join(line.health_reasons) or line.get_health_display()
        text = f"{line} is {line.get_health_display().lower()}: {reasons}."
        yield Alert(rule=rule, line=line, limit=HEALTH, window=f"{at:%Y-%m-%d}/{line.health}", used=0, text=text)
    for meter in meters:
        if rule.limit in (meter.name, ALL_LIMITS) and meter.limit is not None and meter.percent >= rule.percent:
            text = f"{meter.label} of {line}: {meter.used:g} of {meter.limit:g} ({meter.percent:.0f} %)."
            window = _window_of(meter, at)
            yield Alert(rule=rule, line=line, limit=meter.name, window=window, used=meter.used, text=text, meter=meter)


def _window_of(meter: Meter, at: datetime) -> str:
    """A sliding window and a streak have no start of their own: they are told once a day."""
    start = meter.window_start if meter.window == "day" and meter.window_start else at
    return f"{start:%Y-%m-%d}"


def _send_once(alert: Alert) -> int:
    row, is_new = AlertSent.objects.get_or_create(
        rule=alert.rule, line=alert.line, limit=alert.limit, window=alert.window, defaults={"used": alert.used}
    )
    if not is_new:
        return 0
    if alert.rule.emails or not alert.rule.url:
        for email in alert.rule.emails or _admin_emails(alert.rule.organization):
            send_mail_to(email, "line_alert", {"alert": alert, "line": alert.line, "meter": alert.meter})
    if alert.rule.url:
        error = _post(alert)
        if error:
            logger.warning("alert of %s was not taken: %s", alert.line.public_id, error)
            AlertSent.objects.filter(pk=row.pk).update(error=error[:200])
    return 1


def _post(alert: Alert) -> str:
    """Why it was not taken, or ""."""
    meter = alert.meter
    body = {
        "event": "line.alert",
        "timestamp": to_ms(now()),
        "data": {
            "line_id": alert.line.public_id,
            "line_handle": alert.line.handle,
            "limit": alert.limit,
            "used": alert.used,
            "max": meter.limit if meter else None,
            "percent": meter.percent if meter else None,
            "threshold_percent": alert.rule.percent,
            "resets_at": to_ms_or_none(meter.resets_at) if meter else None,
            "forecast_at": to_ms_or_none(meter.forecast_at) if meter else None,
            "text": alert.text,
            "url": f"{settings.BASE_URL}/lines/{alert.line.public_id}",
        },
    }
    headers = [("Content-Type", "application/json"), ("User-Agent", "Messages.dev-Alerts/1")]
    try:
        result = post_once(parse_url(alert.rule.url), headers, json.dumps(body).encode())
    except AppError as error:
        return error.message
    if result.error:
        return f"{result.error}: {result.error_text}"
    return "" if result.status and 200 <= result.status < 300 else f"answered {result.status}"


def _described(rule: AlertRule) -> dict[str, object]:
    lines = {} if rule.line_id else {"lines": "all"}
    return {"limit": rule.limit, "percent": rule.percent, "emails": rule.emails, "url": rule.url, **lines}


def _admin_emails(organization: Organization) -> list[str]:
    people = Membership.objects.filter(organization=organization, role__in=(Role.OWNER, Role.ADMIN))
    return list(people.order_by("id").values_list("user__email", flat=True))


def _check_emails(emails: str | Sequence[str]) -> list[str]:
    words = re.split(r"[\s,;]+", emails) if isinstance(emails, str) else emails
    found = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(found) > MAX_EMAILS:
        raise invalid("emails", f"An alert goes to {MAX_EMAILS} addresses at most.")
    for email in found:
        try:
            validate_email(email)
        except ValidationError:
            raise invalid("emails", f"{email[:80]} is not an e-mail address.") from None
    return found


def _record(line: Line, actor: Actor, action: str, **values: dict[str, object]) -> None:
    assert line.organization is not None
    record_change(
        organization=line.organization,
        actor=actor,
        action=action,
        target_id=line.public_id,
        target_label=str(line),
        **values,
    )
