"""What becomes of owed deliveries when an endpoint is switched off or deleted."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection


def settle_pending(endpoint_id: UUID, state: str, of_states: Sequence[str] = ("pending", "retrying")) -> int:
    """Takes what an endpoint is owed out of the queue, in flight or not: results that come later are fenced off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_app_delivery SET state = %s, next_attempt_at = NULL, claim_token = NULL,"
            " lease_until = NULL, completed_at = CASE WHEN %s = 'cancelled' THEN now() END"
            " WHERE endpoint_id = %s AND state = ANY(%s)",
            [state, state, endpoint_id, list(of_states)],
        )
        return int(cursor.rowcount)
