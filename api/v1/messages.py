"""Messages: send (spec api §9.4), list newest first (§9.3), get one (an extension)."""

from typing import Annotated, Any

import msgspec

from api.call import Call
from api.lists import DEFAULT_LIMIT, CursorText, Limit, Page, clamp
from api.routes import endpoint
from api.schemas import CHAT_ERRORS, SEND_ERRORS, FileRef, From, FromTo, MessageOut, MessageRef, Queued, To
from api.sender import sender_of
from core.steps import Steps
from messaging.page_rows import list_messages_steps
from messaging.payloads import message_item
from messaging.selectors import attachments_of, get_message, get_readable_chat_steps
from messaging.services.send import queue_message_steps

Text = Annotated[str, msgspec.Meta(description="The message; may be left out when there is a file.")]
Attachments = Annotated[list[FileRef], msgspec.Meta(description="One file id, `file_…`.")]


class SendMessage(msgspec.Struct, frozen=True):
    """Text, one file, or both."""

    from_: From = msgspec.field(name="from")
    to: To
    text: Text | None = None
    attachments: Attachments | None = None
    reply_to: MessageRef | None = None


class ListMessages(FromTo, frozen=True):
    """The chat to read, and the page."""

    limit: Limit = DEFAULT_LIMIT
    cursor: CursorText | None = None


@endpoint(
    "POST", "/v1/messages", scope="messages:write", body=SendMessage, response=Queued, status=201, errors=SEND_ERRORS,
    summary="Send a message", tag="Messages",
)  # fmt: skip
def send_message(call: Call[SendMessage, None]) -> Steps[Queued]:
    body = call.body
    item = yield from queue_message_steps(
        sender=sender_of(call),
        line=body.from_,
        to=body.to,
        text=body.text,
        attachments=body.attachments,
        reply_to=body.reply_to,
        payload=call.payload,
    )
    return Queued(item.public_id)


@endpoint(
    "GET", "/v1/messages", scope="messages:read", query=ListMessages, response=Page[MessageOut], errors=CHAT_ERRORS,
    summary="List the messages of a chat, newest first", tag="Messages",
)  # fmt: skip
def list_chat_messages(call: Call[None, ListMessages]) -> Steps[Page[dict[str, Any]]]:
    query = call.query
    chat = yield from get_readable_chat_steps(sender=sender_of(call), line=query.from_, to=query.to)
    assert chat.chat_id is not None
    page = yield from list_messages_steps(chat_id=chat.chat_id, limit=clamp(query.limit), cursor=query.cursor)
    data = [message_item(message, attachments=attachments) for message, attachments in page.items]
    return Page(data, page.has_more, page.next_cursor)


@endpoint(
    "GET", "/v1/messages/{id}", scope="messages:read", response=MessageOut, errors=("message_not_found",),
    summary="Get one message", tag="Messages", is_extension=True,
)  # fmt: skip
def get_one_message(call: Call[None, None]) -> dict[str, Any]:
    message = get_message(sender=sender_of(call), message_id=call.path["id"], param="id")
    return message_item(message, attachments=attachments_of([message])[message.id])
