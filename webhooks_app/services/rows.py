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
    return f"{event_id.int ^ (endpoint_id.int & _LAST_48_BITS):032x}"


def copy_deliveries(lines: Iterable[str]) -> None:
    """Raises ``IntegrityError`` if one of them is there already."""
    copy_lines(_COPY, lines)


def owed_line(key: str, columns: str, due: str) -> str:
    """A delivery that is due and nobody's; ``due`` as text."""
    return f"{key}\t{columns}\tpending\t{due}\t{NULL}\t{NULL}\t{_UNTRIED}"


def held_line(key: str, columns: str) -> str:
    """A delivery of an endpoint that is off."""
    return f"{key}\t{columns}\theld\t{NULL}\t{NULL}\t{NULL}\t{_UNTRIED}"


def claimed_line(job: Job, due: str, lease: str) -> str:
    """A delivery that is still in its engine's hands."""
    return f"{job.id}\t{job.columns}\tpending\t{due}\t{job.token.hex}\t{lease}\t{_UNTRIED}"


def tried_line(outcome: Outcome) -> str:
    """A delivery with its first attempt behind it."""
    result, is_over = outcome.result, outcome.state != "retrying"
    return (
        f"{outcome.job.id}\t{outcome.job.columns}\t{outcome.state}"
        f"\t{NULL if outcome.next_attempt_at is None else iso(outcome.next_attempt_at)}\t{NULL}\t{NULL}\t1\t1"
        f"\t{'first' if is_over else 'retry'}\t{NULL if result.status is None else result.status}\t{outcome.error}"
        f"\t{result.total_ms:.3f}\t{iso(outcome.started_at)}\t{iso(outcome.ended_at) if is_over else NULL}\n"
    )


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(seconds: float) -> str:
    """Unix seconds as PostgreSQL reads them."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000_000):06d}+00"
