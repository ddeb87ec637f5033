"""From a stored row to the function that applies its kind."""

from collections.abc import Callable, Mapping

from core.clock import from_ms
from messaging.inbound import MalformedEvent, clamp
from messaging.models import InboundEvent
from messaging.services.apply import (
    Arrival,
    Batch,
    apply_chat,
    apply_health,
    apply_message,
    apply_read,
    apply_typing,
)
from messaging.services.apply_changes import apply_reaction, apply_update

ACTIONS: dict[str, Callable[[Batch, Arrival], str]] = {
    "message.upsert": apply_message,
    "typing": apply_typing,
    "read": apply_read,
    "chat.upsert": apply_chat,
    "chat.change": apply_chat,
    "line.health": apply_health,
    "message.update": apply_update,
    "reaction": apply_reaction,
}


def apply_event(batch: Batch, row: InboundEvent) -> str:
    """Applies one event and returns its outcome. Raises ``Wait`` or ``MalformedEvent``."""
    line = batch.lines.get(row.line_id)
    act = ACTIONS.get(row.kind)
    if line is None or line.deleted_at is not None or act is None:
        return "ignored"
    envelope = row.envelope
    body = envelope.get("body")
    if not isinstance(body, Mapping):
        raise MalformedEvent("no body")
    at = envelope.get("occurred_at")
    occurred_at = clamp(from_ms(at)) if isinstance(at, int) else row.received_at
    return act(batch, Arrival(row, line, body, occurred_at, str(envelope.get("phase") or "live")))
