"""The audit log: every change, by whom, from where, what before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.addresses import get_client_address
from accounts.models import AuditEntry, Organization, User

REMOVED = "(removed)"
SECRET_WORDS = ("secret", "token", "password", "credential")


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who makes a change. ``user`` is None for keys and for the system, which ``label`` then names."""

    user: User | None = None
    label: str = "system"
    address: str | None = None
    user_agent: str = ""
    impersonator: User | None = None

    @classmethod
    def from_request(cls, request: HttpRequest) -> "Actor":
        """The signed-in person, with address and agent; an operator who looks on as them is kept beside."""
        user = request.user if isinstance(request.user, User) else None
        return cls(
            user=user,
            label=user.display_name if user else "anonymous",
            address=get_client_address(request),
            user_agent=request.headers.get("User-Agent", "")[:200],
            impersonator=getattr(request, "impersonator", None),
        )


def record_change(
    *,
    organization: Organization,
    actor: Actor,
    action: str,
    target_id: str = "",
    target_label: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Writes one entry, in the caller's transaction. Values under a name that says secret are left out."""
    return AuditEntry.objects.create(
        organization=organization,
        actor=actor.user,
        actor_label=actor.label[:200],
        impersonator=actor.impersonator,
        action=action,
        target_id=target_id[:80],
        target_label=target_label[:200],
        before=_plain(before or {}),
        after=_plain(after or {}),
        address=actor.address,
        user_agent=actor.user_agent[:200],
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: REMOVED if any(word in name.lower() for word in SECRET_WORDS) else _as_json(value)
        for name, value in values.items()
    }


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_json(part) for part in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
