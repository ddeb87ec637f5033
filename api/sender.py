"""From the calling key to what the services of messaging ask for."""

from typing import Any

from accounts.services.audit import Actor
from api.call import Call
from messaging.addressing import Sender


def sender_of(call: Call[Any, Any]) -> Sender:
    """Who acts. A key always has an owner: its organization."""
    key = call.key
    return Sender(
        organization_id=key.organization_id,
        api_key_id=key.id,
        line_ids=key.line_ids,
        allowed_recipients=key.allowed_recipients,
        daily_send_budget=key.daily_send_budget,
        request_id=call.request_id,
    )


def actor_of(call: Call[Any, Any]) -> Actor:
    """How a change made with a key stands in the audit log."""
    key = call.key
    return Actor(label=f"API key {key.name} ({key.prefix}…)", address=call.address, user_agent=call.user_agent)
