"""Writing down what came of attempts, a few hundred at a time, in one transaction.

Attempts by ``COPY``; states by ``UPDATE … FROM unnest``, fenced by the claim's token; roll-ups and the endpoints'
health beside them. Arrays travel as one text each: cheaper to make and to read than thousands of parameters.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection, transaction

from core.ids import uuid7
from webhooks_app.services.jobs import Outcome
from webhooks_app.services.rollups import write_health, write_minutes, write_replays
from webhooks_app.services.switching import settle_pending

_encode = msgspec.json.Encoder().encode
HIDDEN = "(set on the endpoint)"
_COPY = (
    "COPY webhooks_app_attempt (id, organization_id, endpoint_id, delivery_id, number, trigger, started_at, address,"
    " status, error, error_text, request_headers, response_headers, response_body, body_truncated, dns_ms, connect_ms,"
    " tls_ms, wait_ms, total_ms) FROM STDIN"
)
_UPDATE = """
UPDATE webhooks_app_delivery d SET state = r.state, attempts = r.attempts, tries = r.tries,
    trigger = CASE WHEN r.state = 'retrying' THEN 'retry' ELSE d.trigger END, next_attempt_at = r.next_at,
    claim_token = NULL, lease_until = NULL, last_status = r.status, last_error = r.error, last_duration_ms = r.ms,
    last_attempt_at = r.started, completed_at = CASE WHEN r.state <> 'retrying' THEN r.ended END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::smallint[], %s::smallint[], %s::smallint[], %s::text[],
            %s::float8[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
    AS r (id, token, state, attempts, tries, status, error, ms, started, ended, next_at)
WHERE d.id = r.id AND d.claim_token = r.token AND d.id BETWEEN %s AND %s
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})


def record_outcomes(outcomes: Sequence[Outcome]) -> None:
    """One transaction, about six statements whatever the number of outcomes."""
    if not outcomes:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                copy.write("".join([_attempt_line(outcome) for outcome in outcomes]))
            cursor.execute(_UPDATE, _update_parameters(outcomes))
        write_minutes(outcomes)
        write_health(outcomes)
        write_replays(outcomes)
        for endpoint_id in {o.job.endpoint_id for o in outcomes if o.error == "http_410"}:
            settle_pending(endpoint_id, "held")


def _update_parameters(outcomes: Sequence[Outcome]) -> list[Any]:
    ids = [o.job.id for o in outcomes]
    return [
        _array(key.hex for key in ids),
        _array(o.job.token.hex for o in outcomes),
        _array(o.state for o in outcomes),
        _array(str(o.job.attempts + 1) for o in outcomes),
        _array(str(o.job.tries + 1) for o in outcomes),
        _array("NULL" if o.result.status is None else str(o.result.status) for o in outcomes),
        _array(o.error or '""' for o in outcomes),
        _array(f"{o.result.total_ms:.3f}" for o in outcomes),
        _array(_iso(o.started_at) for o in outcomes),
        _array(_iso(o.ended_at) for o in outcomes),
        _array("NULL" if o.next_attempt_at is None else _iso(o.next_attempt_at) for o in outcomes),
        min(ids),
        max(ids),
    ]


def _array(parts: Iterable[str]) -> str:
    """A PostgreSQL array literal of words that need no quotes."""
    return "{" + ",".join(parts) + "}"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _iso(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000_000):06d}+00"


def _attempt_line(outcome: Outcome) -> str:
    job, result = outcome.job, outcome.result
    body = result.body.decode("utf-8", "replace").translate(_ESCAPES) if result.body else ""
    return "\t".join(
        (
            uuid7().hex,
            job.organization_id.hex,
            job.endpoint_id.hex,
            job.id.hex,
            str(job.attempts + 1),
            job.trigger,
            _iso(outcome.started_at),
            result.address,
            "\\N" if result.status is None else str(result.status),
            outcome.error,
            result.error_text.translate(_ESCAPES)[:300] if result.error_text else "",
            _json(dict(outcome.request_headers)),
            _json(result.headers),
            body,
            "t" if result.is_truncated else "f",
            _number(result.dns_ms),
            _number(result.connect_ms),
            _number(result.tls_ms),
            _number(result.wait_ms),
            f"{result.total_ms:.3f}\n",
        )
    )


def _json(values: dict[str, str]) -> str:
    text = _encode(values).decode()
    if "\\" in text:
        text = text.replace("\\u0000", "").replace("\\", "\\\\")
    return text


def _number(value: float | None) -> str:
    return "\\N" if value is None else f"{value:.3f}"
