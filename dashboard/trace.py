"""One trace from API request to webhook attempt (design ui §5 Trace): every step that is known, in time, each a link.

Inbound: received -> message -> event -> deliveries. Outbound: API request or person -> outbox -> claimed -> sent ->
delivered -> read -> event -> deliveries. A step that has not happened yet stands at its place without a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import OuterRef, Subquery

from accounts.models import ApiKey, ApiRequest, User
from core.ids import DELIVERY, MESSAGE, OUTBOX, public_id, time_of
from events.models import Event
from events.types import PUBLIC_EVENTS
from messaging.models import Message, OutboxItem
from messaging.viewer.states import State, state_of_item, state_of_message
from webhooks_app.models import Attempt, Delivery, DeliveryState, Endpoint

_DELIVERY_KINDS = {
    DeliveryState.DELIVERED: "ok",
    DeliveryState.FAILED: "bad",
    DeliveryState.RETRYING: "retry",
    DeliveryState.PENDING: "wait",
    DeliveryState.HELD: "held",
    DeliveryState.CANCELLED: "off",
}

MOST_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``at`` None = not yet. ``after`` is the time since the first step. ``link`` leads to the step's own page."""

    title: str
    at: datetime | None
    text: str = ""
    kind: str = "ok"
    id: str = ""
    link: str = ""
    next_try_at: datetime | None = None
    after: timedelta | None = None

    @property
    def after_ms(self) -> float | None:
        return self.after.total_seconds() * 1000 if self.after is not None else None


@dataclass(frozen=True, slots=True)
class Trace:
    steps: list[Step]
    state: State | None


def build_trace(*, message: Message | None, item: OutboxItem | None) -> Trace:
    """The trace of a message, or of an outbox item that is not one yet. At most 7 queries."""
    if message is not None and item is None and message.outbox_id:
        item = OutboxItem.objects.filter(pk=message.outbox_id).first()
    if item is not None and message is None and item.message_id:
        message = Message.objects.select_related("chat__line").filter(pk=item.message_id).first()
    steps: list[Step] = []
    if item is not None:
        steps += [*_origin(item), *_outbox(item)]
    if message is not None:
        events = _events(message)
        steps += _message(message, item, told_at=events[0].at if events else None)
        steps += events
    if item is not None and message is None and item.status == "failed":
        state = state_of_item(item)
        steps.append(Step(title=state.word, at=item.completed_at, text=state.reason, kind=state.kind))
    return Trace(_with_differences(steps), _state(message, item))


def _state(message: Message | None, item: OutboxItem | None) -> State | None:
    if message is not None:
        return state_of_message(message) if message.is_from_me else None
    return state_of_item(item) if item is not None else None


def _with_differences(steps: list[Step]) -> list[Step]:
    known = [s for s in steps if s.at is not None]
    if not known:
        return steps
    first = min(s.at for s in known if s.at is not None)
    done = sorted(known, key=lambda s: s.at or first)
    open_steps = [s for s in steps if s.at is None]
    return [_since(step, first) for step in done] + open_steps


def _since(step: Step, first: datetime) -> Step:
    assert step.at is not None
    return Step(
        title=step.title,
        at=step.at,
        text=step.text,
        kind=step.kind,
        id=step.id,
        link=step.link,
        next_try_at=step.next_try_at,
        after=step.at - first,
    )


def _origin(item: OutboxItem) -> list[Step]:
    if item.user_id is not None:
        person = User.objects.filter(pk=item.user_id).first()
        name = person.display_name if person else "a former member"
        return [Step(title="Written in the dashboard", at=time_of(item.id), text=f"By {name}")]
    keys = ApiKey.objects.filter(pk__in=[item.api_key_id] if item.api_key_id else [])
    requests = ApiRequest.objects.annotate(key_name=Subquery(keys.values("name")[:1]))
    request = requests.filter(request_id=item.request_id).first() if item.request_id else None
    key_name = vars(request)["key_name"] if request else keys.values_list("name", flat=True).first()
    by = f"Key {key_name}" if key_name else ""
    if request is None:
        return [Step(title="API request", at=time_of(item.id), text=by, id=item.request_id)]
    took = f"{request.method} {request.route}, {request.status} in {request.duration_ms:.0f} ms"
    return [
        Step(
            title="API request",
            at=min(time_of(request.id) - timedelta(milliseconds=request.duration_ms), time_of(item.id)),  # logged later
            text=f"{took}. {by}",
            id=request.request_id,
            link=f"/logs/requests/{request.request_id}",
        )
    ]


def _outbox(item: OutboxItem) -> list[Step]:
    link = f"/logs/outbox/{public_id(OUTBOX, item.id)}"
    text = ""
    if item.held_reason:
        text = f"Held: {item.held_reason.replace('_', ' ')}"
    elif item.started_at is not None:
        waited = max(0.0, (item.started_at - item.created_at).total_seconds() * 1000)
        text = f"Waited {waited:,.0f} ms for its turn on the line"
    steps = [
        Step(
            title="Outbox",
            at=item.created_at,
            text=text,
            id=item.public_id,
            link=link,
            kind="held" if item.held_reason and item.status == "pending" else "ok",
        )
    ]
    if item.claimed_at is not None:
        steps.append(
            Step(
                title=f"Claimed by {item.claimed_by or 'a worker'}",
                at=item.claimed_at,
                text=f"Attempt {max(item.attempts, 1)} of {item.max_attempts}",
                link=link,
            )
        )
    return steps


