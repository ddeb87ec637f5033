"""The API requests of the month before: what sent the messages, what was looked up, and what was refused."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.models import ApiKey, ApiRequest
from core.ids import new_request_id, uuid7_at
from dashboard.demo_month import Month, show_queued
from lines.limit_math import floor_hour
from messaging.models import OutboxItem
from messaging.payloads import encode, outbox_data

SEED = 22
BOT = ("203.0.113.40", "messages-js/1.4.0 node/22.11")
OFFICE = ("203.0.113.7", "python-httpx/0.28.1")
# (share of sends, status, code, message, parameter)
_REFUSALS = (
    (0.012, 403, "contact_has_not_messaged",
     "This contact has not written to this line yet: a line answers, it never writes first.", "to"),
    (0.006, 400, "missing_required_parameter", "A message needs `text` or `attachments`.", "text"),
    (0.005, 404, "line_not_found", "No such line.", "from"),
)  # fmt: skip
_COUNT = """
INSERT INTO accounts_apikeyhour AS h (api_key_id, hour, requests, errors, sends)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::int[])
ON CONFLICT (api_key_id, hour) DO UPDATE SET requests = h.requests + excluded.requests,
    errors = h.errors + excluded.errors, sends = h.sends + excluded.sends
"""
_TYPES = {400: "invalid_request_error", 403: "invalid_request_error", 404: "not_found_error"}


def make_requests(month: Month, *, bot: ApiKey, desk: ApiKey) -> None:
    """Rows of the log and the keys' hours, counted from them."""
    rng = random.Random(SEED)
    rows: list[ApiRequest] = []
    for item in month.items:
        if item.api_key_id == bot.id:
            rows += _sends(item, bot, rng)
    rows += _lookups(month, desk, rng)
    add_requests(rows)


@transaction.atomic
def add_requests(rows: list[ApiRequest]) -> None:
    """Writes rows of the log, and counts them as the log's writer does."""
    ApiRequest.objects.bulk_create(rows)
    hours: dict[tuple[UUID, datetime], list[int]] = {}
    for row in rows:
        assert row.api_key_id is not None
        counts = hours.setdefault((row.api_key_id, floor_hour(row.at)), [0, 0, 0])
        counts[0] += 1
        counts[1] += row.status >= 400
        counts[2] += row.route == "/v1/messages" and row.method == "POST" and row.status < 400
    columns = [list(column) for column in zip(*((*place, *counts) for place, counts in hours.items()), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, columns)
    for row in {row.api_key_id: row for row in sorted(rows, key=lambda row: row.id)}.values():
        ApiKey.objects.filter(id__in=[row.api_key_id] if row.api_key_id else []).update(
            last_used_at=row.at, last_used_address=row.address, last_used_agent=row.user_agent
        )


def make_send_request(item: OutboxItem, key: ApiKey) -> ApiRequest:
    """The request with which a key queued an item."""
    return _row(
        key, BOT, item.created_at, "POST", "/v1/messages", 201, random.Random(item.request_id),
        body=_shown(item.payload), answer=show_queued(item), object_id=item.public_id, request_id=item.request_id,
    )  # fmt: skip


def _sends(item: OutboxItem, bot: ApiKey, rng: random.Random) -> list[ApiRequest]:
    """The request that queued an item, now and then after one that shows typing or one that was refused."""
    rows = []
    before = item.created_at - timedelta(seconds=rng.uniform(1, 4))
    base = {"from": item.payload["from"], "to": item.payload["to"]}
    if rng.random() < 0.2:
        rows.append(_row(bot, BOT, before, "POST", "/v1/typing", 201, rng, body={**base, "state": "on"},
                         answer={"id": f"obx_{uuid7_at(before).hex}", "status": "pending"}))  # fmt: skip
    for share, status, code, message, param in _REFUSALS:
        if rng.random() < share:
            at = before - timedelta(seconds=rng.uniform(1, 20))
            rows.append(_refused(bot, at, rng, item, status, code, message, param))
    return [*rows, make_send_request(item, bot)]


def _refused(
    bot: ApiKey, at: datetime, rng: random.Random, item: OutboxItem, status: int, code: str, message: str, param: str
) -> ApiRequest:
    body = _shown(item.payload)
    if code == "contact_has_not_messaged":
        body["to"] = f"+15550109{rng.randint(100, 999)}"
    elif code == "line_not_found":
        body["from"] = "+15550100040"
    else:
        del body["text"]
    error = {"type": _TYPES[status], "code": code, "message": message, "param": param}
    return _row(bot, BOT, at, "POST", "/v1/messages", status, rng, body=body, answer={"error": error}, code=code)


def _lookups(month: Month, desk: ApiKey, rng: random.Random) -> list[ApiRequest]:
    """A back office that asks what became of sends."""
    rows = []
    for item in month.items:
        assert item.completed_at is not None
        if rng.random() > 0.4:
            continue
        at = item.completed_at + timedelta(seconds=rng.uniform(5, 300))
        if rng.random() < 0.015:
            error = {
                "type": "not_found_error", "code": "outbox_item_not_found", "message": "No such outbox item.",
                "param": "id",
            }  # fmt: skip
            path = f"/v1/outbox?id=obx_{uuid7_at(at).hex}"
            rows.append(_row(desk, OFFICE, at, "GET", path, 404, rng, answer={"error": error}, code=str(error["code"])))
            continue
        answer = {**outbox_data(item), "payload": _shown(item.payload)}
        rows.append(_row(desk, OFFICE, at, "GET", f"/v1/outbox?id={item.public_id}", 200, rng, answer=answer))
    return rows


def _row(
    key: ApiKey, client: tuple[str, str], at: datetime, method: str, path: str, status: int, rng: random.Random, *,
    body: dict[str, Any] | None = None, answer: dict[str, Any] | None = None, code: str = "", object_id: str = "",
    request_id: str = "",
) -> ApiRequest:  # fmt: skip
    took = (4.0 if method == "POST" else 7.0) * rng.lognormvariate(0.0, 0.5)
    request_id = request_id or new_request_id()
    return ApiRequest(
        id=uuid7_at(at + timedelta(milliseconds=took)), request_id=request_id,
        organization_id=key.organization_id, api_key_id=key.id, method=method, path=path,
        route=path.partition("?")[0], status=status, error_code=code, duration_ms=round(took, 2), address=client[0],
        user_agent=client[1], request_body=encode(body) if body else "", object_id=object_id,
        response_body=encode({**answer, "request_id": request_id}) if answer else "",
    )  # fmt: skip


def _shown(payload: dict[str, Any]) -> dict[str, Any]:
    """The body as the log keeps it."""
    if not settings.REQUEST_LOG_REDACT_TEXT:
        return dict(payload)
    return {**payload, "text": f"[{len(payload['text'])} characters]"}
