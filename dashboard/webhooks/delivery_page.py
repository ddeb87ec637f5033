"""One delivery with all that is known of it: where it came from, every attempt, what it means, what comes next."""

import json
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.clock import now
from core.ids import EVENT, LINE, MESSAGE, REPLAY, public_id, time_of, uuid7_floor
from dashboard.access import PageRequest
from dashboard.conversation_privacy import is_masked
from dashboard.formatting import format_exact, format_milliseconds
from dashboard.webhooks.attempts import ShownAttempt, describe_attempt, format_body
from dashboard.webhooks.endpoints import describe_endpoint
from lines.models import Line
from messaging.models import Chat, Message
from webhooks_app.endpoint_hours import list_hours
from webhooks_app.models import Attempt, Delivery, DeliveryState, Endpoint
from webhooks_app.retry import BREAKER_FAILURES, MAX_ATTEMPTS, SCHEDULE_SECONDS
from webhooks_app.selectors import DeliveryDetail, get_delivery

LOOK_BACK = timedelta(days=3)
HIDDEN_TEXT = "(hidden)"
OPEN_STATES = (DeliveryState.PENDING, DeliveryState.RETRYING)


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceStep:
    """A part of the breadcrumb: absolute time on the first, differences after it."""

    label: str
    value: str
    difference: str = ""
    href: str = ""


def make_delivery_page(request: PageRequest, delivery_id: str, chosen: str) -> dict[str, Any]:
    """The template's context; ``chosen`` is an attempt's number. Raises ``delivery_not_found``. At most 8 queries."""
    detail = get_delivery(organization_id=request.organization.id, delivery=delivery_id)
    delivery, endpoint = detail.delivery, detail.endpoint
    message, chat, line = _find_subject(request, delivery)
    masked = is_masked(request, chat) if chat else not request.membership.sees_text
    longest = max((attempt.total_ms for attempt in detail.attempts), default=1.0)
    attempts = [describe_attempt(attempt, longest) for attempt in detail.attempts]
    shown = next((one for one in attempts if str(one.attempt.number) == chosen), attempts[0] if attempts else None)
    body = _body(detail, shown.attempt if shown else None, masked)
    hours = list_hours(endpoint_ids=[endpoint.pk], since=now() - timedelta(hours=24))[endpoint.pk]
    message_key = _message_key(delivery)
    is_open = delivery.state in OPEN_STATES
    return {
        "delivery": delivery,
        "endpoint": endpoint,
        "row": describe_endpoint(endpoint, {}, hours),
        "attempts": attempts,
        "shown": shown and describe_attempt(shown.attempt),
        "body": body,
        "pretty": format_body(body),
        "curl": _curl(endpoint, shown.attempt, body) if shown and body else "",
        "steps": _trace(detail, message),
        "chat": chat,
        "line": line,
        "line_public_id": public_id(LINE, delivery.line_id),
        "message_id": public_id(MESSAGE, message_key) if message_key else "",
        "replay_id": public_id(REPLAY, delivery.replay_id) if delivery.replay_id else "",
        "event_public_id": public_id(EVENT, delivery.event_id),
        "masked": masked and bool(body),
        "created_at": time_of(delivery.id),
        "gives_up_at": _gives_up_at(delivery),
        "max_attempts": max(MAX_ATTEMPTS, delivery.attempts),
        "is_open": is_open,
        "next_number": delivery.attempts + 1,
        "last_success": _last_success(shown, delivery),
        "cannot": _cannot_try(endpoint),
        "breaker": _find_breaker(endpoint, delivery) if is_open else None,
        "can_manage": request.membership.is_admin,
    }


def _find_subject(request: PageRequest, delivery: Delivery) -> tuple[Message | None, Chat | None, Line | None]:
    """What the delivery is about. One query for the delivery of a message, two for others."""
    own = Q(organization=request.organization)
    key, chat_key = _message_key(delivery), delivery.chat_id
    messages = Message.objects.select_related("chat__line").filter(organization_id=request.organization.id)
    message = messages.filter(pk=key).first() if key else None
    if message is not None and message.chat_id == chat_key and message.chat.line_id == delivery.line_id:
        return message, message.chat, message.chat.line
    chat = Chat.objects.filter(own, pk=chat_key).first() if chat_key else None
    return message, chat, Line.objects.filter(own | Q(is_sandbox=True), pk=delivery.line_id).first()


