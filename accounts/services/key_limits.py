"""Pure checks of what a key may do, for the API's door. Each raises the error that the caller sees."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from accounts.addresses import is_in_networks
from core.clock import now
from core.errors import AuthenticationError, AuthorizationError, RateLimitError


def check_expiry(*, expires_at: datetime | None, at: datetime | None = None) -> None:
    """Raises AuthenticationError when the time is over."""
    if expires_at is not None and expires_at <= (at or now()):
        raise AuthenticationError("api_key_expired", "This API key has expired. Create or roll one in the dashboard.")


def check_address(*, networks: list[str], address: str | None) -> None:
    """Raises AuthorizationError when the key has an address list and the caller is not on it."""
    if networks and not is_in_networks(address, networks):
        raise AuthorizationError("address_not_allowed", "This API key may not be used from this address.")


def is_allowed_recipient(*, recipients: Iterable[str], handle: str) -> bool:
    """Whether a normalised handle is on the list; an empty list allows everybody."""
    recipients = tuple(recipients)
    return not recipients or any(_matches(recipient, handle) for recipient in recipients)


def check_recipients(*, recipients: Iterable[str], handles: Iterable[str]) -> None:
    """Raises AuthorizationError unless every handle a message would reach is on the key's list."""
    recipients = tuple(recipients)
    if not all(is_allowed_recipient(recipients=recipients, handle=handle) for handle in handles):
        raise AuthorizationError("recipient_not_allowed", "This API key may not write to this recipient.", param="to")


def _matches(recipient: str, handle: str) -> bool:
    if recipient.startswith("*@"):
        return handle.endswith(recipient[1:])
    if recipient.endswith("*"):
        return handle.startswith(recipient[:-1])
    return recipient == handle


def use_send_budget(*, key_id: UUID, budget: int | None, at: datetime | None = None) -> None:
    """Counts one send of the key; raises RateLimitError when today's (UTC) budget is used up, counting nothing.

    One statement, in the transaction of the send, so that a send which fails gives its share back. Two sends at once
    in the last free place: the row lock of the hour makes the second wait and see the first.
    """
    at = at or now()
    hour = at.replace(minute=0, second=0, microsecond=0)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_apikeyhour AS h (api_key_id, hour, requests, errors, sends)
            SELECT %(key)s, %(hour)s, 0, 0, 1
             WHERE %(budget)s::int IS NULL OR %(budget)s > coalesce((SELECT sum(sends) FROM accounts_apikeyhour
                   WHERE api_key_id = %(key)s AND hour >= %(midnight)s), 0)
            ON CONFLICT (api_key_id, hour) DO UPDATE SET sends = h.sends + 1
             WHERE %(budget)s::int IS NULL OR %(budget)s > h.sends + coalesce((SELECT sum(sends)
                   FROM accounts_apikeyhour
                   WHERE api_key_id = %(key)s AND hour >= %(midnight)s AND hour <> %(hour)s), 0)
            RETURNING sends
            """,
            {"key": key_id, "hour": hour, "midnight": midnight, "budget": budget},
        )
        is_counted = cursor.fetchone() is not None
    if not is_counted:
        tomorrow = midnight + timedelta(days=1)
        raise RateLimitError(
            "send_budget_exceeded",
            f"This API key has used its {budget} sends of today.",
            retry_after_seconds=max(1, round((tomorrow - at).total_seconds())),
        )
