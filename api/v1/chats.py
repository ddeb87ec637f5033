"""Chats of a line, latest first (spec api §9.2)."""

from typing import Any

import msgspec

from api.call import Call
from api.lists import DEFAULT_LIMIT, CursorText, Limit, Page, clamp
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS, ChatOut, From
from api.sender import sender_of
from core.steps import IN_THREAD, Steps
from messaging.page_rows import list_spoken_chats_steps
from messaging.payloads import chat_item
from messaging.selectors import get_readable_line_steps, list_chats


class ListChats(msgspec.Struct, frozen=True):
    """The line, and the page."""

    from_: From = msgspec.field(name="from")
    limit: Limit = DEFAULT_LIMIT
    cursor: CursorText | None = None


@endpoint(
    "GET", "/v1/chats", scope="chats:read", query=ListChats, response=Page[ChatOut], errors=COMMON_LINE_ERRORS,
    summary="List the chats of a line, latest first", tag="Chats",
)  # fmt: skip
def list_line_chats(call: Call[None, ListChats]) -> Steps[Page[dict[str, Any]]]:
    query, sender = call.query, sender_of(call)
    line = yield from get_readable_line_steps(sender=sender, line=query.from_)
    place: dict[str, Any] = {"organization_id": sender.organization_id, "line_id": line.line_id}
    place |= {"limit": clamp(query.limit), "cursor": query.cursor}
    page: Any = None if line.is_sandbox else (yield from list_spoken_chats_steps(**place))
    if page is None:
        yield IN_THREAD
        page = list_chats(**place, only_chat=line.chat_id if line.is_sandbox else None)
    return Page([chat_item(chat) for chat in page.items], page.has_more, page.next_cursor)