def _message_key(delivery: Delivery) -> UUID | None:
    return delivery.object_id if delivery.event_type.startswith("message.") else None


def _body(detail: DeliveryDetail, attempt: Attempt | None, masked: bool) -> str:
    """As it was sent, or with the words of the message left out for somebody who may not read them."""
    body = detail.body_of(attempt)
    if not masked or not body:
        return body
    try:
        sent = json.loads(body)
    except ValueError:
        return ""
    data = sent.get("data", {})
    if data.get("text") is not None:
        data["text"] = HIDDEN_TEXT
    for attachment in data.get("attachments") or ():
        attachment.update({name: HIDDEN_TEXT for name in ("filename", "url", "transcription") if attachment.get(name)})
    return json.dumps(sent, ensure_ascii=False, separators=(",", ":"))


def _curl(endpoint: Endpoint, attempt: Attempt, body: str) -> str:
    """The same request again, by hand. The signature is that of the attempt, good for five minutes from its time."""
    parts = ["curl", "-X", "POST", shlex.quote(endpoint.url)]
    for name, value in attempt.request_headers.items():
        parts += ["-H", shlex.quote(f"{name}: {value}")]
    return " ".join([*parts, "--data-raw", shlex.quote(body)])


def _trace(detail: DeliveryDetail, message: Message | None) -> list[TraceStep]:
    delivery = detail.delivery
    known: list[tuple[str, str, datetime, str]] = []
    if message is not None:
        href = f"/messages/{message.public_id}"
        word = "Sent" if message.is_from_me else "Received"
        known.append((word, message.sender, message.sent_at, href))
        known.append(("Message", message.public_id, message.synced_at, href))
    if detail.data:
        known.append(
            ("Event", delivery.event_type, time_of(delivery.event_id), f"/webhooks/events/{delivery.event_type}")
        )
    known.append(("This delivery", delivery.public_id, time_of(delivery.id), ""))
    steps: list[TraceStep] = []
    for index, (label, value, at, href) in enumerate(known):
        if index == 0:
            steps.append(TraceStep(label=f"{label} {format_exact(at)[11:23]}", value=value, href=href))
        else:
            gap = max(0.0, (at - known[index - 1][2]).total_seconds() * 1000)
            steps.append(TraceStep(label=label, value=value, difference=f"+{format_milliseconds(gap)}", href=href))
    return steps


def _gives_up_at(delivery: Delivery) -> datetime | None:
    """When the last try of the schedule is due, if all before it fail. Jitter makes it later, never earlier."""
    if delivery.state not in OPEN_STATES or delivery.next_attempt_at is None:
        return None
    return delivery.next_attempt_at + timedelta(seconds=sum(SCHEDULE_SECONDS[delivery.tries :]))


def _last_success(shown: ShownAttempt | None, delivery: Delivery) -> Delivery | None:
    """The latest delivery of the last days that this endpoint accepted: shown beside an attempt that it did not."""
    if shown is None or shown.is_accepted:
        return None
    accepted = Delivery.objects.filter(
        endpoint_id=delivery.endpoint_id, state=DeliveryState.DELIVERED, id__gte=uuid7_floor(now() - LOOK_BACK)
    )
    return accepted.order_by("-id").first()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBreaker:
    """The delivery's time has come, but its endpoint is tried with one delivery at a time. None = a probe is due."""

    failures: int
    probe_at: datetime | None


def _find_breaker(endpoint: Endpoint, delivery: Delivery) -> OpenBreaker | None:
    at = now()
    if not endpoint.is_active or endpoint.consecutive_failures < BREAKER_FAILURES:
        return None
    probe = endpoint.breaker_open_until
    if delivery.next_attempt_at is not None and delivery.next_attempt_at > max(at, probe or at):
        return None  # its own time comes later
    return OpenBreaker(failures=endpoint.consecutive_failures, probe_at=probe if probe and probe > at else None)


def _cannot_try(endpoint: Endpoint) -> str:
    if endpoint.deleted_at is not None:
        return "This endpoint was deleted: nothing is sent to it."
    return "" if endpoint.is_active else "This endpoint is off. Switch it on to send."
