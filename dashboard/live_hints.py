"""From events to hints: which topics an event concerns."""

from collections.abc import Sequence

from core.ids import CHAT, LINE, MESSAGE, OUTBOX, public_id
from core.live import LiveHint, publish_live
from events import types
from events.consumers import consume
from events.services import LoggedEvent

CONSUMER = "live"
_OBJECTS = {
    types.MESSAGE_RECEIVED: MESSAGE,
    types.MESSAGE_SENT: MESSAGE,
    types.MESSAGE_UPDATED: MESSAGE,
    types.OUTBOX_UPDATED: OUTBOX,
}


def publish_news() -> int:
    """Publishes a hint for every new event; returns how many events there were."""
    return consume(CONSUMER, _publish)


def _publish(found: Sequence[LoggedEvent]) -> None:
    publish_live(_to_hint(event) for event in found)


def _to_hint(event: LoggedEvent) -> LiveHint:
    topics = [f"line:{public_id(LINE, event.line_id)}"]
    if event.chat_id is not None:
        topics += ["chats", f"chat:{public_id(CHAT, event.chat_id)}"]
    prefix = _OBJECTS.get(event.type)
    shown = public_id(prefix, event.object_id) if prefix and event.object_id else ""
    if event.type == types.OUTBOX_UPDATED:
        topics += ["outbox", f"outbox:{shown}"]
    if event.type == types.SANDBOX_CHANGED:
        topics.append("sandbox")
    return LiveHint(organization_id=event.organization_id, topics=topics, type=event.type, id=shown)
