"""The logs of a filter as CSV, streamed page by page: memory does not grow with their number."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from accounts.api_requests import RequestFilter, list_requests
from accounts.models import ApiRequest, Organization
from core.bounded_pages import BoundedPage
from core.ids import API_KEY, CHAT, LINE, public_id
from dashboard.csv_rows import write_rows
from messaging.models import Chat, OutboxItem
from messaging.outbox_log import OutboxFilter, list_outbox_log

MOST_PAGES = 4000
REQUEST_COLUMNS = (
    *("request_id", "time", "method", "route", "path", "status", "error_code", "key_id", "key_name"),
    *("duration_ms", "address", "user_agent", "object_id"),
)
OUTBOX_COLUMNS = (
    *("id", "created_at", "status", "operation", "to", "line_id", "chat_id", "key_id", "request_id", "attempts"),
    *("error", "held_reason", "resumes_at", "completed_at"),
)


def export_requests(organization: Organization, wanted: RequestFilter) -> Iterator[str]:
    """Newest first, times in ISO 8601 UTC; no bodies."""

    def read(before: str | None) -> BoundedPage[ApiRequest]:
        return list_requests(organization=organization, wanted=wanted, before=before)

    return _stream(REQUEST_COLUMNS, read, lambda rows: [_request_cells(row) for row in rows])


def export_outbox(organization: Organization, wanted: OutboxFilter) -> Iterator[str]:
    """Newest first, times in ISO 8601 UTC; no text of messages."""

    def read(before: str | None) -> BoundedPage[OutboxItem]:
        return list_outbox_log(organization=organization, wanted=wanted, before=before)

    def write(rows: Sequence[OutboxItem]) -> list[list[object]]:
        chats = dict(Chat.objects.filter(pk__in={row.chat_id for row in rows}).values_list("pk", "identifier"))
        return [_outbox_cells(row, chats.get(row.chat_id, "")) for row in rows]

    return _stream(OUTBOX_COLUMNS, read, write)


def _stream(
    columns: Sequence[str],
    read: Callable[[str | None], BoundedPage[Any]],
    write: Callable[[Sequence[Any]], list[list[object]]],
) -> Iterator[str]:
    def read_rows() -> Iterator[list[object]]:
        before: str | None = None
        for _ in range(MOST_PAGES):
            found = read(before)
            yield from write(found.rows)
            before = found.older
            if before is None:
                return

    return write_rows(columns, read_rows())


def _request_cells(row: ApiRequest) -> list[object]:
    return [
        *(row.request_id, row.at.isoformat(), row.method, row.route, row.path, row.status, row.error_code),
        public_id(API_KEY, row.api_key_id) if row.api_key_id else "",
        vars(row)["key_name"] or "",
        *(round(row.duration_ms, 1), row.address or "", row.user_agent, row.object_id),
    ]


def _outbox_cells(item: OutboxItem, to: str) -> list[object]:
    return [
        *(item.public_id, item.created_at.isoformat(), item.status, item.operation, to),
        *(public_id(LINE, item.line_id), public_id(CHAT, item.chat_id)),
        public_id(API_KEY, item.api_key_id) if item.api_key_id else "",
        *(item.request_id, item.attempts, item.error or "", item.held_reason),
        *(moment.isoformat() if moment else "" for moment in (item.resumes_at, item.completed_at)),
    ]
