"""Chats of a line, latest first (spec api §9.2)."""

from typing import Any

import msgspec

from api.call import Call
from api.lists import DEFAULT_LIMIT, CursorText, Limit, Page, clamp
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS, ChatOut, From
from api.sender import sender_of
from messaging.payloads import chat_item
from messaging.selectors import get_readable_line, list_chats


class ListChats(msgspec.Struct, frozen=True):
    """The line, and the page."""

    from_: From = msgspec.field(name="from")
    limit: Limit = DEFAULT_LIMIT
    cursor: CursorText | None = None


@endpoint(
    "GET", "/v1/chats", scope="chats:read", query=ListChats, response=Page[ChatOut], errors=COMMON_LINE_ERRORS,
    summary="List the chats of a line, latest first", tag="Chats",
)  # fmt: skip
def list_line_chats(call: Call[None, ListChats]) -> Page[dict[str, Any]]:
    query, sender = call.query, sender_of(call)
    line = get_readable_line(sender=sender, line=query.from_)
    page = list_chats(
        organization_id=sender.organization_id,
        line_id=line.line_id,
        limit=clamp(query.limit),
        cursor=query.cursor,
        only_chat=line.chat_id if line.is_sandbox else None,
    )
    return Page([chat_item(chat) for chat in page.items], page.has_more, page.next_cursor)
