"""Keys: create, change, roll, revoke. Nothing here sees a token again after it was returned once."""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import ApiKey, Organization, User
from accounts.revocation import mark_changed
from accounts.scopes import SCOPES
from accounts.services.audit import Actor, record_change
from accounts.tokens import hash_token, is_well_formed, new_token, visible_prefix
from core.clock import now
from core.errors import InvalidRequestError, invalid, missing
from core.handles import is_handle, normalise_handle

LONGEST_OVERLAP = timedelta(days=30)
MOST_ENTRIES = 200
UNDO = timedelta(seconds=30)  # longer than the toast that offers it stays
SETTINGS = (
    "name",
    "scopes",
    "line_ids",
    "expires_at",
    "allowed_networks",
    "allowed_recipients",
    "requests_per_hour",
    "daily_send_budget",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyLimits:
    """What may stand beside scopes and lines. Empty means no limit; ``requests_per_hour`` None = the default."""

    allowed_networks: Sequence[str] = ()
    allowed_recipients: Sequence[str] = ()
    requests_per_hour: int | None = None
    daily_send_budget: int | None = None


@transaction.atomic
def create_key(
    *,
    organization: Organization,
    name: str,
    scopes: Iterable[str],
    line_ids: Iterable[UUID] | None = None,
    expires_at: datetime | None = None,
    created_by: User | None = None,
    actor: Actor,
    source: str = "dashboard",
    **limits: Any,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is never readable again. ``limits`` are the members of ``KeyLimits``.

    The caller has checked that the lines are the organization's. Raises InvalidRequestError naming the parameter.
    """
    wanted = KeyLimits(**limits)
    values = _clean(
        {
            "name": name,
            "scopes": list(scopes),
            "line_ids": None if line_ids is None else list(line_ids),
            "expires_at": expires_at,
            "allowed_networks": wanted.allowed_networks,
            "allowed_recipients": wanted.allowed_recipients,
            "requests_per_hour": wanted.requests_per_hour,
            "daily_send_budget": wanted.daily_send_budget,
        }
    )
    key, token = _insert(organization=organization, created_by=created_by or actor.user, source=source, values=values)
    record_change(
        organization=organization,
        actor=actor,
        action="api_key.created",
        target_id=key.public_id,
        target_label=key.name,
        after={field: value for field, value in _described(key).items() if value not in (None, [])},
    )
    return key, token


@transaction.atomic
def update_key(*, key: ApiKey, actor: Actor, **changes: Any) -> ApiKey:
    """Changes any of ``SETTINGS``. Raises InvalidRequestError; refuses a revoked key."""
    unknown = set(changes) - set(SETTINGS)
    if unknown:
        raise TypeError(f"not settings of a key: {', '.join(sorted(unknown))}")
    key = _lock(key)
    _require_usable(key)
    before = _described(key)
    for field, value in _clean(changes, present_expiry=key.expires_at).items():
        setattr(key, field, value)
    after = _described(key)
    changed = [field for field in SETTINGS if before[field] != after[field]]
    if changed:
        key.save(update_fields=changed)
        mark_changed(key.id)
        record_change(
            organization=key.organization,
            actor=actor,
            action="api_key.updated",
            target_id=key.public_id,
            target_label=key.name,
            before={field: before[field] for field in changed},
            after={field: after[field] for field in changed},
        )
    return key


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: Actor, reason: str = "revoked") -> ApiKey:
    """Ends a key at once, in every process, from its next request on. Revoking twice changes nothing."""
    key = _lock(key)
    if key.revoked_at is not None:
        return key
    key.revoked_at, key.revoked_reason = now(), reason
    key.save(update_fields=["revoked_at", "revoked_reason"])
    mark_changed(key.id)
    record_change(
        organization=key.organization,
        actor=actor,
        action="api_key.revoked",
        target_id=key.public_id,
        target_label=key.name,
        before={"state": "active"},
        after={"state": "revoked", "reason": reason},
    )
    return key


@transaction.atomic
def restore_key(*, key: ApiKey, actor: Actor) -> ApiKey:
    """Takes a revocation back: only a person's own, and only for ``UNDO``. Works from the next request on.

    Raises ``key_revoked`` (409) after that, or if the key leaked, was rolled or belonged to somebody who left.
    """
    key = _lock(key)
    if key.revoked_at is None:
        return key
    if key.revoked_reason != "revoked" or key.revoked_at + UNDO < now():
        raise InvalidRequestError("key_revoked", "It is too late to take this back. Create a new key.", status=409)
    key.revoked_at, key.revoked_reason = None, ""
    key.save(update_fields=["revoked_at", "revoked_reason"])
    mark_changed(key.id)
    record_change(
        organization=key.organization,
        actor=actor,
        action="api_key.restored",
        target_id=key.public_id,
        target_label=key.name,
        before={"state": "revoked"},
        after={"state": "active"},
    )
    return key


@transaction.atomic
def roll_key(*, key: ApiKey, actor: Actor, overlap_seconds: int) -> tuple[ApiKey, str]:
    """A successor with the same settings. The old key works ``overlap_seconds`` longer, 0 = ends now."""
    if not 0 <= overlap_seconds <= LONGEST_OVERLAP.total_seconds():
        raise invalid("overlap", "The old key can work for up to 30 days beside the new one.")
    key = _lock(key)
    _require_usable(key)
    if key.rolled_to_id is not None:
        raise InvalidRequestError("key_already_rolled", "This key has been rolled. Roll its successor.", status=409)
    values = {field: getattr(key, field) for field in SETTINGS}
    values["expires_at"] = _successor_expiry(key)
    successor, token = _insert(organization=key.organization, created_by=actor.user, source=key.source, values=values)
    ends_at = now() + timedelta(seconds=overlap_seconds)
    key.rolled_to = successor
    if overlap_seconds == 0:
        key.revoked_at, key.revoked_reason = now(), "rolled"
    elif key.expires_at is None or key.expires_at > ends_at:
        key.expires_at = ends_at
    key.save(update_fields=["rolled_to", "revoked_at", "revoked_reason", "expires_at"])
    mark_changed(key.id)
    record_change(
        organization=key.organization,
        actor=actor,
        action="api_key.rolled",
        target_id=key.public_id,
        target_label=key.name,
        before={"prefix": key.prefix},
        after={"prefix": successor.prefix, "successor": successor.public_id, "old_key_works_until": ends_at},
    )
    return successor, token


def find_key(token: str) -> ApiKey | None:
    """The key of a token, revoked and expired ones included, with its organization. One query; none if malformed."""
    if not is_well_formed(token):
        return None
    return find_key_by_hash(hash_token(token))


def find_key_by_hash(token_hash: bytes) -> ApiKey | None:
    """Everything the API's door needs to know about a key, in one query."""
    return ApiKey.objects.select_related("organization").filter(token_hash=token_hash).first()


def _insert(
    *, organization: Organization, created_by: User | None, source: str, values: dict[str, Any]
) -> tuple[ApiKey, str]:
    token = new_token()
    key = ApiKey.objects.create(
        organization=organization,
        created_by=created_by,
        source=source,
        token_hash=hash_token(token),
        prefix=visible_prefix(token),
        **values,
    )
    return key, token


def _lock(key: ApiKey) -> ApiKey:
    return ApiKey.objects.select_for_update(of=("self",)).select_related("organization").get(pk=key.pk)


def _require_usable(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise InvalidRequestError("key_revoked", "This key is revoked. Create a new one.", status=409)


def _successor_expiry(key: ApiKey) -> datetime | None:
    """The same life span again, counted from now."""
    if key.expires_at is None:
        return None
    return now() + max(key.expires_at - key.created_at, timedelta(days=1))


def _described(key: ApiKey) -> dict[str, Any]:
    return {field: getattr(key, field) for field in SETTINGS}


def find_problems(values: dict[str, Any], present_expiry: datetime | None = None) -> list[InvalidRequestError]:
    """What is wrong with any of ``SETTINGS``, at most one problem a setting: for forms, which tell all at once."""
    problems = []
    for field in values:
        try:
            _clean_setting(field, values[field], present_expiry)
        except InvalidRequestError as problem:
            problems.append(problem)
    return problems


def _clean(values: dict[str, Any], present_expiry: datetime | None = None) -> dict[str, Any]:
    """The same values, checked and normalised. Raises for the first wrong one."""
    return {field: _clean_setting(field, value, present_expiry) for field, value in values.items()}


def _clean_setting(field: str, value: Any, present_expiry: datetime | None) -> Any:
    clean = _CLEAN.get(field)
    if clean is not None:
        return clean(value)
    if field == "expires_at" and value is not None and value != present_expiry and value <= now():
        raise invalid(field, "Choose a time in the future.")
    if field == "line_ids" and value == []:
        raise invalid(field, "Choose at least one line, or all lines.")
    if field in ("requests_per_hour", "daily_send_budget") and value is not None and not 0 <= value <= 10_000_000:
        raise invalid(field, "Enter a number from 0 to 10,000,000.")
    return value


def _clean_name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise missing("name", "Name the key after the place it runs.")
    if len(name) > 80:
        raise invalid("name", "Use at most 80 characters.")
    return name


def _clean_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    if not wanted:
        raise missing("scopes", "Choose at least one scope.")
    if wanted - set(SCOPES):
        raise invalid("scopes", f"No such scope: {', '.join(sorted(wanted - set(SCOPES)))[:100]}.")
    return [scope for scope in SCOPES if scope in wanted]


def _clean_networks(texts: Iterable[str]) -> list[str]:
    found: list[str] = []
    for text in texts:
        try:
            network = str(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise invalid(
                "allowed_networks", f"“{text[:60]}” is not an address or network such as 203.0.113.0/24."
            ) from None
        if network not in found:
            found.append(network)
    return _at_most(found, "allowed_networks")


def _clean_recipients(texts: Iterable[str]) -> list[str]:
    """Handles, or ``*@host`` for every address of a mail domain, or ``+44*`` for a beginning of numbers."""
    found: list[str] = []
    for text in texts:
        recipient = normalise_handle(text)
        is_pattern = recipient.startswith("*@") and len(recipient) > 4 and "*" not in recipient[1:]
        is_beginning = recipient.startswith("+") and recipient.endswith("*") and recipient[1:-1].isdigit()
        if not (is_pattern or is_beginning or is_handle(recipient)) or len(recipient) > 120:
            raise invalid(
                "allowed_recipients", f"“{text[:60]}” is not a number such as +16285550144, an e-mail, +44* or *@host."
            )
        if recipient not in found:
            found.append(recipient)
    return _at_most(found, "allowed_recipients")


def _at_most(found: list[str], param: str) -> list[str]:
    if len(found) > MOST_ENTRIES:
        raise invalid(param, f"Use at most {MOST_ENTRIES} entries.")
    return found


_CLEAN: dict[str, Callable[[Any], Any]] = {
    "name": _clean_name,
    "scopes": _clean_scopes,
    "allowed_networks": _clean_networks,
    "allowed_recipients": _clean_recipients,
}
