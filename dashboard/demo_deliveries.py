"""What the demo's endpoints were told in the month before: events, deliveries and attempts, with an afternoon on which
one of them was away. Attempts, roll-ups and health are written by the engine's own ``record_outcomes``.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

from core.clock import now
from core.ids import uuid7, uuid7_at
from core.outbound import HttpResult, parse_url
from core.secrets import decrypt
from dashboard.demo_month import BUSY_DAY, Month
from events.services import NewEvent, add_history
from events.types import MESSAGE_RECEIVED, MESSAGE_SENT
from lines.limit_math import floor_day
from messaging.models import Message
from messaging.payloads import encode, message_data
from webhooks_app.error_texts import status_class
from webhooks_app.models import Delivery, Endpoint
from webhooks_app.retry import next_wait
from webhooks_app.services.attempt import Envelope
from webhooks_app.services.jobs import Job, Outcome, owner_columns
from webhooks_app.services.organization_hours import ALL, add_up_hours
from webhooks_app.services.record import record_outcomes
from webhooks_app.services.rows import delivery_key
from webhooks_app.signing import Secrets, Signer

AWAY = (timedelta(hours=12, minutes=25), timedelta(hours=17, minutes=10))  # of the day ``BUSY_DAY`` days ago
SEED = 21


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An endpoint and how it answers. ``usual_ms``: its median; ``since`` and ``until`` bound its history."""

    endpoint: Endpoint
    address: str
    server: str
    usual_ms: float
    since: datetime
    until: datetime
    was_away: bool


def make_deliveries(month: Month, told: list[Told]) -> None:
    """Every event of the month, and what it led to at each endpoint that takes it."""
    rng = random.Random(SEED)
    events = [_event_of(message, line.handle) for message, line in month.messages]
    add_history(events)
    rows: list[Delivery] = []
    outcomes: list[Outcome] = []
    for one in told:
        teller = _Teller(one, rng)
        for key, event in events:
            if event.type in one.endpoint.events and event.occurred_at >= one.since:
                teller.tell(key, event)
        rows += teller.rows
        outcomes += teller.outcomes
    Delivery.objects.bulk_create(rows)
    record_outcomes(sorted(outcomes, key=lambda outcome: outcome.started_at))
    add_up_hours(length=ALL)


def _event_of(message: Message, line_handle: str) -> tuple[UUID, NewEvent]:
    at = message.synced_at + timedelta(milliseconds=2)
    event = NewEvent(
        organization_id=message.organization_id, line_id=message.line_id, chat_id=message.chat_id,
        type=MESSAGE_SENT if message.is_from_me else MESSAGE_RECEIVED, object_id=message.id,
        data=encode(message_data(message, line_handle=line_handle)), occurred_at=at,
    )  # fmt: skip
    return uuid7_at(at), event


