"""A plain text message looked up, checked and put into the outbox by one statement.

The insert happens only where every check of ``messaging.services.send`` would pass. Where it does not, nothing has been
written, and the row that was found goes the longer way, which names what is wrong.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from core.errors import not_found
from core.ids import uuid7
from core.steps import Statement, Steps
from messaging.addressing import Address, Sender, Target, target_query, to_target
from messaging.models import Operation
from messaging.services.outbox_insert import COLUMNS, LANES, encode_json

_QUICK = """
WITH target ({names}) AS MATERIALIZED ({select}),
item AS (
    INSERT INTO messaging_outboxitem ({columns})
    SELECT %(id)s::uuid, %(org)s::uuid, t.line_id, t.chat_id, %(key)s::uuid, %(user)s::bigint, %(request)s::text,
        '{operation}', %(payload)s::jsonb, %(content)s::jsonb, 'pending', 0, 3, '',
        right(replace(t.line_id::text, '-', ''), 12) || ':' || replace(t.chat_id::text, '-', '') || ':{lane}',
        '', %(deadline)s::timestamptz, 0, '', '', NULL, now(), '{{}}'
    FROM target t
    WHERE t.chat_id IS NOT NULL AND t.has_received_inbound AND t.is_active AND NOT t.is_sandbox AND NOT t.is_strict
        AND (%(lines)s::uuid[] IS NULL OR t.line_id = ANY(%(lines)s::uuid[]))
    RETURNING 1
)
SELECT t.*, EXISTS (SELECT 1 FROM item) FROM target t
"""


def queue_text_steps(
    sender: Sender, line: Address, chat: Address, *, text: str, payload: dict[str, Any], deadline_at: datetime
) -> Steps[UUID | Target]:
    """The new item's key, or what was found of line and chat when it takes more. Raises ``line_not_found``."""
    select, values = target_query(sender, line, chat)
    key = uuid7()
    values |= {
        "id": key,
        "key": sender.api_key_id,
        "user": sender.user_id,
        "request": sender.request_id,
        "payload": encode_json(payload),
        "content": encode_json({"text": text}),
        "deadline": deadline_at,
        "lines": None if sender.line_ids is None else "{" + ",".join([line.hex for line in sender.line_ids]) + "}",
    }
    row = yield Statement(_write(select), values, is_grouped=True)
    if row is None:
        raise not_found("line", param="from")
    return key if row[-1] else to_target(row[:-1])


@cache
def _write(select: str) -> str:
    names = ", ".join(Target.__struct_fields__)
    operation = Operation.SEND.value
    return _QUICK.format(names=names, select=select, columns=COLUMNS, operation=operation, lane=LANES[operation])
