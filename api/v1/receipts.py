"""Read receipts, ours and theirs (spec api §9.8)."""

from typing import Any

import msgspec

from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import CHAT_ERRORS, PRESENCE_ERRORS, From, FromTo, Queued, ReceiptOut, To
from api.sender import sender_of
from messaging.payloads import receipt_item
from messaging.selectors import get_readable_chat, list_receipts
from messaging.services.send import queue_receipt


class MarkRead(msgspec.Struct, frozen=True):
    """The chat to mark as read, all of it."""

    from_: From = msgspec.field(name="from")
    to: To


@endpoint(
    "POST", "/v1/receipts", scope="receipts:write", body=MarkRead, response=Queued, status=201,
    errors=PRESENCE_ERRORS, summary="Mark a chat as read", tag="Receipts",
)  # fmt: skip
def mark_read(call: Call[MarkRead, None]) -> Queued:
    body = call.body
    item = queue_receipt(sender=sender_of(call), line=body.from_, to=body.to, payload=call.payload)
    return Queued(item.public_id)


@endpoint(
    "GET", "/v1/receipts", scope="receipts:read", query=FromTo, response=Page[ReceiptOut], errors=CHAT_ERRORS,
    summary="See up to when a chat was read", tag="Receipts",
)  # fmt: skip
def list_chat_receipts(call: Call[None, FromTo]) -> Page[dict[str, Any]]:
    chat = get_readable_chat(sender=sender_of(call), line=call.query.from_, to=call.query.to)
    assert chat.chat_id is not None
    return Page([receipt_item(receipt) for receipt in list_receipts(chat_id=chat.chat_id)])
