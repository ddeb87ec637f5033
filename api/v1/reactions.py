"""Tapbacks (spec api §9.6)."""

from typing import Any

import msgspec

from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import PRESENCE_ERRORS, From, MessageRef, Queued, ReactionOut, ReactionType, To
from api.sender import sender_of
from messaging.payloads import reaction_item
from messaging.selectors import get_message, list_reactions
from messaging.services.send import queue_reaction


class React(msgspec.Struct, frozen=True):
    """A tapback on a message of the chat."""

    from_: From = msgspec.field(name="from")
    to: To
    message_id: MessageRef
    type: ReactionType


class ListReactions(msgspec.Struct, frozen=True):
    """The message whose reactions to list."""

    message_id: MessageRef


@endpoint(
    "POST", "/v1/reactions", scope="reactions:write", body=React, response=Queued, status=201,
    errors=(*PRESENCE_ERRORS, "message_not_found"), summary="React to a message", tag="Reactions",
)  # fmt: skip
def react(call: Call[React, None]) -> Queued:
    body = call.body
    item = queue_reaction(
        sender=sender_of(call),
        line=body.from_,
        to=body.to,
        message_id=body.message_id,
        type=body.type,
        payload=call.payload,
    )
    return Queued(item.public_id)


@endpoint(
    "GET", "/v1/reactions", scope="reactions:read", query=ListReactions, response=Page[ReactionOut],
    errors=("message_not_found",), summary="List the reactions to a message, oldest first", tag="Reactions",
)  # fmt: skip
def list_message_reactions(call: Call[None, ListReactions]) -> Page[dict[str, Any]]:
    message = get_message(sender=sender_of(call), message_id=call.query.message_id)
    return Page([reaction_item(reaction) for reaction in list_reactions(message=message)])
