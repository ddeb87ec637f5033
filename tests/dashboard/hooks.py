"""Endpoints, deliveries and attempts for tests of the webhook pages, straight into the tables."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from accounts.models import Organization
from accounts.services.audit import Actor
from core.clock import now
from core.ids import uuid7, uuid7_floor
from events.services import NewEvent, append_events
from lines.models import Line
from webhooks_app.catalogue import build_example
from webhooks_app.models import Attempt, Delivery, Endpoint
from webhooks_app.services.endpoints import create_endpoint

URL = "http://127.0.0.1:9471/hooks/imessage"
EVENTS = ["message.received", "message.sent"]


def make_endpoint(organization: Organization, url: str = URL, **fields: Any) -> Endpoint:
    given = {"events": EVENTS, "line_ids": None, "actor": Actor(), **fields}
    return create_endpoint(organization=organization, url=url, **given)[0]


def make_delivery(endpoint: Endpoint, line: Line, *, age_seconds: float = 5, **fields: Any) -> Delivery:
    """A delivery of an event of its own, ``age_seconds`` old; failed after eight tries unless said otherwise."""
    event_type = fields.setdefault("event_type", "message.received")
    data = msgspec.json.encode(build_example(event_type, line_id=line.public_id)).decode()
    (event_id,) = append_events(
        [
            NewEvent(
                organization_id=endpoint.organization_id,
                line_id=line.id,
                type=event_type,
                data=data,
                object_id=fields.get("object_id"),
            )
        ]
    )
    failed = {"state": "failed", "attempts": 8, "tries": 8, "last_status": 503, "last_error": "http_5xx"}
    given = {**failed, "last_duration_ms": 64.0, "last_attempt_at": now(), **fields}
    return Delivery.objects.create(
        id=key_of(now() - timedelta(seconds=age_seconds)),
        organization_id=endpoint.organization_id,
        endpoint_id=endpoint.id,
        event_id=event_id,
        line_id=line.id,
        **given,
    )


def key_of(moment: datetime) -> UUID:
    """A key made at a moment."""
    return UUID(int=uuid7_floor(moment).int | uuid7().int & (2**80 - 1))


def make_attempt(delivery: Delivery, number: int = 1, **fields: Any) -> Attempt:
    given = {
        "trigger": "first" if number == 1 else "retry",
        "started_at": now(),
        "address": "203.0.113.24:443",
        "status": 503,
        "error": "http_5xx",
        "request_headers": {"X-Webhook-Timestamp": "1760000000123", "X-Webhook-Signature": "9c1f" * 16},
        "response_headers": {"content-type": "application/json"},
        "response_body": '{"error":"Service Unavailable"}',
        "dns_ms": 2.0,
        "connect_ms": 18.0,
        "tls_ms": 31.0,
        "wait_ms": 160.0,
        "total_ms": 212.0,
        **fields,
    }
    return Attempt.objects.create(
        organization_id=delivery.organization_id,
        endpoint_id=delivery.endpoint_id,
        delivery_id=delivery.id,
        number=number,
        **given,
    )