class _Teller:
    """Deliveries of one endpoint, each told until it is taken or given up, at the times of the retry schedule."""

    def __init__(self, told: Told, rng: random.Random) -> None:
        self.told, self.rng, self._missed = told, rng, 0
        self.rows: list[Delivery] = []
        self.outcomes: list[Outcome] = []
        endpoint = told.endpoint
        target = parse_url(endpoint.url, require_https=False)
        self._envelope = Envelope(target, Signer(Secrets(current=decrypt(endpoint.secret))), endpoint.headers)
        self._owner = owner_columns(endpoint.organization_id, endpoint.id)
        busy = floor_day(now()) - timedelta(days=BUSY_DAY)
        self._away = (busy + AWAY[0], busy + AWAY[1]) if told.was_away else None

    def tell(self, event_id: UUID, event: NewEvent) -> None:
        row = Delivery(
            id=UUID(hex=delivery_key(event_id, self.told.endpoint.id)), organization_id=event.organization_id,
            endpoint_id=self.told.endpoint.id, event_id=event_id, event_type=event.type, line_id=event.line_id,
            chat_id=event.chat_id, object_id=event.object_id, state="held",
        )  # fmt: skip
        self.rows.append(row)
        if event.occurred_at >= self.told.until:
            return
        at = event.occurred_at + timedelta(milliseconds=self.rng.uniform(8, 30))
        is_poison = self._is_poison(at)
        while True:
            outcome = self._try(row, event, at, is_poison=is_poison)
            self.outcomes.append(outcome)
            _move(row, outcome)
            if outcome.next_attempt_at is None:
                return
            at = datetime.fromtimestamp(outcome.next_attempt_at, UTC)

    def _is_poison(self, at: datetime) -> bool:
        """One in ten of what was told while it was away."""
        if not self._is_away(at):
            return False
        self._missed += 1
        return self._missed % 10 == 4

    def _is_away(self, at: datetime) -> bool:
        return self._away is not None and self._away[0] <= at < self._away[1]

    def _try(self, row: Delivery, event: NewEvent, at: datetime, *, is_poison: bool) -> Outcome:
        result = self._answer(at, row.attempts, is_poison=is_poison)
        job = Job(
            row.id.hex, row.organization_id, row.endpoint_id, row.event_type, event.data, row.attempts, row.tries,
            "retry" if row.attempts else "first", None, uuid7(), 0.0, self._owner,
        )  # fmt: skip
        _, signed = self._envelope.build(job, int(at.timestamp() * 1000))
        ended = at + timedelta(milliseconds=result.total_ms)
        assert result.status is not None
        error = status_class(result.status)
        wait = None
        if error:
            wait = next_wait(row.tries + 1, status=result.status, retry_after="", now=ended, chance=self.rng.random())
        state = "delivered" if not error else "failed" if wait is None else "retrying"
        return Outcome(
            job, at.timestamp(), ended.timestamp(), result, self._envelope.show(signed), error, state,
            None if wait is None else ended.timestamp() + wait, uuid7_at(at).hex,
        )  # fmt: skip

    def _answer(self, at: datetime, attempts: int, *, is_poison: bool) -> HttpResult:
        """200 as a rule. While it is away 503; what it choked on then, it cannot read afterwards either."""
        status, body = 200, b'{"ok":true}'
        if self._is_away(at):
            status, body = 503, b"<html><head><title>503 Service Temporarily Unavailable</title></head></html>"
        elif is_poison:
            status, body = 422, b'{"error":"this message was seen before, in part"}'
        elif not attempts and self.rng.random() < 0.01:
            status, body = 502, b"<html><head><title>502 Bad Gateway</title></head></html>"
        waited = self.told.usual_ms * self.rng.lognormvariate(0.0, 0.45) * (9 if self.rng.random() < 0.012 else 1)
        is_fresh = self.rng.random() < 0.25
        headers = {
            "server": self.told.server,
            "date": format_datetime(at, usegmt=True),
            "content-type": "application/json" if body.startswith(b"{") else "text/html",
            "content-length": str(len(body)),
        }
        connect = self.told.usual_ms * self.rng.uniform(0.1, 0.2) if is_fresh else None
        is_secure = self.told.endpoint.url.startswith("https:")
        tls = connect * 1.9 if connect is not None and is_secure else None
        return HttpResult(
            status=status, headers=headers, body=body, address=self.told.address, connect_ms=connect, tls_ms=tls,
            wait_ms=waited, total_ms=waited + (connect or 0.0) + (tls or 0.0) + self.rng.uniform(0.2, 0.6),
        )  # fmt: skip


def _move(row: Delivery, outcome: Outcome) -> None:
    """The delivery after an attempt, as the engine leaves it."""
    ended = datetime.fromtimestamp(outcome.ended_at, UTC)
    row.state = outcome.state
    row.attempts += 1
    row.tries += 1
    row.trigger = "retry" if outcome.state == "retrying" else row.trigger
    row.last_status, row.last_error = outcome.result.status, outcome.error
    row.last_duration_ms = outcome.result.total_ms
    row.last_attempt_at = datetime.fromtimestamp(outcome.started_at, UTC)
    row.completed_at = ended if outcome.next_attempt_at is None else None
