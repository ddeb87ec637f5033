"""Who calls: bearer token to ``CallingKey``, and whether it may (spec api §2, §5).

Keys are kept in the process for at most 15 s. Each request asks Redis, together with its rate limit, whether the key
has changed since; so a revoked key is refused on its next request. While Redis is away a copy lives two seconds.
"""

import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.tokens import hash_token, is_well_formed
from api.call import CallingKey
from api.limits import Window, count_request
from core.errors import AuthenticationError, AuthorizationError, RateLimitError
from core.steps import IN_THREAD, Steps

COPY_SECONDS = 15.0
COPY_SECONDS_WITHOUT_REDIS = 2.0
UNKNOWN_SECONDS = 5.0
REFUSED_SECONDS = 1.0  # revoked or suspended: either can be taken back
MAX_COPIES = 10_000

_LOOK_UP = """
SELECT k.id, k.organization_id, k.name, k.prefix, k.scopes, k.line_ids, k.created_by_id,
       extract(epoch FROM k.expires_at)::float8, k.revoked_at IS NOT NULL, o.suspended_at IS NOT NULL,
       k.allowed_networks, k.allowed_recipients, coalesce(k.requests_per_hour, o.requests_per_hour, %s),
       k.daily_send_budget
FROM accounts_apikey k JOIN accounts_organization o ON o.id = k.organization_id
WHERE k.token_hash = %s
"""


@dataclass(frozen=True, slots=True)
class _Copy:
    """What was read of a key, when, and at which generation (None = not known yet). No key = no such token."""

    key: CallingKey | None
    read_at: float
    generation: str | None = None


_copies: dict[bytes, _Copy] = {}
_lock = threading.Lock()


def forget_keys() -> None:
    """Drops every copy, as after a settings change in a test."""
    with _lock:
        _copies.clear()


def identify(authorization: str | None) -> Steps[tuple[CallingKey, bytes]]:
    """The key behind an ``Authorization`` header and its token's hash. Raises 401 errors.

    The key is a copy: ``admit`` must still confirm that it is current.
    """
    if not authorization or not authorization.strip():
        raise AuthenticationError("missing_api_key", "Send your API key as `Authorization: Bearer sk_live_…`.")
    digest = _digest_of(authorization)
    if digest is None:
        raise _refusal("This is not an API key: check that it was copied whole.")
    copy = _copies.get(digest)
    moment = time.monotonic()
    if copy is None or moment - copy.read_at > _lifetime(copy.key):
        copy = yield from _read(digest, None)
    if copy.key is None:
        raise _refusal("No such API key.")
    _check_usable(copy.key)
    return copy.key, digest


@lru_cache(maxsize=1024)
def _digest_of(authorization: str) -> bytes | None:
    """The hash of the token in a header; None where there is no well-formed token."""
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    return hash_token(token) if scheme.lower() == "bearer" and is_well_formed(token) else None


def _lifetime(key: CallingKey | None) -> float:
    """Seconds that a copy serves to refuse, or to know whose generation to ask for."""
    if key is None:
        return UNKNOWN_SECONDS
    return REFUSED_SECONDS if key.is_revoked or key.is_suspended else COPY_SECONDS


def admit(key: CallingKey, digest: bytes, address: str | None) -> Steps[tuple[CallingKey, Window]]:
    """Confirms the key and counts the request: one Redis round trip.

    Returns the current key and its window, which may be exceeded: see ``check_window``.
    """
    generation, window = yield from count_request(key.id, key.requests_per_hour)
    copy = _copies.get(digest)
    moment = time.monotonic()
    if generation is None:
        is_stale = copy is None or moment - copy.read_at > COPY_SECONDS_WITHOUT_REDIS
    else:
        # Read again after the generation was known, so that a change between the two reads cannot be missed.
        is_stale = copy is None or copy.generation != generation
    if is_stale or copy is None:
        copy = yield from _read(digest, generation)
    if copy.key is None:
        raise _refusal("No such API key.")
    _check_usable(copy.key)
    _check_address(copy.key, address)
    return copy.key, window


def check_window(window: Window) -> None:
    if window.is_exceeded:
        raise RateLimitError(
            "rate_limit_exceeded",
            f"This key may make {window.limit:,} requests an hour.",
            retry_after_seconds=max(1, window.reset_seconds),
        )


def _read(digest: bytes, generation: str | None) -> Steps[_Copy]:
    yield IN_THREAD
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [settings.REQUESTS_PER_HOUR, digest])
        row = cursor.fetchone()
    copy = _Copy(None if row is None else _to_key(row), time.monotonic(), generation)
    with _lock:
        if len(_copies) >= MAX_COPIES and digest not in _copies:
            _copies.pop(next(iter(_copies)))
        _copies[digest] = copy
    return copy


def _to_key(row: tuple[object, ...]) -> CallingKey:
    (key_id, organization_id, name, prefix, scopes, line_ids, owner_id, expires_at, is_revoked, is_suspended,
     networks, recipients, per_hour, budget) = row  # fmt: skip
    return CallingKey(
        id=_uuid(key_id),
        organization_id=_uuid(organization_id),
        name=str(name),
        prefix=str(prefix),
        scopes=frozenset(scopes),  # type: ignore[call-overload]
        line_ids=None if line_ids is None else frozenset(line_ids),  # type: ignore[call-overload]
        owner_id=owner_id,  # type: ignore[arg-type]
        expires_at=expires_at,  # type: ignore[arg-type]
        is_revoked=bool(is_revoked),
        is_suspended=bool(is_suspended),
        allowed_networks=tuple(ip_network(text, strict=False) for text in networks),  # type: ignore[attr-defined]
        allowed_recipients=frozenset(recipients),  # type: ignore[call-overload]
        requests_per_hour=int(per_hour),  # type: ignore[call-overload]
        daily_send_budget=budget,  # type: ignore[arg-type]
    )


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _check_usable(key: CallingKey) -> None:
    if key.is_revoked:
        raise _refusal("This API key has been revoked.")
    if key.expires_at is not None and key.expires_at <= time.time():
        raise _refusal("This API key has expired.")
    if key.is_suspended:
        raise AuthorizationError("organization_suspended", "This organization is suspended. Write to support.")


def _check_address(key: CallingKey, address: str | None) -> None:
    if not key.allowed_networks:
        return
    try:
        place = ip_address(address or "")
    except ValueError:
        place = None
    mapped = getattr(place, "ipv4_mapped", None)
    if place is None or not any((mapped or place) in network for network in key.allowed_networks):
        raise AuthorizationError("address_not_allowed", "This key may not be used from this address.")


def _refusal(message: str) -> AuthenticationError:
    return AuthenticationError("invalid_api_key", message)
