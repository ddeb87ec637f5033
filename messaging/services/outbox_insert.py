"""The one statement that puts an item into the outbox, with what must be counted together with it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from core.clock import now
from core.errors import RateLimitError
from core.ids import uuid7
from core.steps import IN_THREAD, Statement, Steps, run_steps

_encode = msgspec.json.Encoder().encode
LANES = {"send": "s", "audio": "s", "react": "s", "typing": "t", "read": "r"}


class NewItem(msgspec.Struct, frozen=True, kw_only=True):
    """An outbox row to be; names as in ``OutboxItem``."""

    organization_id: UUID
    line_id: UUID
    chat_id: UUID
    api_key_id: UUID | None
    user_id: int | None
    request_id: str
    operation: str
    payload: dict[str, Any]
    content: dict[str, Any]
    deadline_at: datetime
    held_reason: str = ""
    resumes_at: datetime | None = None


COLUMNS = """id, organization_id, line_id, chat_id, api_key_id, user_id, request_id, operation,
    payload, content, status, attempts, max_attempts, error_detail, lane, claimed_by, deadline_at, parts_sent, guid,
    held_reason, resumes_at, not_before, part_guids"""
_ITEM = f"""
INSERT INTO messaging_outboxitem ({COLUMNS})
SELECT %(id)s::uuid, %(org)s::uuid, %(line)s::uuid, %(chat)s::uuid, %(key)s::uuid, %(user)s::bigint,
    %(request)s::text, %(operation)s::text, %(payload)s::jsonb, %(content)s::jsonb, 'pending', 0, 3, '',
    %(lane)s::text, '', %(deadline)s::timestamptz, 0, '', %(held)s::text,
    %(resumes)s::timestamptz, coalesce(%(resumes)s::timestamptz, now()), '{{}}'
"""
# A row that is full is left alone and returned by nobody, and then the item is not inserted either
_QUOTA = """
INSERT INTO lines_sandboxusage AS u (organization_id, day, used)
SELECT %(org)s::uuid, %(day)s::date, 1 WHERE %(quota)s::int > 0
ON CONFLICT (organization_id, day) DO UPDATE SET used = u.used + 1 WHERE u.used < %(quota)s::int
RETURNING used
"""
_BUDGET = """
INSERT INTO accounts_apikeyhour AS h (api_key_id, hour, requests, errors, sends)
SELECT %(key)s::uuid, %(hour)s::timestamptz, 0, 0, 1
WHERE %(budget)s::int > coalesce((SELECT sum(sends) FROM accounts_apikeyhour
    WHERE api_key_id = %(key)s::uuid AND hour >= %(midnight)s::timestamptz), 0)
ON CONFLICT (api_key_id, hour) DO UPDATE SET sends = h.sends + 1 WHERE %(budget)s::int > h.sends + coalesce((
    SELECT sum(sends) FROM accounts_apikeyhour
    WHERE api_key_id = %(key)s::uuid AND hour >= %(midnight)s::timestamptz AND hour <> %(hour)s::timestamptz), 0)
RETURNING sends
"""


def encode_json(value: dict[str, Any]) -> str:
    """JSON as a parameter of a statement."""
    return _encode(value).decode()


def lane_of(*, line_id: UUID, chat_id: UUID, operation: str) -> str:
    """Sends, audio and tapbacks of a chat share a lane; typing and read have their own (spec transports §3)."""
    return f"{line_id.hex[20:]}:{chat_id.hex}:{LANES[operation]}"


def insert_item(item: NewItem, *, sandbox_limit: int | None = None, send_budget: int | None = None) -> UUID:
    """Inserts and returns the key. Raises ``sandbox_quota_exceeded`` or ``send_budget_exceeded``, then nothing is
    counted. ``sandbox_limit`` is the organization's messages a day, None where none are counted.
    """
    return run_steps(insert_item_steps(item, sandbox_limit=sandbox_limit, send_budget=send_budget))


def insert_item_steps(
    item: NewItem, *, sandbox_limit: int | None = None, send_budget: int | None = None
) -> Steps[UUID]:
    """``insert_item`` for who must not wait: see ``core.steps``."""
    moment = now()
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    key = uuid7()
    values: dict[str, Any] = {
        "id": key,
        "org": item.organization_id,
        "line": item.line_id,
        "chat": item.chat_id,
        "key": item.api_key_id,
        "user": item.user_id,
        "request": item.request_id,
        "operation": str(item.operation),
        "payload": encode_json(item.payload),
        "content": encode_json(item.content),
        "lane": lane_of(line_id=item.line_id, chat_id=item.chat_id, operation=item.operation),
        "deadline": item.deadline_at,
        "held": item.held_reason,
        "resumes": item.resumes_at,
    }
    if sandbox_limit is None and send_budget is None:
        yield Statement(_ITEM, values)
        return key
    values |= {"day": midnight.date(), "quota": sandbox_limit, "midnight": midnight, "budget": send_budget}
    values["hour"] = moment.replace(minute=0, second=0, microsecond=0)
    if sandbox_limit is not None and send_budget is not None:
        yield IN_THREAD
        with transaction.atomic():  # two counters: when the second refuses, the first must be given back
            run_steps(_insert_counted(values, sandbox_limit, send_budget, midnight, moment))
    else:
        yield from _insert_counted(values, sandbox_limit, send_budget, midnight, moment)
    return key


def _insert_counted(
    values: dict[str, Any], quota: int | None, budget: int | None, midnight: datetime, moment: datetime
) -> Steps[None]:
    counted = {"quota": _QUOTA} if quota is not None else {}
    if budget is not None:
        counted["budget"] = _BUDGET
    parts = ", ".join(f"{name} AS ({sql})" for name, sql in counted.items())
    results = ", ".join(f"(SELECT count(*) FROM {name})" for name in counted)
    statement = f"WITH {parts}, item AS ({_ITEM} FROM {', '.join(counted)}) SELECT {results}"
    row = yield Statement(statement, values)
    refused = [name for name, count in zip(counted, row, strict=True) if not count]
    if not refused:
        return
    wait = max(1, round((midnight + timedelta(days=1) - moment).total_seconds()))
    if refused[0] == "quota":
        raise RateLimitError(
            "sandbox_quota_exceeded", f"The sandbox allows {quota} messages a day.", retry_after_seconds=wait
        )
    raise RateLimitError(
        "send_budget_exceeded", f"This API key has used its {budget} sends of today.", retry_after_seconds=wait
    )