def _message(message: Message, item: OutboxItem | None, *, told_at: datetime | None) -> list[Step]:
    """``told_at``: when the message's first event was made, which may be before its item was completed."""
    shown = public_id(MESSAGE, message.id)
    link = f"/messages/{shown}"
    if not message.is_from_me:
        return [
            Step(title="Received", at=message.sent_at, text=f"From {message.sender}", link=link),
            Step(title="Message", at=message.synced_at, text="Stored", id=shown, link=link),
        ]
    sent_at = item.completed_at if item is not None and item.completed_at else message.sent_at
    sent_at = min(sent_at, told_at or sent_at)
    by = f" on {message.chat.line}"
    steps = [
        Step(title="Sent", at=sent_at, text=f"Accepted as {message.service or 'a message'}{by}", id=shown, link=link)
    ]
    if message.failed_at is not None:
        state = state_of_message(message)
        steps.append(Step(title="Not sent", at=message.failed_at, text=state.reason, kind="bad"))
        return steps
    for title, at, text in (
        ("Delivered", message.delivered_at, "Confirmed by the recipient's device"),
        ("Read", message.read_at, "By the recipient"),
    ):
        steps.append(Step(title=title, at=at, text=text if at else "Not yet", kind="ok" if at else "wait"))
    return steps


def _events(message: Message) -> list[Step]:
    events = list(Event.objects.filter(object_id=message.id, type__in=PUBLIC_EVENTS).order_by("id")[:10])
    if not events:
        return []
    url = Endpoint.objects.filter(pk=OuterRef("endpoint_id")).values("url")[:1]
    rows = Delivery.objects.annotate(url=Subquery(url)).filter(event_id__in=[e.id for e in events])
    deliveries = list(rows.order_by("id")[:50])
    steps = []
    for event in events:
        takers = sum(d.event_id == event.id for d in deliveries)
        text = "No endpoint takes it" if not takers else f"{takers} endpoint{'s take' if takers > 1 else ' takes'} it"
        steps.append(
            Step(title=f"Event {event.type}", at=time_of(event.id), text=text, link=f"/webhooks/events/{event.type}")
        )
    return [*steps, *_earlier_attempts(deliveries), *map(_delivery, deliveries)]


def _earlier_attempts(deliveries: Sequence[Delivery]) -> list[Step]:
    """What was tried before the last attempt, which the delivery itself tells of. No query if nothing was."""
    tried = {delivery.id: delivery for delivery in deliveries if delivery.attempts > 1}
    if not tried:
        return []
    rows = Attempt.objects.filter(delivery_id__in=list(tried), id__gte=min(tried)).order_by("id")
    rows = rows.only("delivery_id", "number", "started_at", "status", "error", "total_ms")[:MOST_ATTEMPTS]
    return [_attempt(row, tried[row.delivery_id]) for row in rows if row.number < tried[row.delivery_id].attempts]


def _attempt(attempt: Attempt, delivery: Delivery) -> Step:
    shown = public_id(DELIVERY, delivery.id)
    answer = str(attempt.status) if attempt.status else attempt.error.replace("_", " ")
    return Step(
        title=_host(delivery),
        at=attempt.started_at,
        text=f"{answer} in {attempt.total_ms:.0f} ms, attempt {attempt.number}",
        kind="ok" if attempt.status and attempt.status < 300 else "bad",
        link=f"/webhooks/deliveries/{shown}?attempt={attempt.number}",
    )


def _host(delivery: Delivery) -> str:
    return urlsplit(vars(delivery)["url"] or "").netloc or "A deleted endpoint"


def _delivery(delivery: Delivery) -> Step:
    shown = public_id(DELIVERY, delivery.id)
    if delivery.attempts == 0:
        text = DeliveryState(delivery.state).label
    else:
        answer = str(delivery.last_status) if delivery.last_status else delivery.last_error.replace("_", " ")
        took = f" in {delivery.last_duration_ms:.0f} ms" if delivery.last_duration_ms is not None else ""
        text = f"{answer}{took}, attempt {delivery.attempts}"
    return Step(
        title=_host(delivery),
        at=delivery.last_attempt_at or time_of(delivery.id),
        text=text,
        kind=_DELIVERY_KINDS[DeliveryState(delivery.state)],
        id=shown,
        link=f"/webhooks/deliveries/{shown}",
        next_try_at=delivery.next_attempt_at if delivery.state == DeliveryState.RETRYING else None,
    )


def trace_as_json(trace: Trace) -> dict[str, object]:
    """What "Copy as JSON" gives: times as Unix ms, unknown ones null."""
    return {
        "state": trace.state.word if trace.state else None,
        "steps": [
            {
                "title": step.title,
                "at": int(step.at.timestamp() * 1000) if step.at else None,
                "after_ms": round(step.after.total_seconds() * 1000) if step.after is not None else None,
                "text": step.text,
                "id": step.id or None,
            }
            for step in trace.steps
        ],
    }
