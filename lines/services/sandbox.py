"""The shared sandbox line: pairing an organization with one phone, and its daily budget (spec sandbox §2)."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from accounts.models import Organization
from accounts.services.audit import Actor, record_change
from core.clock import now
from events.services import NewEvent, append_events
from events.types import SANDBOX_CHANGED
from lines.models import Line, SandboxPairing, SandboxUsage
from lines.services.provisioning import ensure_sandbox_line

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without I L O 0 1, which people misread
CODE_LENGTH = 8
CODE_LIFE = timedelta(hours=24)
_CANDIDATES = re.compile(rf"(?=([{ALPHABET}]{{{CODE_LENGTH}}}))")
MAX_CANDIDATES = 500  # of a text that is one long run of letters, only the beginning is looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxState:
    """Spec api §9.11. ``status`` is missing, pending or active; the budget is per UTC day, in messages."""

    status: str
    activation_code: str | None
    sandbox_line_handle: str
    contact_identifier: str | None
    activated_at: datetime | None
    used: int
    limit: int
    remaining: int
    resets_at: datetime
    line_id: UUID | None = None
    code_expires_at: datetime | None = None


def get_sandbox(*, organization: Organization) -> SandboxState:
    """The present state. An expired code is replaced, so a pending state always shows one that works."""
    pairing = SandboxPairing.objects.select_related("line").filter(organization=organization).first()
    if pairing is not None and _has_expired(pairing):
        pairing = _renew(organization)
    return _state(organization, pairing)


def open_sandbox(*, organization: Organization, actor: Actor) -> SandboxState:
    """Starts a pairing if there is none; otherwise the state as it is. Safe to repeat."""
    line = ensure_sandbox_line()
    pairing = SandboxPairing.objects.select_related("line").filter(organization=organization).first()
    if pairing is None:
        with transaction.atomic():
            pairing = _create(organization, line)
            _record(organization, actor, "sandbox.opened", pairing)
    elif _has_expired(pairing):
        pairing = _renew(organization)
    return _state(organization, pairing)


def reset_sandbox(*, organization: Organization, actor: Actor) -> SandboxState:
    """Lets the paired number go: pending again, with a fresh code."""
    with transaction.atomic():
        pairing = SandboxPairing.objects.select_for_update(of=("self",)).filter(organization=organization).first()
        if pairing is None:
            return open_sandbox(organization=organization, actor=actor)
        before = pairing.contact_identifier
        _make_pending(pairing)
        _record(organization, actor, "sandbox.reset", pairing, before={"contact": before})
        _announce(pairing)
    return _state(organization, pairing)


def get_pairing(*, line: Line | UUID, contact: str) -> SandboxPairing | None:
    """Whose phone this is on the sandbox line."""
    key = line if isinstance(line, UUID) else line.id
    return SandboxPairing.objects.filter(line_id=key, contact_identifier=contact, status="active").first()


def find_codes(text: str) -> list[str]:
    """Everything in a text that could be a code, in order, case folded."""
    folded = text.strip().upper()[: MAX_CANDIDATES * CODE_LENGTH]
    return list(dict.fromkeys(match[1] for match in _CANDIDATES.finditer(folded)))[:MAX_CANDIDATES]


def redeem_code(*, line: Line, sender: str, text: str | None) -> SandboxPairing | None:
    """Pairs the sender with the organization whose pending code comes first in the text; None if there is none.

    In the inbound transaction. A number that another organization had moves: that one falls back to pending with a
    fresh code. Used and expired codes match nothing.
    """
    codes = find_codes(text or "")
    if not codes:
        return None
    # The older pairing is locked too, in the order of keys, so that two activations cannot wait for each other
    rows = SandboxPairing.objects.select_for_update(of=("self",)).filter(line=line).order_by("id")
    pending = {p.code: p for p in rows.filter(status="pending", code__in=codes, code_expires_at__gt=now())}
    pairing = next((pending[code] for code in codes if code in pending), None)
    if pairing is None:
        return None
    for older in rows.filter(status="active", contact_identifier=sender):
        _make_pending(older)
        _announce(older)
    pairing.status = SandboxPairing.Status.ACTIVE
    pairing.code = ""
    pairing.code_expires_at = None
    pairing.contact_identifier = sender
    pairing.activated_at = now()
    pairing.save()
    _announce(pairing)
    return pairing


def use_quota(*, organization_id: UUID, limit: int) -> bool:
    """Counts one message of today if the budget allows; False counts nothing. One atomic statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO lines_sandboxusage AS u (organization_id, day, used) SELECT %s, %s, 1 WHERE %s > 0"
            " ON CONFLICT (organization_id, day) DO UPDATE SET used = u.used + 1 WHERE u.used < %s RETURNING used",
            [organization_id, now().date(), limit, limit],
        )
        return cursor.fetchone() is not None


