"""When to try again, and when to stop trying (spec webhooks §7). Pure arithmetic: no I/O, no Django."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Waits before the 2nd to 8th attempt: about 27 h in all.
SCHEDULE_SECONDS = (5, 60, 300, 1800, 7200, 28800, 57600)
MAX_ATTEMPTS = len(SCHEDULE_SECONDS) + 1
JITTER = 0.1
RETRY_AFTER_MAX_SECONDS = 24 * 3600
RETRY_AFTER_STATUSES = (429, 503)
GONE = 410

BREAKER_FAILURES = 20
BREAKER_SECONDS = 30

FIRST_WARNING = timedelta(hours=24)
SECOND_WARNING = timedelta(days=4)
SWITCH_OFF = timedelta(days=5)


def is_success(status: int | None) -> bool:
    """Any 2xx is success; redirects are not followed and count as failure."""
    return status is not None and 200 <= status < 300


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait: a whole number or an HTTP date, at most 24 h; None for anything else."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:12]), RETRY_AFTER_MAX_SECONDS))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), float(RETRY_AFTER_MAX_SECONDS))


def clock_of_answer(date: str, now: datetime) -> datetime:
    """The server's own clock, from its ``Date`` header: a date in ``Retry-After`` is meant by that clock, not ours."""
    try:
        moment = parsedate_to_datetime(date.strip())
    except (ValueError, OverflowError):
        return now
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def next_wait(
    tries: int, *, status: int | None, retry_after: str, now: datetime, chance: float, factor: float = 1.0
) -> float | None:
    """Seconds until the next attempt, after ``tries`` attempts were made; None = give up.

    ``chance`` in [0, 1) decides the jitter, which only ever adds; ``factor`` stretches the schedule. ``Retry-After``
    counts on 429 and 503; it moves the next try but never adds one.
    """
    if status == GONE or tries >= MAX_ATTEMPTS:
        return None
    wait = SCHEDULE_SECONDS[max(tries, 1) - 1] * factor * (1 + JITTER * chance)
    if retry_after and status in RETRY_AFTER_STATUSES:
        told = parse_retry_after(retry_after, now)
        if told is not None:
            return max(told, 1.0) * (1 + JITTER * chance) if told < RETRY_AFTER_MAX_SECONDS else told
    return wait


@dataclass(frozen=True, slots=True)
class Breaker:
    """The circuit breaker of one endpoint: closed, or open until a moment after which one probe is let through."""

    failures: int = 0
    open_until: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.failures >= BREAKER_FAILURES

    def room(self, now: float, *, cap: int, in_flight: int) -> int:
        """How many more requests may start."""
        if not self.is_open:
            return max(cap - in_flight, 0)
        return 1 if now >= self.open_until and in_flight == 0 else 0

    def after(self, now: float, *, success: bool) -> "Breaker":
        if success:
            return Breaker()
        failures = self.failures + 1
        return Breaker(failures, now + BREAKER_SECONDS if failures >= BREAKER_FAILURES else 0.0)


def failing_step(failing_since: datetime | None, last_attempt_at: datetime | None, warnings_sent: int) -> str | None:
    """What a steadily failing endpoint is due: ``warn``, ``switch_off`` or nothing.

    Counted between the first failure and the latest attempt: an endpoint that nothing was sent to has proved nothing.
    """
    if failing_since is None or last_attempt_at is None:
        return None
    length = last_attempt_at - failing_since
    if length >= SWITCH_OFF:
        return "switch_off"
    if length >= SECOND_WARNING and warnings_sent < 2:
        return "warn"
    if length >= FIRST_WARNING and warnings_sent < 1:
        return "warn"
    return None
