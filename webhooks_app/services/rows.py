"""Rows of the delivery table as lines of ``COPY``, and the key that an event's delivery to an endpoint always has."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from core.copying import copy_lines
from webhooks_app.services.jobs import Job, Outcome

NULL = "\\N"
_LAST_48_BITS = (1 << 48) - 1
COLUMNS = (
    "id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id, state, next_attempt_at,"
    " claim_token, lease_until, attempts, tries, trigger, last_status, last_error, last_duration_ms, last_attempt_at,"
    " completed_at"
)
_COPY = f"COPY webhooks_app_delivery ({COLUMNS}) FROM STDIN"
_UNTRIED = f"0\t0\tfirst\t{NULL}\t\t{NULL}\t{NULL}\t{NULL}\n"


def delivery_key(event_id: UUID, endpoint_id: UUID) -> str:
    """32 hex digits: the event's id, its last 48 random bits mixed with the endpoint's.

    Always the same for the same pair, so whoever makes the delivery again, after a crash or in a replay, makes the
    same one, and a receiver that has seen it recognises it. Sorts as the events do.
    """
    return mix_key(event_id.hex, last_bits(endpoint_id))


def mix_key(event_hex: str, endpoint_bits: int) -> str:
    """The same from the event's 32 hex digits and ``last_bits`` of the endpoint."""
    return f"{event_hex[:20]}{int(event_hex[20:], 16) ^ endpoint_bits:012x}"


def last_bits(endpoint_id: UUID) -> int:
    return endpoint_id.int & _LAST_48_BITS


def copy_deliveries(lines: Iterable[str]) -> None:
    """Raises ``IntegrityError`` if one of them is there already."""
    copy_lines(_COPY, lines)


def owed_line(key: str, owner: str, columns: str, due: str) -> str:
    """A delivery that is due and nobody's; ``due`` as text."""
    return f"{key}\t{owner}\t{columns}\tpending\t{due}\t{NULL}\t{NULL}\t{_UNTRIED}"


def held_line(key: str, owner: str, columns: str) -> str:
    """A delivery of an endpoint that is off."""
    return f"{key}\t{owner}\t{columns}\theld\t{NULL}\t{NULL}\t{NULL}\t{_UNTRIED}"


def claimed_line(job: Job, due: str, lease: str) -> str:
    """A delivery that is still in its engine's hands."""
    return f"{job.id}\t{job.owner}\t{job.columns}\tpending\t{due}\t{job.token.hex}\t{lease}\t{_UNTRIED}"


def tried_line(outcome: Outcome, started: str) -> str:
    """A delivery with its first attempt behind it; ``started`` is its ``started_at`` as text."""
    job, result = outcome.job, outcome.result
    status = NULL if result.status is None else result.status
    if outcome.next_attempt_at is None:
        ended = iso(outcome.ended_at)
        return (
            f"{job.id}\t{job.owner}\t{job.columns}\t{outcome.state}\t{NULL}\t{NULL}\t{NULL}\t1\t1\tfirst\t{status}"
            f"\t{outcome.error}\t{result.total_ms:.3f}\t{started}\t{ended}\n"
        )
    return (
        f"{job.id}\t{job.owner}\t{job.columns}\t{outcome.state}\t{iso(outcome.next_attempt_at)}\t{NULL}\t{NULL}\t1\t1"
        f"\tretry\t{status}\t{outcome.error}\t{result.total_ms:.3f}\t{started}\t{NULL}\n"
    )


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(seconds: float) -> str:
    """Unix seconds as PostgreSQL reads them."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000_000):06d}+00"