def _has_expired(pairing: SandboxPairing) -> bool:
    is_pending = pairing.status == SandboxPairing.Status.PENDING
    return is_pending and (pairing.code_expires_at is None or pairing.code_expires_at <= now())


def _renew(organization: Organization) -> SandboxPairing:
    with transaction.atomic():
        pairing = SandboxPairing.objects.select_for_update(of=("self",)).get(organization=organization)
        if _has_expired(pairing):  # not if somebody was faster
            _make_pending(pairing)
        return pairing


def _create(organization: Organization, line: Line) -> SandboxPairing:
    for _ in range(5):
        try:
            with transaction.atomic():
                return SandboxPairing.objects.create(
                    organization=organization, line=line, code=_new_code(), code_expires_at=now() + CODE_LIFE
                )
        except IntegrityError:
            found = SandboxPairing.objects.filter(organization=organization).first()
            if found is not None:
                return found
    raise RuntimeError("no free activation code found")


def _make_pending(pairing: SandboxPairing) -> None:
    pairing.status = SandboxPairing.Status.PENDING
    pairing.contact_identifier = ""
    pairing.activated_at = None
    pairing.code_expires_at = now() + CODE_LIFE
    while True:
        pairing.code = _new_code()
        try:
            with transaction.atomic():
                pairing.save()
            return
        except IntegrityError:  # another organization has that code: one in 10^11
            continue


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def _state(organization: Organization, pairing: SandboxPairing | None) -> SandboxState:
    moment = now()
    limit = organization.sandbox_daily_messages
    limit = settings.SANDBOX_DAILY_MESSAGES if limit is None else limit
    row = SandboxUsage.objects.filter(organization=organization, day=moment.date()).values_list("used").first()
    used = row[0] if row else 0
    is_active = pairing is not None and pairing.status == SandboxPairing.Status.ACTIVE
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return SandboxState(
        status=str(pairing.status) if pairing else "missing",
        activation_code=pairing.code if pairing and not is_active else None,
        sandbox_line_handle=settings.SANDBOX_LINE_HANDLE,
        contact_identifier=pairing.contact_identifier if pairing and is_active else None,
        activated_at=pairing.activated_at if pairing and is_active else None,
        used=used,
        limit=limit,
        remaining=max(0, limit - used),
        resets_at=midnight,
        line_id=pairing.line_id if pairing else None,
        code_expires_at=pairing.code_expires_at if pairing and not is_active else None,
    )


def _record(
    organization: Organization,
    actor: Actor,
    action: str,
    pairing: SandboxPairing,
    before: dict[str, str] | None = None,
) -> None:
    record_change(
        organization=organization,
        actor=actor,
        action=action,
        target_label="Sandbox",
        before=before,
        after={"status": str(pairing.status)},
    )


def _announce(pairing: SandboxPairing) -> None:
    event = NewEvent(
        organization_id=pairing.organization_id,
        line_id=pairing.line_id,
        type=SANDBOX_CHANGED,
        data="{}",
        object_id=pairing.id,
    )
    append_events([event])
