"""One writer of conversations per line at a time.

A batch of inbound events changes many chats and then the line's counters, a finished send changes one chat and the same
counters: without this they could wait for each other in a circle.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import connection


def lock_line_writes(line_ids: Collection[UUID]) -> None:
    """Waits until nobody else writes conversations of these lines; until the transaction ends. One statement.

    Call it before anything of theirs is changed, and once: the order of the keys is what prevents circles.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('writes:' || id::text, 0))"
            " FROM (SELECT unnest(%s::uuid[]) AS id ORDER BY 1) lines",
            [list(line_ids)],
        )
