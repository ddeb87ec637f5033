"""One lane per endpoint: what it has claimed, how much of it may be in flight, its breaker and its pace. No I/O."""

import logging
import time
from collections import deque
from uuid import UUID

from cryptography.fernet import InvalidToken

from core.errors import AppError
from core.outbound import parse_url
from core.secrets import decrypt
from webhooks_app.retry import Breaker
from webhooks_app.services.attempt import Envelope
from webhooks_app.services.claim import EndpointRow
from webhooks_app.services.jobs import Job
from webhooks_app.signing import Secrets, Signer

logger = logging.getLogger(__name__)
QUEUE_MOST = 400
WRITTEN_SECONDS = 2.0


class Lane:
    """All state is of one event loop. ``cap`` is this engine's share of the endpoint's requests in flight."""

    __slots__ = (
        "_rate_moment",
        "_sealed",
        "_tokens",
        "breaker",
        "breaker_changed_at",
        "cap",
        "completed",
        "envelope",
        "id",
        "in_flight",
        "is_active",
        "is_gone",
        "is_ordered",
        "is_parked",
        "is_timed",
        "is_waiting",
        "per_second",
        "queue",
        "queue_limit",
        "refusal",
    )

    def __init__(self, endpoint_id: UUID) -> None:
        self.id = endpoint_id
        self.queue: deque[Job] = deque()
        self.in_flight = 0
        self.completed = 0  # since the last tick: decides how much to claim ahead
        self.queue_limit = 100
        self.is_waiting = True  # there may be due deliveries in the database
        self.is_parked = False  # waits for the engine's own bound
        self.is_timed = False  # waits for its pace
        self.is_active = False
        self.is_gone = False  # deleted: what it is owed is settled by the next look
        self.is_ordered = False
        self.breaker = Breaker()
        self.breaker_changed_at = 0.0  # monotonic; by this engine's own attempts
        self.cap = 1
        self.per_second: float | None = None
        self._tokens = 1.0
        self._rate_moment = time.monotonic()
        self._sealed: tuple[object, ...] = ()
        self.envelope: Envelope | None = None
        self.refusal = ("", "")  # error class and text, where there can be no envelope

    def update(self, row: EndpointRow, *, default_cap: int, engines: int) -> None:
        """Takes over what the database says. Several engines share an endpoint's bounds evenly."""
        self.is_active = row.is_active
        self.is_ordered = row.is_ordered
        self.cap = 1 if row.is_ordered else max((row.max_in_flight or default_cap) // engines, 1)
        self.per_second = row.requests_per_second / engines if row.requests_per_second else None
        if time.monotonic() - self.breaker_changed_at > WRITTEN_SECONDS:  # else the row may not know of it yet
            self.breaker = Breaker(row.consecutive_failures, row.breaker_open_until)
        has_previous = row.previous_until > time.time()
        sealed = (row.url, row.sealed_secrets, has_previous, tuple(row.headers.items()))
        if sealed != self._sealed:
            self._seal(row, has_previous)
            self._sealed = sealed

    def _seal(self, row: EndpointRow, has_previous: bool) -> None:
        """Makes the envelope. A URL, header or secret that no longer can be read is that endpoint's failure alone."""
        current, following, previous = row.sealed_secrets
        self.envelope, self.refusal = None, ("", "")
        try:
            secrets = Secrets(
                current=decrypt(current),
                next=decrypt(following) if following else "",
                previous=decrypt(previous) if previous and has_previous else "",
            )
            # The rules of the setting may have changed since the URL was saved: addresses are judged at each connect.
            target = parse_url(row.url, require_https=False)
            self.envelope = Envelope(target, Signer(secrets), row.headers)
        except (AppError, ValueError) as error:
            self.refusal = ("url_refused", str(error))
        except InvalidToken:
            logger.error("endpoint %s: its secret was sealed with another SECRET_KEY", row.id)
            self.refusal = ("internal", "The secret cannot be read: SECRET_KEY has changed.")

    def room(self) -> int:
        """How many more deliveries this engine wants to hold for the endpoint."""
        if not self.is_active:
            return 0
        if self.breaker.is_open:
            return self.breaker.room(time.time(), cap=1, in_flight=self.in_flight + len(self.queue))
        limit = 1 if self.is_ordered else max(min(self.cap * 2, 40), self.queue_limit)
        if self.per_second is not None:  # never more than can be sent within a lease
            limit = min(limit, max(int(self.per_second * 10), 1))
        return max(limit - len(self.queue) - self.in_flight, 0)

    def may_start(self) -> bool:
        if not self.is_active:
            return False
        if self.breaker.failures and self.breaker.is_open:
            return self.breaker.room(time.time(), cap=1, in_flight=self.in_flight) > 0
        return self.in_flight < self.cap

    def seconds_until_token(self) -> float:
        """Takes a token of the endpoint's pace if there is one (0.0), else says how long until there is."""
        if self.per_second is None:
            return 0.0
        moment = time.monotonic()
        most = max(self.per_second / 10, 1.0)
        self._tokens = min(most, self._tokens + (moment - self._rate_moment) * self.per_second)
        self._rate_moment = moment
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.per_second

    def tick(self, seconds: float) -> None:
        """Sets how much to claim ahead: what was completed in about half a second."""
        pace = int(self.completed / max(seconds, 0.001) * 0.5)
        self.queue_limit = min(max(pace, 20), QUEUE_MOST)
        self.completed = 0
