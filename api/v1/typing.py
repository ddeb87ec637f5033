"""Typing indicators, ours and theirs (spec api §9.7)."""

from typing import Any, Literal

import msgspec

from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import CHAT_ERRORS, PRESENCE_ERRORS, From, FromTo, Queued, To, TypingOut
from api.sender import sender_of
from messaging.payloads import typing_item
from messaging.selectors import get_readable_chat, list_typing
from messaging.services.send import queue_typing


class SetTyping(msgspec.Struct, frozen=True):
    """``on`` shows the dots, ``off`` takes them away."""

    from_: From = msgspec.field(name="from")
    to: To
    state: Literal["on", "off"] = "on"


@endpoint(
    "POST", "/v1/typing", scope="typing:write", body=SetTyping, response=Queued, status=201, errors=PRESENCE_ERRORS,
    summary="Start or stop typing", tag="Typing",
)  # fmt: skip
def set_typing(call: Call[SetTyping, None]) -> Queued:
    body = call.body
    item = queue_typing(sender=sender_of(call), line=body.from_, to=body.to, state=body.state, payload=call.payload)
    return Queued(item.public_id)


@endpoint(
    "GET", "/v1/typing", scope="typing:read", query=FromTo, response=Page[TypingOut], errors=CHAT_ERRORS,
    summary="See who is typing in a chat", tag="Typing",
)  # fmt: skip
def list_chat_typing(call: Call[None, FromTo]) -> Page[dict[str, Any]]:
    chat = get_readable_chat(sender=sender_of(call), line=call.query.from_, to=call.query.to)
    assert chat.chat_id is not None
    return Page([typing_item(indicator) for indicator in list_typing(chat_id=chat.chat_id)])
