"""Makers of inbound events, as a transport reports them."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from core.clock import now, to_ms
from lines.models import Line
from messaging.services.receive import apply_inbound, store_events
from transports.base import Event, EventKind, Phase

PEER = "+15550100144"


def event(kind: EventKind, key: str, body: dict[str, Any], **fields: Any) -> Event:
    fields.setdefault("occurred_at", now())
    return Event(kind=kind, event_id=hashlib.sha256(key.encode()).hexdigest(), body=body, **fields)


def direct(peer: str = PEER, prefix: str = "any") -> dict[str, Any]:
    return {"guid": f"{prefix};-;{peer}", "identifier": peer, "is_group": False}


def upsert(guid: str, text: str | None = "hi", *, peer: str = PEER, phase: Phase = Phase.LIVE, **more: Any) -> Event:
    body = {
        "guid": guid,
        "chat": direct(peer),
        "sender": peer,
        "is_from_me": False,
        "text": text,
        "service": "iMessage",
        "sent_at": to_ms(now()),
        "attachments": [],
        **more,
    }
    return event(EventKind.MESSAGE_UPSERT, f"m{guid}", body, phase=phase)


def update(guid: str, field: str, value: Any, key: str = "") -> Event:
    return event(
        EventKind.MESSAGE_UPDATE, f"u{guid}{field}{value}{key}", {"guid": guid, "field": field, "value": value}
    )


def reaction(target: str, type_: str = "love", *, added: bool = True, key: str = "1", **more: Any) -> Event:
    body = {
        "target_guid": target,
        "part": 0,
        "type": type_,
        "sender": PEER,
        "is_from_me": False,
        "added": added,
        "sent_at": to_ms(now()),
        **more,
    }
    return event(EventKind.REACTION, f"r{target}{type_}{added}{key}", body)


def take_in(line: Line, *events: Event) -> int:
    store_events(line_id=line.id, events=events)
    return apply_inbound()


def age(seconds: float) -> None:
    """Lets the time pass that waiting events have waited."""
    from messaging.models import InboundEvent

    moment: datetime = now() - timedelta(seconds=seconds)
    InboundEvent.objects.filter(applied_at=None).update(received_at=moment, not_before=None)
