"""What the engine passes around: a delivery in its hands, the batch it came with, and what came of it."""

from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from core.outbound import HttpResult


def lease_seconds() -> float:
    """How long an engine may hold a delivery: four requests of the longest kind."""
    return float(settings.WEBHOOK_TIMEOUT_SECONDS) * 4


def lease_margin_seconds() -> float:
    """A request is only begun while its lease outlasts it: the request, and time to write the result down."""
    return float(settings.WEBHOOK_TIMEOUT_SECONDS) * 4 / 3


def owner_columns(organization_id: UUID, endpoint_id: UUID) -> str:
    """Both as ``COPY`` takes them."""
    return f"{organization_id.hex}\t{endpoint_id.hex}"


@dataclass(slots=True, eq=False)
class Batch:
    """A run of events whose deliveries are in an engine's hands and not in the table yet.

    The table holds the run and a lease (``EngineBatch``). ``unsent`` are deliveries without an outcome, ``open`` counts
    those without a row. A batch that is lost is left to whoever finds its lease over.
    """

    id: UUID
    taken_at: float  # monotonic, like lease_ends
    lease_ends: float
    unsent: "set[Job]" = field(default_factory=set)
    open: int = 0
    is_lost: bool = False


@dataclass(slots=True, eq=False)
class Job:
    """A delivery this engine has claimed; ``id`` is 32 hex digits, ``lease_ends`` on the monotonic clock.

    ``owner`` is organization and endpoint as ``COPY`` takes them. With a ``batch`` it has no row yet, and ``columns``
    are what follows the owner in it.
    """

    id: str
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
    owner: str
    batch: Batch | None = None
    columns: str = ""
    is_held: bool = False  # given back because its endpoint is off


@dataclass(slots=True, eq=False)
class Outcome:
    """One attempt that was made, and the state the delivery gets. Times are Unix seconds.

    ``request_headers`` are JSON, as the log shows them; ``attempt_id``, 32 hex digits, is given when it is written.
    """

    job: Job
    started_at: float
    ended_at: float
    result: HttpResult
    request_headers: str
    error: str
    state: str
    next_attempt_at: float | None
    attempt_id: str = ""

    @property
    def is_success(self) -> bool:
        return self.state == "delivered"
