"""What the engine passes around: a claimed delivery, and what came of it."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from core.outbound import HttpResult


def lease_seconds() -> float:
    """How long an engine may hold a delivery: four requests of the longest kind."""
    return float(settings.WEBHOOK_TIMEOUT_SECONDS) * 4


def lease_margin_seconds() -> float:
    """A request is only begun while its lease outlasts it: the request, and time to write the result down."""
    return float(settings.WEBHOOK_TIMEOUT_SECONDS) * 4 / 3


@dataclass(slots=True)
class Job:
    """A delivery this engine has claimed. ``lease_ends`` is on the monotonic clock."""

    id: UUID
    organization_id: UUID
    endpoint_id: UUID
    event_type: str
    data: str
    attempts: int
    tries: int
    trigger: str
    replay_id: UUID | None
    token: UUID
    lease_ends: float


@dataclass(slots=True)
class Outcome:
    """One attempt that was made, and the state the delivery gets. Times are Unix seconds."""

    job: Job
    started_at: float
    ended_at: float
    result: HttpResult
    request_headers: list[tuple[str, str]]
    error: str
    state: str
    next_attempt_at: float | None

    @property
    def is_success(self) -> bool:
        return self.state == "delivered"
