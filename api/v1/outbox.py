"""The outbox: one item (spec api §7), and a line's list (an extension)."""

from typing import Any

import msgspec

from api.call import Call
from api.lists import DEFAULT_LIMIT, CursorText, Limit, Page, clamp
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS, From, OutboxItemOut
from api.sender import sender_of
from core.errors import missing
from messaging.payloads import outbox_data
from messaging.selectors import get_outbox_item, get_readable_line, list_outbox_items


class ReadOutbox(msgspec.Struct, frozen=True):
    """``id`` for one item; or ``from`` for a line's items, newest first."""

    id: str | None = None
    from_: From | None = msgspec.field(name="from", default=None)
    limit: Limit = DEFAULT_LIMIT
    cursor: CursorText | None = None


@endpoint(
    "GET", "/v1/outbox", scope="outbox:read", query=ReadOutbox, response=(OutboxItemOut, Page[OutboxItemOut]),
    errors=("outbox_item_not_found", *COMMON_LINE_ERRORS), summary="See what became of a request to send", tag="Outbox",
)  # fmt: skip
def read_outbox(call: Call[None, ReadOutbox]) -> dict[str, Any] | Page[dict[str, Any]]:
    query, sender = call.query, sender_of(call)
    if query.id is not None:
        return outbox_data(get_outbox_item(sender=sender, item_id=query.id))
    if query.from_ is None:
        raise missing("id")
    line = get_readable_line(sender=sender, line=query.from_)
    page = list_outbox_items(
        organization_id=sender.organization_id, line_id=line.line_id, limit=clamp(query.limit), cursor=query.cursor
    )
    return Page([outbox_data(item) for item in page.items], page.has_more, page.next_cursor)
