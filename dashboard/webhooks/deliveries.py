"""Deliveries as the lists show them: a note in words beside each state."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.ids import time_of
from dashboard.webhooks.attempts import describe_answer
from dashboard.webhooks.endpoints import split_url
from webhooks_app.error_texts import describe_error
from webhooks_app.models import Delivery, DeliveryState, Endpoint
from webhooks_app.retry import MAX_ATTEMPTS


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownDelivery:
    """A row. ``note`` says what stands behind the number of attempts; ``next_at`` is when the next one is due."""

    delivery: Delivery
    host: str
    path: str
    answer: str
    note: str
    next_at: datetime | None
    at: datetime

    @property
    def most(self) -> int:
        """How many attempts there can be."""
        return max(MAX_ATTEMPTS, self.delivery.attempts)

    @property
    def mark(self) -> str:
        """Changes whenever the row reads differently."""
        due = int(self.next_at.timestamp()) if self.next_at else ""
        return f"{self.delivery.state}-{self.delivery.attempts}-{due}-{self.note}"


def describe_delivery(delivery: Delivery, url: str = "", is_off: bool = False) -> ShownDelivery:
    host, path = split_url(url)
    return ShownDelivery(
        delivery=delivery,
        host=host,
        path=path,
        answer=describe_answer(delivery.last_status, delivery.last_error),
        note=_note(delivery),
        next_at=delivery.next_attempt_at if delivery.state == DeliveryState.RETRYING and not is_off else None,
        at=time_of(delivery.id),
    )


def describe_deliveries(deliveries: Iterable[Delivery], endpoint: Endpoint) -> list[ShownDelivery]:
    return [describe_delivery(delivery, endpoint.url, not endpoint.is_active) for delivery in deliveries]


def _note(delivery: Delivery) -> str:
    state = delivery.state
    if state == DeliveryState.HELD:
        return "endpoint is off"
    if state == DeliveryState.CANCELLED:
        return "not sent any more"
    if state == DeliveryState.FAILED:
        reason = describe_error(delivery.last_error).title if delivery.last_error else ""
        if delivery.trigger == "test":
            return "a test is not repeated"
        return (
            "last try" if delivery.last_status and delivery.tries >= MAX_ATTEMPTS else reason[:1].lower() + reason[1:]
        )
    if state == DeliveryState.DELIVERED and delivery.attempts > 1:
        return "after one retry" if delivery.attempts == 2 else f"after {delivery.attempts - 1} retries"
    if state == DeliveryState.PENDING:
        return "queued" if not delivery.attempts else "to be replayed"
    return ""
