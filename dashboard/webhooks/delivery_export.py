"""Deliveries of a filter as CSV, streamed page by page: memory does not grow with their number."""

from collections.abc import Iterator

from core.ids import CHAT, LINE, public_id, time_of
from dashboard.csv_rows import write_rows
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Delivery
from webhooks_app.selectors import list_deliveries

COLUMNS = (
    *("id", "created_at", "state", "event", "url", "line_id", "chat_id", "attempts", "last_status", "last_error"),
    *("last_duration_ms", "last_attempt_at", "next_attempt_at", "completed_at"),
)
MOST_ROWS = 200_000
_BATCH = 1000


def stream_export(wanted: DeliveryFilter) -> Iterator[str]:
    """Newest first, at most 200,000 rows, times in ISO 8601 UTC."""
    return write_rows(COLUMNS, _read_rows(wanted))


def _read_rows(wanted: DeliveryFilter) -> Iterator[list[object]]:
    before: str | None = None
    for _ in range(MOST_ROWS // _BATCH):
        found = list_deliveries(wanted=wanted, before=before, limit=_BATCH)
        for row in found.rows:
            yield _cells(row.delivery, row.endpoint.url)
        before = found.older
        if before is None:
            return


def _cells(delivery: Delivery, url: str) -> list[object]:
    moments = (delivery.last_attempt_at, delivery.next_attempt_at, delivery.completed_at)
    return [
        delivery.public_id,
        time_of(delivery.id).isoformat(),
        delivery.state,
        delivery.event_type,
        url,
        public_id(LINE, delivery.line_id),
        public_id(CHAT, delivery.chat_id) if delivery.chat_id else "",
        delivery.attempts,
        delivery.last_status or "",
        delivery.last_error,
        "" if delivery.last_duration_ms is None else round(delivery.last_duration_ms, 1),
        *(moment.isoformat() if moment else "" for moment in moments),
    ]
